"""Which scans a model contradicts, told from measured data alone."""

import json

import numpy as np
import pytest
import torch

from napari_unlearn.cancel import CancelToken
from napari_unlearn.errors import Cancelled, UnlearnError
from napari_unlearn.evaluation.outliers import LIMIT, robust_scores
from napari_unlearn.evaluation.suspicion import Suspect, Suspicion, find_suspects
from napari_unlearn.models.checkpoint import load_checkpoint
from napari_unlearn.mri.sampling import Sampling
from napari_unlearn.phantoms.subject import simulate_subject
from napari_unlearn.unlearning.batch import SliceSet
from tests.test_cli import run
from tests.tiny_study import write_study

from .tiny import arm

SAMPLING = Sampling("equispaced", 4, 0.08)


@pytest.fixture(scope="module")
def sets():
    def some(*seeds):
        scans = [simulate_subject("brain", seed, slices=2, size=48, coils=3) for seed in seeds]
        return SliceSet(scans, SAMPLING)

    return {"retain": some(1, 2, 3), "forget": some(4, 5)}


@pytest.fixture
def checkpoint(tmp_path):
    return arm(tmp_path, "original", "original").path


def test_the_misfit_is_the_models_departure_from_the_acquired_lines(sets, checkpoint):
    *counts, found = find_suspects(checkpoint, sets, "cpu")
    assert counts == [(done, 10) for done in range(1, 11)]
    assert {(scan.set, scan.slices) for scan in found.scans} == {("retain", 2), ("forget", 2)}
    values = [scan.misfit for scan in found.scans]
    assert values == sorted(values, reverse=True)
    model = load_checkpoint(checkpoint)[0].eval()
    first = sets["forget"].scans[0]
    expected = []
    for place in (0, 1):
        batch = sets["forget"].batch(place)
        with torch.no_grad():
            kspace = model.kspace(batch.kspace, batch.lines, batch.low_frequencies)
        off = (kspace - batch.kspace)[..., batch.lines[0]]
        expected.append(float(off.norm() / batch.kspace.norm()))
    (scan,) = (scan for scan in found.scans if scan.scan == first.header.name)
    assert scan.misfit == pytest.approx(np.mean(expected), rel=1e-5)


@pytest.mark.parametrize("share", [0.05, 0.2, 0.4])
def test_contaminated_scans_stand_out_even_where_they_are_many(share):
    rng = np.random.default_rng(0)
    count = round(150 * share)
    values = np.concatenate([rng.normal(0.06, 0.006, 150 - count), rng.normal(0.17, 0.02, count)])
    scores, usual, deviation = robust_scores(values)
    assert (scores[-count:] > LIMIT).mean() == 1
    assert (scores[:-count] > LIMIT).mean() < 0.02
    assert usual == pytest.approx(0.06, abs=0.004)
    assert deviation < 0.012


def test_scores_of_a_normal_distribution_are_standard_deviations():
    values = np.random.default_rng(1).normal(3.0, 0.5, 20_000)
    scores, usual, deviation = robust_scores(values)
    assert usual == pytest.approx(3.0, abs=0.05)
    assert deviation == pytest.approx(0.5, rel=0.05)
    assert np.std(scores) == pytest.approx(1.0, rel=0.05)


def test_equal_scans_and_a_single_one_are_not_suspicious():
    assert robust_scores(np.full(5, 0.1))[0].tolist() == [0] * 5
    assert robust_scores(np.array([0.1]))[0].tolist() == [0]
    assert robust_scores(np.array([0.1, 0.1, 0.1, 0.2]))[0].tolist() == [0, 0, 0, np.inf]


def test_the_sentence_names_the_worst_and_what_is_usual():
    scans = tuple(Suspect(f"s{n}", "forget", 2, 0.2 - n / 100, 9.0 - n) for n in range(8))
    said = Suspicion(scans, 0.06, 0.01).sentence
    assert said.startswith("On 6 of 8 scans the model strays from the measured lines by 0.150")
    assert "0.060 ± 0.010 as usual: s0, s1, s2, s3, s4 and 1 more." in said
    assert "None of 2 scans stands out" in Suspicion(scans[6:], 0.06, 0.01).sentence


def test_empty_sets_are_refused_in_a_sentence(checkpoint):
    with pytest.raises(UnlearnError, match="no scans"):
        list(find_suspects(checkpoint, {"retain": SliceSet([], SAMPLING)}, "cpu"))


def test_a_search_can_be_cancelled(sets, checkpoint):
    cancel = CancelToken()
    events = find_suspects(checkpoint, sets, "cpu", cancel)
    next(events)
    cancel.cancel()
    with pytest.raises(Cancelled):
        next(events)


def test_suspects_from_the_command_line(tmp_path):
    study = write_study(tmp_path / "study")
    said = run("suspects", study, code=1).stderr
    assert "train the original first" in said
    run("train", study, "--role", "original", "--epochs", 1, "--threads", 1)
    assert "strays from the measured lines" in run("suspects", study).stdout
    found = json.loads(run("suspects", study, "--json").stdout)
    assert {scan["set"] for scan in found["scans"]} == {"retain", "forget"}
    assert len(found["scans"]) == 3
