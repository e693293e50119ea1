from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from napari_unlearn.evaluation.results import read_results
from napari_unlearn.evaluation.statistics import (
    Bootstrap,
    cost,
    mean_estimate,
    oracle_gap,
    tug_of_war,
)
from napari_unlearn.evaluation.table import RunResult
from tests.evaluation.paper import flat, run, sample

RESULTS = Path(__file__).parents[2] / "docs" / "results"


@pytest.fixture(scope="module")
def published():
    return {result.name: result for result in read_results(RESULTS / "brain-knee.json")}


def differences(own, oracle, set_name):
    """PSNR differences by patient, worked out apart from the code under test."""
    peers = {(s.scan, s.slice): s.psnr for s in oracle.samples if s.set == set_name}
    found = {}
    for s in own.samples:
        if s.set == set_name:
            found.setdefault(s.patient, []).append(s.psnr - peers[s.scan, s.slice])
    return found


@pytest.mark.parametrize("name", ["ft", "nl-ft", "zero-filled"])
def test_the_gap_is_the_difference_of_the_averages(published, name):
    own, oracle = published[name], published["oracle"]
    gap = oracle_gap(own, oracle, ["forget_test"], "psnr")
    means = [result.values("forget_test", "psnr").mean() for result in (own, oracle)]
    assert gap.value == pytest.approx(abs(means[0] - means[1]))
    assert gap.low < gap.value < gap.high


def test_the_interval_is_scipys_over_patients(published):
    """Two slices a patient: the mean over slices is that over the patients' means."""
    own, oracle = published["nl-ft"], published["oracle"]
    patients = np.array([np.mean(d) for d in differences(own, oracle, "forget_test").values()])
    assert len(patients) == 15
    patients *= np.sign(patients.mean())  # the gap is a distance, whichever side it lies on
    expected = stats.bootstrap(
        (patients,), np.mean, n_resamples=50_000, method="percentile", random_state=1
    ).confidence_interval
    assert expected.low > 0, "an interval across zero would be folded"
    gap = oracle_gap(own, oracle, ["forget_test"], "psnr", Bootstrap(resamples=50_000))
    # A percentile of 50,000 draws has a standard error of 0.3 % of the interval; two are compared.
    tolerance = 0.02 * (expected.high - expected.low)
    assert (gap.low, gap.high) == pytest.approx((expected.low, expected.high), abs=tolerance)
    assert (gap.patients, gap.slices) == (15, 30)


def test_the_vectorised_draws_are_those_of_a_plain_loop():
    """Patients with different numbers of slices, drawn one resample at a time."""
    generator = np.random.default_rng(3)
    patients = ["a"] * 5 + ["b"] * 1 + ["c"] * 3
    values = generator.normal(size=9)
    bootstrap = Bootstrap(resamples=50, seed=7)
    means = []
    for counts in bootstrap.weights("test", 3):
        assert counts.sum() == 3
        drawn = [
            value
            for name, count in zip("abc", counts, strict=True)
            for value in values[[p == name for p in patients]].tolist() * count
        ]
        means.append(np.mean(drawn))
    np.testing.assert_allclose(bootstrap.means("test", patients, values), means)


def test_slices_of_one_patient_are_not_independent():
    """Ten slices of each patient say no more than one if they are all alike."""
    own = {f"p{n}": [(30.0 + n, 0.9)] for n in range(6)}
    many = {name: values * 10 for name, values in own.items()}
    gaps = [
        oracle_gap(
            run("ft", {"t": s}),
            run("oracle", {"t": {n: [(28.0, 0.9)] * len(v) for n, v in s.items()}}),
            ["t"],
            "psnr",
        )
        for s in (own, many)
    ]
    assert (gaps[0].low, gaps[0].high) == pytest.approx((gaps[1].low, gaps[1].high))


