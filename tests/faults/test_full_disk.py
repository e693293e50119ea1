"""A full disk is one sentence; what was there stays whole, with nothing half-written beside it."""

import numpy as np
import pytest

from napari_unlearn.atomic import write_whole
from napari_unlearn.errors import UnlearnError
from napari_unlearn.evaluation.export import export_comparison
from napari_unlearn.evaluation.results import write_results
from napari_unlearn.evaluation.table import RunResult, Sample
from napari_unlearn.io.fastmri import write_fastmri
from napari_unlearn.io.label_volume import write_labels
from napari_unlearn.io.nifti import write_nifti
from napari_unlearn.io.reconstruction import write_reconstruction
from napari_unlearn.io.volume import ImageVolume
from napari_unlearn.models.card import Card
from napari_unlearn.reading.files import write_reveal
from napari_unlearn.reading.reading import Reading
from napari_unlearn.reading.reveal import reveal
from tests.evaluation.test_export import judged
from tests.faults.limits import needs_limits, room_for
from tests.io.test_fastmri import make_scan
from tests.reading.studies import write_study

pytestmark = needs_limits
CARD = Card(architecture="varnet", parameters={})
NOISE = np.random.default_rng(0).random((3, 16, 16), dtype=np.float32)


def results(path, count):
    samples = tuple(Sample("held", "a", "", n, 1.0, 1.0, 1.0, *[None] * 4) for n in range(count))
    write_results(path, "x", [RunResult("original", CARD, samples)])


WRITERS = {
    "text.toml": lambda path: write_whole(path, b"x" * 5000),
    "scan.h5": lambda path: write_fastmri(path, make_scan()),
    "pictures.h5": lambda path: write_reconstruction(path, NOISE, make_scan().header),
    "volume.nii": lambda path: write_nifti(path, ImageVolume("v", NOISE)),
    "volume.nii.gz": lambda path: write_nifti(path, ImageVolume("v", NOISE)),
    "labels.nii": lambda path: write_labels(path, np.ones((30, 30, 30), np.uint8), np.eye(4)),
    "results.json": lambda path: results(path, 50),
}


@pytest.mark.parametrize("name", list(WRITERS))
def test_every_writer_leaves_the_old_file_and_a_sentence(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"what was there")
    with room_for(1500), pytest.raises(UnlearnError, match=rf"{name}: cannot be written") as caught:
        WRITERS[name](path)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == b"what was there"
    assert list(tmp_path.iterdir()) == [path]
    WRITERS[name](path)
    assert path.stat().st_size > 1500


def test_an_export_that_fills_the_disk_leaves_whole_files_only(tmp_path):
    with room_for(3000), pytest.raises(UnlearnError, match="cannot be written"):
        export_comparison(judged(), tmp_path)
    assert not list(tmp_path.rglob(".part.*"))


def test_a_reveal_that_fills_the_disk_is_none(tmp_path):
    study = write_study(tmp_path, cases=1)
    reading = Reading(study, "Anna")
    while not reading.finished:
        reading.answer(3)
    reading.close()
    found = reveal(study)
    with room_for(600), pytest.raises(UnlearnError, match="cannot be written"):
        write_reveal(found, study.reveal_folder)
    assert not study.revealed
    write_reveal(found, study.reveal_folder)
    assert study.revealed
