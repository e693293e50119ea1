import numpy as np
import pytest

from napari_unlearn.io import image_scan
from napari_unlearn.io.errors import ReadError
from napari_unlearn.io.image_scan import SimulatedScan, fit
from napari_unlearn.io.volume import ImageVolume
from napari_unlearn.mri.arrays import root_sum_of_squares


def disc(rows=48, columns=40, centre=(24, 20), radius=12):
    y, x = np.mgrid[:rows, :columns]
    return (np.hypot(y - centre[0], x - centre[1]) < radius).astype(np.float32)


def volume(slices=3, **options):
    affine = np.array([[0, 0, -1.1, 9], [0, -0.9, 0, 8], [3, 0, 0, 7], [0, 0, 0, 1.0]])
    data = np.stack([(i + 1) * 100 * disc() for i in range(slices)])
    return ImageVolume("v", data, (3.0, 0.9, 1.1), affine, source="v.nii", **options)


def test_the_scan_says_that_it_is_simulated():
    header = SimulatedScan(volume(), coils=6).header
    assert header.simulated
    assert (header.slices, header.coils, header.rows, header.columns) == (3, 6, 48, 40)
    assert (header.image_rows, header.image_columns) == (48, 40)
    assert header.voxel_size == (3.0, 0.9, 1.1)
    assert header.source == "v.nii"


def test_the_reference_is_what_k_space_shows():
    scan = SimulatedScan(volume())
    for index in range(3):
        kspace = scan.kspace(index)
        assert kspace.shape == (4, 48, 40)
        assert kspace.dtype == np.complex64
        np.testing.assert_array_equal(scan.target(index), root_sum_of_squares(kspace))
    assert scan.maximum == max(scan.target(i).max() for i in range(3))
    assert scan.acquired is None


def test_slices_that_cannot_hold_the_maximum_are_not_made():
    made = []

    class Watched(SimulatedScan):
        def kspace(self, index):
            made.append(index)
            return super().kspace(index)

    dim = np.linspace(0.1, 1, 20)[:, None, None] * np.ones((20, 32, 32))
    scan = Watched(ImageVolume("v", np.float32(dim)))
    assert scan.maximum == max(scan.target(i).max() for i in range(20))
    made.clear()
    assert Watched(scan.volume).maximum == scan.maximum
    assert made[0] == 19
    assert len(made) < 6
    nothing = Watched(ImageVolume("v", np.zeros((64, 32, 32), np.uint8)))
    made.clear()
    assert nothing.maximum == 0
    assert made == []


def test_the_object_is_still_there():
    """Coil shading changes brightness smoothly; it does not move the disc."""
    target = SimulatedScan(volume(), noise=0).target(1)
    inside, outside = disc(radius=10) > 0, disc(radius=14) == 0
    assert target[inside].min() > 50 * target[outside].max()


def test_a_seed_fixes_every_slice_in_any_order():
    first, second = SimulatedScan(volume(), seed=3), SimulatedScan(volume(), seed=3)
    last = second.kspace(2)
    np.testing.assert_array_equal(first.kspace(0), second.kspace(0))
    np.testing.assert_array_equal(first.kspace(2), last)
    assert not np.allclose(first.kspace(2), SimulatedScan(volume(), seed=4).kspace(2))


def test_noise_has_the_stated_size_and_differs_between_slices():
    data = np.zeros((3, 64, 64), np.float32)
    data[1, 32, 32] = 500
    scan = SimulatedScan(ImageVolume("v", data), noise=0.02)
    first, last = scan.kspace(0), scan.kspace(2)
    assert np.sqrt((np.abs(first) ** 2).mean()) == pytest.approx(0.02 * 500, rel=0.02)
    assert abs(np.vdot(first, last)) < 0.05 * np.linalg.norm(first) * np.linalg.norm(last)


@pytest.mark.parametrize("matrix", [(32, 32), (96, 96), (31, 64), (48, 64)])
def test_another_matrix_keeps_every_point_in_place(matrix):
    """A blob is found at the same scanner position after padding and resampling."""
    y, x = np.mgrid[:48, :40]
    data = np.exp(-((y - 30) ** 2 + (x - 13) ** 2) / 18).astype(np.float32)[None]
    affine = np.array([[0, 0, -1.1, 9], [0, -0.9, 0, 8], [3, 0, 0, 7], [0, 0, 0, 1.0]])
    scan = SimulatedScan(ImageVolume("v", data, (3.0, 0.9, 1.1), affine), matrix=matrix)
    image = scan.image(0)
    assert image.shape == matrix == (scan.header.rows, scan.header.columns)
    y, x = np.mgrid[: matrix[0], : matrix[1]]
    centre = np.array([0, (y * image).sum() / image.sum(), (x * image).sum() / image.sum(), 1])
    np.testing.assert_allclose(scan.header.affine @ centre, affine @ (0, 30, 13, 1), atol=0.02)
    area = image.sum() * np.prod(scan.header.voxel_size[1:])
    assert area == pytest.approx(data.sum() * 0.9 * 1.1, rel=0.03)
    assert scan.target(0).shape == matrix


def test_fitting_to_its_own_matrix_changes_nothing():
    image = disc()
    assert fit(image, (48, 40)) is image


def test_negative_values_are_no_magnitudes():
    data = -np.ones((1, 16, 16), np.float32)
    assert SimulatedScan(ImageVolume("v", data)).image(0).min() == 0


@pytest.mark.parametrize(
    "options", [{"coils": 0}, {"noise": -1}, {"noise": float("nan")}, {"matrix": (0, 5)}]
)
def test_senseless_wishes_are_one_sentence(options):
    with pytest.raises(ReadError):
        SimulatedScan(volume(), **options)


def test_a_slice_that_does_not_exist():
    with pytest.raises(ReadError, match="no slice 3; 0 to 2"):
        SimulatedScan(volume()).kspace(3)


def test_sensitivities_of_large_matrices_do_not_stay_beside_each_other():
    """Four of 1024 x 1024 pixels stayed in memory for as long as the program, 144 MiB."""
    volume = ImageVolume("v", np.ones((1, 8, 8), np.float32))
    for seed in range(3):
        scan = SimulatedScan(volume, seed=seed, matrix=(1024, 1024))
        assert scan._maps[0] is scan._maps[0]
    assert len(image_scan._KEPT) == 1
    small = [SimulatedScan(volume, seed=seed, matrix=(16, 16)) for seed in range(3)]
    assert len({id(scan._maps[0]) for scan in small}) == 3
    assert len(image_scan._KEPT) >= 3
