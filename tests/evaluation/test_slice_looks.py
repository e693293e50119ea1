import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_unlearn.cancel import CancelToken
from napari_unlearn.errors import Cancelled, UnlearnError
from napari_unlearn.evaluation.compare import compare
from napari_unlearn.evaluation.hallucination import Settled
from napari_unlearn.evaluation.kspace_maps import Split
from napari_unlearn.evaluation.slice_looks import KeptLooks, SliceLooks, look_at_slice
from napari_unlearn.mri.null_space import DIMENSION, Spectrum
from napari_unlearn.mri.sampling import Sampling
from tests.evaluation.tiny import arm, scan


@pytest.fixture
def arms(tmp_path):
    return [
        arm(tmp_path, "Original", "original", 0),
        arm(tmp_path, "Oracle", "oracle", 1),
        arm(tmp_path, "Unlearned", "unlearned", 2),
    ]


def compared(brain, arms, **options):
    *_, last = compare(brain, arms, cancel=CancelToken(), **options)
    return last.comparison


def looked(brain, arms, made, **options):
    return look_at_slice(
        brain, arms, 1, mode=made.mode, cancel=CancelToken(), maximum=made.maximum, **options
    )


@pytest.mark.parametrize("mode", ["null-space", "measurement"])
@pytest.mark.parametrize("lam", [None, 0.3])
def test_a_slice_looked_at_alone_has_the_maps_of_the_comparison(arms, mode, lam):
    brain = scan()
    made = compared(brain, arms, mode=mode, lam=lam)
    looks = looked(brain, arms, made)
    own = looks.lam if lam is None else lam
    for result, values in zip(made.arms, looks.at(own), strict=True):
        np.testing.assert_allclose(values, result.hallucinations[1], rtol=1e-4, atol=1e-6)
    small, large = looks.null_shares(own / 10), looks.null_shares(own)
    assert all(0 < a < b <= 1 for a, b in zip(small, large, strict=True))


def test_another_sampling_is_that_of_the_comparison(arms):
    brain, half = scan(), Sampling("equispaced", 2, 0.1)
    made = compared(brain, arms, mode="measurement", sampling=half)
    looks = looked(brain, arms, made, sampling=half)
    found = looks.at(looks.lam)[0]
    np.testing.assert_allclose(found, made.arms[0].hallucinations[1], rtol=1e-4, atol=1e-6)


def test_without_full_k_space_the_oracle_has_no_map(arms):
    brain = scan()
    lines = Sampling("equispaced", 4, 0.08).mask(48, 0).lines.numpy()
    under = replace(brain, kspaces=brain.kspaces * lines, acquired=lines, targets=None)
    made = compared(under, arms, mode="null-space")
    looks = looked(under, arms, made)
    assert [values is None for values in looks.at(0.1)] == [False, True, False]
    assert looks.null_shares(0.1)[1] is None
    asked = looked(brain, arms, compared(brain, arms, mode="null-space"), against_oracle=True)
    assert asked.arms[1] is None
    with pytest.raises(UnlearnError, match="no oracle"):
        looked(under, arms[:1], made)


def test_it_can_be_cancelled(arms):
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        look_at_slice(scan(), arms, 0, mode="null-space", cancel=cancel)


def looks_of(index):
    return SliceLooks(index, 0.1, (Settled(np.zeros((10, 25), np.float32)), None))  # 1000 bytes


def test_only_the_last_slices_are_kept_as_many_as_there_is_room_for():
    kept = KeptLooks(budget=2500)
    for index in range(4):
        kept.put(looks_of(index))
    assert [index in kept for index in range(4)] == [False, False, True, True]
    assert kept.nbytes == 2000


def test_the_slice_seen_last_stays_longest():
    kept = KeptLooks(budget=2500)
    for index in (0, 1):
        kept.put(looks_of(index))
    assert kept.get(0).index == 0
    kept.put(looks_of(2))
    assert (kept.get(1), kept.get(0) is not None) == (None, True)


def test_the_slice_in_view_is_kept_however_large_it_is():
    kept = KeptLooks(budget=10)
    for index in (0, 1):
        kept.put(looks_of(index))
    assert 0 not in kept
    assert 1 in kept
    kept.clear()
    assert kept.nbytes == 0


def test_three_slices_of_320_are_redrawn_within_100_milliseconds():
    shape = 320, DIMENSION, 320
    parts = torch.randn(shape, dtype=torch.complex64)
    levels, energies = torch.rand(shape[:2]), parts.abs().square().sum(2)
    split = Split(Spectrum(levels, parts, energies), "null", (320, 320), 1.0)
    looks = SliceLooks(0, 0.01, (split, split, split))
    assert looks.nbytes == 3 * parts.nbytes
    times = []
    for lam in (0.1, 0.01, 0.001, 0.02, 0.002):
        start = time.perf_counter()
        looks.at(lam)
        looks.null_shares(lam)
        times.append(time.perf_counter() - start)
    assert min(times) < 0.1


def test_the_window_can_import_it_without_torch():
    code = (
        "import sys, napari_unlearn.evaluation.slice_looks, napari_unlearn.evaluation.slice_marks; "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
