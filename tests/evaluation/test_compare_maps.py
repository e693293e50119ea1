from dataclasses import replace

import numpy as np
import pytest

from napari_unlearn.cancel import CancelToken
from napari_unlearn.errors import UnlearnError, WrongUse
from napari_unlearn.evaluation.compare import compare
from napari_unlearn.evaluation.comparison import Reconstructed
from napari_unlearn.evaluation.error import EvaluationError
from napari_unlearn.evaluation.hallucination import MODES
from napari_unlearn.mri.sampling import Sampling
from tests.evaluation.tiny import arm, scan

KSPACE = [name for name, mode in MODES.items() if mode.uses_kspace]


@pytest.fixture
def arms(tmp_path):
    return [
        arm(tmp_path, "Original", "original", 0),
        arm(tmp_path, "Oracle", "oracle", 1, metrics={"error_p99": 0.07}),
        arm(tmp_path, "Unlearned", "unlearned", 2),
    ]


def run(*args, **kwargs):
    *steps, last = compare(*args, cancel=CancelToken(), **kwargs)
    return last.comparison, steps


def undersampled(brain):
    lines = Sampling("equispaced", 4, 0.08).mask(48, 0).lines.numpy()
    return replace(brain, kspaces=brain.kspaces * lines, acquired=lines, targets=None)


@pytest.mark.parametrize("mode", KSPACE)
def test_maps_of_k_space_come_with_the_images_of_the_plain_comparison(arms, mode):
    brain = scan()
    made, steps = run(brain, arms, mode=mode)
    plain, _ = run(brain, arms)
    assert all(isinstance(step, Reconstructed) for step in steps)
    assert [(s.index, s.arm) for s in steps] == [(i, a) for i in range(2) for a in range(3)]
    assert [step.done for step in steps] == [1, 2, 3, 4, 5, 6]
    for ours, theirs in zip(made.arms, plain.arms, strict=True):
        np.testing.assert_allclose(ours.images, theirs.images, atol=1e-5 * made.maximum)
        assert ours.hallucinations.shape == ours.images.shape
        assert np.isfinite(ours.hallucinations).all()
        assert ours.hallucinations.max() > 0
        assert ours.quality is not None
    assert made.threshold > 0
    assert "oracle's own" in made.threshold_from


def test_lambda_and_its_null_share_are_told(arms):
    small, _ = run(scan(), arms, mode="null-space", lam=1e-3)
    large, _ = run(scan(), arms, mode="null-space", lam=1.0)
    assert (small.lam, large.lam) == (1e-3, 1.0)
    assert all(a.null_share < b.null_share for a, b in zip(small.arms, large.arms, strict=True))
    own, _ = run(scan(), arms[:1], mode="measurement")
    assert 0 < own.lam < 1
    by_coils, _ = run(scan(), arms[:1], mode="coil-measurement")
    assert (by_coils.lam, by_coils.arms[0].null_share) == (None, None)


def test_without_a_reference_the_measurement_map_is_shown_and_this_is_said(arms):
    made, _ = run(undersampled(scan()), arms[:1], mode="measurement")
    assert made.reference is None
    assert made.arms[0].hallucinations.max() > 0
    assert any("highlighted is the measurement map" in remark for remark in made.remarks)


def test_without_full_k_space_the_oracle_is_what_others_are_set_against(arms):
    made, _ = run(undersampled(scan()), arms, mode="null-space")
    assert [arm.hallucinations is None for arm in made.arms] == [False, True, False]
    asked, _ = run(scan(), arms, mode="coil-null-space", reference="oracle")
    assert [arm.hallucinations is None for arm in asked.arms] == [False, True, False]


def test_without_full_k_space_and_oracle_there_is_no_null_space_map(arms):
    with pytest.raises(EvaluationError, match="undersampled and there is no oracle"):
        run(undersampled(scan()), arms[:1], mode="null-space")


def test_the_sfrc_and_the_disagreement_need_no_k_space(arms):
    for mode in ("sfrc", "disagreement"):
        made, steps = run(scan(), arms, mode=mode)
        assert [s.arm for s in steps] == [0, 0, 1, 1, 2, 2]
        assert all(arm.hallucinations is not None for arm in made.arms)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"mode": "magic"}, "no map 'magic'"),
        ({"rule": "magic"}, "no threshold rule 'magic'"),
        ({"lam": 0.1}, "does not enter the error map"),
        ({"mode": "null-space", "lam": -1.0}, "above 0"),
    ],
)
def test_wrong_use_is_told_before_any_work(arms, options, words):
    arms[0].path.write_bytes(b"nonsense")
    with pytest.raises(WrongUse, match=words):
        run(scan(), arms, **options)


def test_cancel_before_the_maps_of_a_slice(arms):
    cancel = CancelToken()
    events = compare(scan(), arms, cancel=cancel, mode="null-space")
    next(events)
    cancel.cancel()
    with pytest.raises(UnlearnError):
        next(events)
