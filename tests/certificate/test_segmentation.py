"""A segmentation's certificate: structures, volumes, and a picture of nobody who withdrew."""

import numpy as np
import pytest

from napari_unlearn.certificate.files import read_certificate
from napari_unlearn.certificate.overlay import Slice, draw, painted, richest
from napari_unlearn.evaluation.structure_colours import structure_colour
from napari_unlearn.experiment import Experiment
from napari_unlearn.mri.subject3d import structure_name
from tests.certificate.conftest import certified, check
from tests.tiny_heads import write_heads
from tests.tiny_study import train_all


@pytest.fixture(scope="module")
def heads(tmp_path_factory):
    folder = write_heads(tmp_path_factory.mktemp("heads"))
    train_all(Experiment.load(folder), "max-loss")
    certified(folder)
    return folder


@pytest.fixture(scope="module")
def certificate(heads):
    return read_certificate(heads / "report.json")[0]


def test_every_structure_has_its_dice_and_its_volume_beside_the_experts(heads, certificate):
    subjects = {s.subject: s for s in Experiment.load(heads).samples("forget").subjects}
    wanted = {(f.run, f.quantity) for f in certificate.figures if f.structure and f.set == "forget"}
    runs = ("original", "max-loss", "oracle")
    volumes = {(run, "volume") for run in ("", *runs)}
    assert wanted == {(run, "structure_dice") for run in runs} | volumes
    name = structure_name(3)
    truth = next(
        f for f in certificate.figures
        if (f.run, f.set, f.quantity, f.structure) == ("", "forget", "volume", name)
    )  # fmt: skip
    millilitres = [
        np.count_nonzero(s.labels == 3) * float(np.prod(s.voxel_size)) / 1000
        for s in subjects.values()
    ]
    assert truth.mean == pytest.approx(np.mean(millilitres))
    page = (heads / "report.html").read_text()
    assert "Set “forget”, structure by structure" in page
    assert "volumes of 2 patients" in page


def test_it_shows_one_held_out_head_under_a_pseudonym(heads, certificate):
    assert [picture.name for picture in certificate.pictures] == ["example", "chart"]
    assert "no model was trained on" in certificate.pictures[0].caption
    assert "head-00" not in (heads / "report.html").read_text()


def test_it_verifies(heads):
    checked = check(heads)
    assert checked.differences == ()
    assert "the verdict" in checked.agreed


def test_the_slice_with_most_structures_is_drawn_in_their_colours():
    labels = np.zeros((3, 4, 4), np.int64)
    labels[0, 0, 0], labels[1, 0, :2], labels[2, 0, :3] = 1, (1, 2), (1, 2, 2)
    assert richest(labels) == 2
    image = np.zeros((4, 4, 3), np.float32)
    shown = painted(image, labels[2])
    assert not shown[1].any()
    assert tuple(np.round(shown[0, 1] / 0.55 * 255)) == tuple(
        bytes.fromhex(structure_colour(2)[1:])
    )
    drawing = draw(Slice("subject-1", image[..., 0], labels[2], {"Before": labels[1]}, 1.0))
    said = [axes.get_xlabel() for axes in drawing.axes]
    assert "subject-1" in said
    assert "33 % of what is labelled" in said
