import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_unlearn.errors import WrongUse
from napari_unlearn.evaluation.acquisition import Acquisition
from napari_unlearn.evaluation.error import EvaluationError
from napari_unlearn.evaluation.hallucination import (
    DEFAULT_MODE,
    MODES,
    SliceEvidence,
    hallucination_map,
    prepare,
)
from napari_unlearn.evaluation.planted import Structure, plant_departures
from napari_unlearn.evaluation.reconstruct import image_of
from napari_unlearn.mri.fourier import fft2c
from napari_unlearn.mri.null_space import spectrum
from napari_unlearn.mri.sampling import Sampling
from napari_unlearn.phantoms.subject import simulate_subject

SCAN = simulate_subject("brain", 5, slices=1)
MASK = Sampling("equispaced", 4, 0.08).mask(96, 0)
PIXEL = SCAN.header.voxel_size[1:]
DISC = Structure("invented", 45.0, 30.0, 14.0, 0.3, PIXEL)
INSIDE = DISC.support((96, 96))
FAR = DISC.distance((96, 96)) > 5
BODY = SCAN.targets[0] > 0.1 * SCAN.maximum


def evidence(way="plain", structures=(DISC,), scan=SCAN):
    """A perfect reconstruction, but for what is planted."""
    truth, header = scan.kspaces[0], scan.header
    lines = MASK.lines.numpy()
    planted = plant_departures(truth, truth, lines, structures, (96, 96), scan.maximum, way)
    return SliceEvidence(
        image_of(planted.kspace, header),
        scan.maximum,
        reference=image_of(planted.truth, header),
        other=image_of(truth, header),
        kspace=planted.kspace,
        truth=planted.truth,
        acquisition=Acquisition.of(scan, 0, MASK),
    )


PLANTED = {way: evidence(way) for way in ("plain", "consistent")}


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_sees_a_plain_structure(mode):
    values = hallucination_map(mode, [PLANTED["plain"]])[0]
    assert values.shape == (96, 96)
    assert values.dtype == np.float32
    assert np.isfinite(values).all()
    assert np.median(values[INSIDE]) > 2 * np.median(values[FAR & BODY])


@pytest.mark.parametrize("mode", ["error", "disagreement"])
def test_differences_are_fractions_of_the_maximum(mode):
    values = hallucination_map(mode, [PLANTED["plain"]])[0]
    assert values[45, 30] == pytest.approx(0.3, rel=0.02)


def rms(values):
    return float(np.sqrt((values**2).mean()))


def test_by_coils_what_agrees_with_the_measured_lines_shows_in_the_null_space_only():
    found = evidence("consistent")
    unseen, seen = (
        hallucination_map(f"coil-{name}", [found]) for name in ("null-space", "measurement")
    )
    assert rms(unseen) > 20 * rms(seen)


def test_what_no_coil_saw_shows_in_the_null_space_only():
    clean = evidence(structures=())
    encoding = clean.acquisition.encoding
    disc = torch.from_numpy(3 * SCAN.maximum * DISC.drawing((96, 96))).to(torch.complex64)
    unseen = fft2c(encoding.sensitivities * spectrum(encoding, disc).null(1e-5))
    hidden = replace(clean, kspace=clean.kspace + unseen.numpy())
    change = {}
    for mode in ("null-space", "measurement"):
        before, after = (hallucination_map(mode, [each], 1e-3) for each in (clean, hidden))
        change[mode] = rms(after - before)
    assert change["null-space"] > 5 * change["measurement"]


def test_what_each_coil_leaves_open_the_others_contradict():
    bright = replace(DISC, contrast=2.0)
    found = evidence("consistent", (bright,))
    by_coils, together = (
        hallucination_map(mode, [found])[0] for mode in ("coil-measurement", "measurement")
    )
    assert np.median(by_coils[INSIDE]) < 1e-3
    assert np.median(together[INSIDE]) > 0.1


