import json
import math
import os
from dataclasses import replace
from pathlib import Path

import pytest

from napari_unlearn.cancel import CancelToken
from napari_unlearn.errors import Cancelled
from napari_unlearn.evaluation.error import EvaluationError
from napari_unlearn.evaluation.hallucination import MODES
from napari_unlearn.evaluation.self_test import SelfTest, SelfTestResult, Slice, run_self_test
from napari_unlearn.evaluation.self_test_data import phantom_slices, scan_slices
from napari_unlearn.evaluation.self_test_report import SelfTestReport
from napari_unlearn.io.open import open_scan
from napari_unlearn.models.load import load_model
from napari_unlearn.mri.sampling import Sampling
from tests.evaluation.tiny import scan, varnet

SAMPLES = Path(__file__).parents[2] / "sample_data"
FOUR = Sampling("equispaced", 4, 0.08)


def tiny_test(**changes):
    calibration, test = scan_slices(scan(slices=4, size=64))
    return SelfTest(varnet(0), varnet(1), FOUR, calibration, test, **changes)


def run(test):
    *steps, result = run_self_test(test, CancelToken())
    assert isinstance(result, SelfTestResult)
    return result, steps


@pytest.fixture(scope="module")
def result():
    return run(tiny_test())[0]


def test_every_mode_is_told_of_every_place_both_ways(result):
    assert {record.mode for record in result.records} == set(MODES)
    assert result.structures > 0
    for record in result.records:
        assert len(record.places) == 2 * result.structures
        assert {place.way for place in record.places} == {"plain", "consistent"}
        assert record.planted_pixels.size == sum(
            int(p.structure.support((64, 64)).sum()) for p in record.places if p.way == "plain"
        )
        assert 0 <= record.false_alarms <= 1
        assert 0 <= record.false_alarms_body <= 1


def test_the_same_seed_gives_the_same_figures():
    modes = ("error", "null-space")
    first, second = (run(tiny_test(modes=modes))[0] for _ in range(2))
    assert [r.places for r in first.records] == [r.places for r in second.records]
    other, _ = run(tiny_test(modes=modes, seed=1))
    assert first.records[0].places != other.records[0].places


def test_progress_counts_the_slices():
    _, steps = run(tiny_test(modes=("error",)))
    assert steps == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_it_can_be_cancelled():
    cancel = CancelToken()
    events = run_self_test(tiny_test(modes=("error",)), cancel)
    next(events)
    cancel.cancel()
    with pytest.raises(Cancelled):
        next(events)


def test_the_report_survives_being_written_down(result):
    report = SelfTestReport.of(result, "napari-unlearn benchmark hallucinations", {"data": "tiny"})
    again = SelfTestReport.read(report.json())
    assert again.text() == report.text()
    assert json.loads(report.json())["best"] == report.best
    assert [each.mode for each in again.scores] == list(MODES)
    for mode in MODES:
        assert f"| {mode} |" in report.text()


def test_the_second_model_does_not_make_disagreement_the_best(result):
    report = SelfTestReport.of(result, "x", {})
    ideal = replace(report.scores[-1], auroc=1.1)
    assert ideal.mode == "disagreement"
    assert replace(report, scores=(*report.scores[:-1], ideal)).best == report.best
    assert replace(report, scores=(ideal,)).best == "disagreement"


def test_what_was_not_measured_is_blank_and_null(result):
    record = replace(result.records[0], places=())
    report = SelfTestReport.of(replace(result, records=(record,)), "x", {})
    assert json.loads(report.json())["scores"][0]["auroc"] is None
    assert math.isnan(SelfTestReport.read(report.json()).scores[0].auroc)
    assert "nan" not in report.text()


def test_slices_without_truth_are_refused():
    brain = scan(slices=2, size=64)
    lines = FOUR.mask(64, 0).lines.numpy()
    for wrong, words in [
        (replace(brain, acquired=lines), "is undersampled"),
        (replace(brain, targets=None), "no reference image"),
    ]:
        with pytest.raises(EvaluationError, match=words):
            run(replace(tiny_test(), calibration=[Slice(wrong, 0)]))
    with pytest.raises(EvaluationError, match="others to test"):
        run(replace(tiny_test(), test=[]))
    with pytest.raises(EvaluationError, match="one slice"):
        scan_slices(scan(slices=1))


def test_phantoms_to_test_are_not_those_that_calibrate():
    calibration, test = phantom_slices("knee", 1, size=32, coils=2)
    assert len(test) == 2
    names = {each.scan.header.name for each in calibration}
    assert test[0].scan.header.name not in names
    with pytest.raises(EvaluationError, match="1 to 200"):
        phantom_slices("brain", 201)


@pytest.mark.long
def test_the_default_map_finds_what_is_planted_in_the_sample_oracle():
    calibration, test = phantom_slices("brain", 12)
    oracle, _ = load_model(SAMPLES / "contaminated-site" / "oracle.safetensors")
    work = SelfTest(oracle, oracle, FOUR, calibration, test, modes=("error",))
    report = SelfTestReport.of(run(work)[0], "", {})
    (score,) = report.scores
    assert score.auroc_plain >= 0.95
    assert score.false_alarms <= 0.01


@pytest.mark.real
@pytest.mark.long
def test_the_default_map_finds_what_is_planted_in_a_real_knee():
    folder = os.environ.get("NAPARI_UNLEARN_REAL")
    if not folder:
        pytest.skip("NAPARI_UNLEARN_REAL is not set")
    knee = open_scan(Path(folder) / "knee_mese_dicom", matrix=(96, 96))
    model, _ = load_model(SAMPLES / "brain-knee" / "original.safetensors")
    calibration, test = scan_slices(knee)
    work = SelfTest(model, model, FOUR, calibration, test, modes=("error",))
    report = SelfTestReport.of(run(work)[0], "", {})
    (score,) = report.scores
    assert score.auroc_plain >= 0.95
    assert score.false_alarms <= 0.01