def test_equal_models_have_an_interval_that_reaches_zero():
    generator = np.random.default_rng(0)
    noise = generator.normal(scale=0.5, size=20)
    noise -= noise.mean() - 0.01
    own = {f"p{n}": [(30 + shift, 0.9)] for n, shift in enumerate(noise)}
    peer = {f"p{n}": [(30.0, 0.9)] for n in range(20)}
    gap = oracle_gap(run("ft", {"t": own}), run("oracle", {"t": peer}), ["t"], "psnr")
    assert gap.value == pytest.approx(0.01)
    assert gap.low == 0
    assert 0.1 < gap.high < 0.4


def test_gaps_of_either_sign_add_up():
    own = run("nl-ft", {"retain_test": flat(29.0, 0.9), "forget_test": flat(20.0, 0.7)})
    oracle = run("oracle", {"retain_test": flat(29.5, 0.92), "forget_test": flat(17.0, 0.5)})
    gap = oracle_gap(own, oracle, ["retain_test", "forget_test"], "psnr")
    assert (gap.value, gap.low, gap.high) == pytest.approx((3.5, 3.5, 3.5))


def test_a_sum_waits_for_every_set():
    own = run("ft", {"retain_test": flat(29.0, 0.9)})
    oracle = run("oracle", {"retain_test": flat(29.5, 0.9), "forget": flat(17.0, 0.5)})
    assert oracle_gap(own, oracle, ["retain_test", "forget"], "psnr") is None


def test_one_patient_gives_no_interval():
    own, oracle = run("ft", {"t": flat(29.0, 0.9, 1)}), run("oracle", {"t": flat(30.0, 0.9, 1)})
    gap = oracle_gap(own, oracle, ["t"], "psnr")
    assert (gap.value, gap.low, gap.high) == (pytest.approx(1.0), None, None)


def test_the_order_of_the_slices_does_not_matter(published):
    own, oracle = published["ft"], published["oracle"]
    turned = replace(own, samples=own.samples[::-1])
    assert oracle_gap(turned, oracle, ["retain_test"], "psnr").low == pytest.approx(
        oracle_gap(own, oracle, ["retain_test"], "psnr").low
    )


def test_agreement_is_averaged_over_what_was_measured(published):
    found = mean_estimate(published["zero-filled"], "forget_test", "agreement")
    values = published["zero-filled"].values("forget_test", "agreement")
    assert found.value == pytest.approx(values.mean())
    assert found.low < found.value < found.high
    assert mean_estimate(published["oracle"], "forget_test", "agreement") is None


def test_tug_of_war_by_hand():
    own = run("nl-ft", {"a": flat(1, 0.7), "b": flat(1, 0.95), "c": flat(1, 0.6)})
    oracle = run("oracle", {"a": flat(1, 0.5), "b": flat(1, 0.9), "c": flat(1, 0.65)})
    assert tug_of_war(own, oracle, ["a", "b", "c"]) == pytest.approx(0.8 * 0.95 * 0.95)


def test_an_accuracy_below_zero_counts_as_zero():
    own, oracle = run("ga", {"a": flat(1, -0.3)}), run("oracle", {"a": flat(1, 0.9)})
    assert tug_of_war(own, oracle, ["a"]) == pytest.approx(0.1)


def test_tug_of_war_needs_its_sets():
    own = RunResult("ft", run("ft", {}).card, (sample("a", "p", 0),))
    assert tug_of_war(own, own, ["a", "forget"]) is None
    assert tug_of_war(own, own, []) is None


def test_cost_is_counted_in_the_oracles_training():
    spent = cost(run("ft", {}, 80, 12.0), run("oracle", {}, 800, 60.0))
    assert (spent.steps, spent.seconds) == (80, 12.0)
    assert (spent.oracle_steps, spent.oracle_seconds) == pytest.approx((0.1, 0.2))


def test_an_unknown_cost_stays_unknown():
    spent = cost(run("ft", {}), run("oracle", {}, 800, 60.0))
    assert (spent.seconds, spent.oracle_steps) == (None, None)
    assert cost(run("ft", {}, 80, 12.0)).oracle_seconds is None