def test_a_reconstruction_without_fault_leaves_no_map_but_the_noise():
    clean = evidence(structures=())
    for mode in ("error", "null-space", "coil-null-space", "coil-measurement", "sfrc"):
        assert hallucination_map(mode, [clean]).max() < 1e-3
    # what coils and lambda do not explain of the noise, contradicts
    assert hallucination_map("measurement", [clean])[0][BODY].mean() < 0.05


def test_by_coils_the_two_maps_of_any_departure_come_from_disjoint_lines():
    shown = {m: hallucination_map(m, [PLANTED["plain"]])[0] for m in MODES if m.startswith("coil")}
    energy = sum((values**2).sum() for values in shown.values())
    departure = PLANTED["plain"].kspace - PLANTED["plain"].truth
    assert energy * SCAN.maximum**2 == pytest.approx((np.abs(departure) ** 2).sum(), rel=1e-3)


@pytest.mark.parametrize("mode", [name for name, mode in MODES.items() if mode.uses_lambda])
def test_one_preparation_answers_every_lambda(mode):
    ready = prepare(mode, PLANTED["plain"])
    small, large = ready.at(1e-4), ready.at(1.0)
    assert np.abs(small - large).max() > 0.01
    for lam, values in ((1e-4, small), (1.0, large)):
        np.testing.assert_array_equal(hallucination_map(mode, [PLANTED["plain"]], lam)[0], values)
    assert ready.null_share(1e-4) < ready.null_share(1.0)


def test_lambda_comes_from_the_data_unless_given():
    own = PLANTED["plain"].acquisition.lam
    assert 1e-4 < own < 1e-1
    default = hallucination_map("null-space", [PLANTED["plain"]])
    np.testing.assert_array_equal(default, hallucination_map("null-space", [PLANTED["plain"]], own))
    assert Acquisition.of(SCAN, 0, MASK, lam=0.5).lam == 0.5


@pytest.mark.parametrize("mode", MODES)
def test_the_receivers_gain_does_not_matter(mode):
    quiet = replace(SCAN, kspaces=SCAN.kspaces * 1e-5, targets=SCAN.targets * 1e-5)
    found = hallucination_map(mode, [evidence(scan=quiet)])
    expected = hallucination_map(mode, [PLANTED["plain"]])
    assert np.abs(found - expected).mean() < 0.01 * expected.max()


def test_a_mode_says_what_it_lacks():
    bare = SliceEvidence(SCAN.targets[0], SCAN.maximum)
    for mode, words in [
        ("error", "error map needs a reference image"),
        ("sfrc", "needs a reference image"),
        ("disagreement", "second model"),
        ("measurement", "coils' k-space"),
    ]:
        with pytest.raises(EvaluationError, match=words):
            prepare(mode, bare)
    with pytest.raises(EvaluationError, match="fully sampled k-space"):
        prepare("null-space", replace(PLANTED["plain"], truth=None))


def test_an_unknown_mode_is_wrong_use_and_the_modes_are_named():
    with pytest.raises(WrongUse, match=r"'nullspace'.*null-space, measurement"):
        prepare("nullspace", PLANTED["plain"])
    assert DEFAULT_MODE in MODES


def test_undersampled_k_space_is_no_truth_and_coils_come_from_its_centre():
    lines = MASK.lines.numpy()
    under = replace(SCAN, kspaces=SCAN.kspaces * lines, acquired=lines)
    known, less = Acquisition.of(SCAN, 0, MASK), Acquisition.of(under, 0, MASK)
    assert less.truth is None
    assert known.truth is not None
    torch.testing.assert_close(known.measured, less.measured)
    ours, theirs = known.encoding.sensitivities, less.encoding.sensitivities
    body = torch.from_numpy(BODY)
    norms = ours.abs().square().sum(0)
    torch.testing.assert_close(norms, torch.ones_like(norms), atol=1e-4, rtol=0)
    agreement = (ours.conj() * theirs).sum(0).abs()[body]
    assert float(agreement.median()) > 0.98


def test_the_window_can_import_it_without_torch():
    code = (
        "import sys, napari_unlearn.evaluation.hallucination, napari_unlearn.evaluation.marking; "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
