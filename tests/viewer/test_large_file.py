"""How much of a large file is read before there is something to see."""

import sys
import tracemalloc

import numpy as np
import pytest

from napari_unlearn.cancel import CancelToken
from napari_unlearn.io.fastmri import read_fastmri
from napari_unlearn.viewer import lazy_reference, tasks
from napari_unlearn.viewer.benchmark_files import SMALL_SCAN, BytesRead, write_large_scan
from napari_unlearn.viewer.reader import read
from napari_unlearn.viewer.tasks import Glimpse, Opened, opening


def bytes_read(work):
    counter = BytesRead()
    work()
    return counter.so_far


linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts what is read")


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    return write_large_scan(tmp_path_factory.mktemp("stored") / "s.h5", SMALL_SCAN)


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    return write_large_scan(tmp_path_factory.mktemp("bare") / "b.h5", SMALL_SCAN, stored=False)


@pytest.fixture(autouse=True)
def _imported():
    """A module that is read for the first time is no part of a scan."""
    import dask.array as da

    from napari_unlearn.io.open import open_scan, open_volume
    from napari_unlearn.io.reconstruction import read_reconstruction

    assert all((da, open_scan, open_volume, read_reconstruction))


@linux
def test_under_two_percent_of_a_file_is_read_to_show_all_its_reference_images(stored):
    events = []
    read_ = bytes_read(lambda: events.extend(opening(stored, CancelToken())))
    assert isinstance(events[-1], Opened)
    assert events[-1].reference.shape == (16, 80, 80)
    assert events[-1].reference.any(axis=(1, 2)).all()
    assert 0.011 < read_ / stored.stat().st_size < 0.02


@linux
def test_what_the_window_asks_for_afterwards_reads_nothing(stored):
    opened = list(opening(stored, CancelToken()))[-1]
    assert bytes_read(lambda: opened.scan.acquired) < 10_000


@linux
def test_the_reader_reads_no_more(stored):
    layers = []
    assert bytes_read(lambda: layers.extend(read(str(stored)))) < 0.02 * stored.stat().st_size
    np.testing.assert_allclose(layers[0][0][3], read_fastmri(stored).target(3))


@linux
def test_without_stored_images_the_first_picture_takes_one_slice(bare, monkeypatch):
    monkeypatch.setattr(tasks, "_PATIENCE", 0.0)
    events = opening(bare, CancelToken())
    first = []
    read_ = bytes_read(lambda: first.append(next(events)))
    assert isinstance(first[0], Glimpse)
    assert first[0].reference[8].any()
    assert not first[0].reference[0].any()
    assert read_ / bare.stat().st_size < 1 / 16 + 1 / 16 / 20 + 0.002
    *_, last = events
    assert last.reference is first[0].reference
    assert last.reference.any(axis=(1, 2)).all()


@linux
def test_a_layer_without_stored_images_is_computed_slice_by_slice(bare, monkeypatch):
    monkeypatch.setattr(lazy_reference, "MUCH", 2**20)
    layers = []
    assert bytes_read(lambda: layers.extend(read(str(bare)))) < 0.07 * bare.stat().st_size
    [(images, options, _)] = layers
    assert images.shape == (16, 80, 80)
    assert bytes_read(lambda: np.asarray(images[3])) < 0.07 * bare.stat().st_size
    np.testing.assert_allclose(images[3], read_fastmri(bare).target(3), rtol=1e-6)
    assert options["contrast_limits"][1] > 0


@pytest.mark.parametrize(("file", "most"), [("stored", 0.04), ("bare", 0.4)])
def test_memory_is_that_of_one_slice_however_many_there_are(file, most, request):
    path = request.getfixturevalue(file)
    tracemalloc.start()
    try:
        for _ in opening(path, CancelToken()):
            pass
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < most * path.stat().st_size
