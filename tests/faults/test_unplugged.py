"""Files that go away while they are in use."""

import os

import numpy as np
import pytest

from napari_unlearn.errors import UnlearnError
from napari_unlearn.io.fastmri import read_fastmri, write_fastmri
from napari_unlearn.io.nifti import read_nifti, write_nifti
from napari_unlearn.io.open import open_scan
from napari_unlearn.io.volume import ImageVolume
from tests.io.test_fastmri import make_scan

VOLUME = np.random.default_rng(0).random((6, 40, 40), dtype=np.float32)


@pytest.mark.parametrize("how", ["deleted", "cut off", "unplugged"])
def test_a_scan_that_goes_away_between_two_slices_is_one_sentence(tmp_path, how):
    folder = tmp_path / "stick"
    scan = read_fastmri(write_fastmri(folder / "s.h5", make_scan()))
    scan.kspace(0)
    if how == "deleted":
        scan.path.unlink()
    elif how == "cut off":
        os.truncate(scan.path, 3000)
    else:
        folder.rename(tmp_path / "gone")
    with pytest.raises(UnlearnError, match=r"s\.h5: ") as caught:
        scan.kspace(1)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("how", ["deleted", "cut off"])
def test_a_volume_that_goes_away_while_it_is_shown_stays(tmp_path, how):
    """Mapped numbers of a file that was cut off would end the whole process (SIGBUS)."""
    path = write_nifti(tmp_path / "v.nii", ImageVolume("v", VOLUME))
    volume, simulated = read_nifti(path, axial=True), open_scan(path)
    before = volume.image(5).copy()
    if how == "deleted":
        path.unlink()
    else:
        os.truncate(path, 400)
    np.testing.assert_array_equal(volume.image(5), before)
    assert np.isfinite(simulated.kspace(0)).all()
