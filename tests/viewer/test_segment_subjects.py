"""Whom to forget: a list to tick, and the order that is made of it."""

from pathlib import Path

import numpy as np
import pytest

from napari_unlearn.models.card import Card
from napari_unlearn.models.checkpoint import save_checkpoint
from napari_unlearn.models.registry import build
from napari_unlearn.runs.order import Order
from napari_unlearn.simulation import simulate_protocol
from napari_unlearn.viewer.pace import Pace
from napari_unlearn.viewer.segment_subjects import SubjectList
from napari_unlearn.viewer.studies import ScanSetView, Study
from tests.viewer.segment_samples import PARAMETERS


def _view(name, *ids):
    pictures = tuple(np.full((6, 5), 0.5, np.float32) for _ in ids)
    return ScanSetView(name, len(ids), len(ids), pictures, ids)


@pytest.fixture
def subjects(qtbot):
    study = Study(
        path=Path("experiment.toml"),
        name="heads",
        forget=_view("forget", "dora"),
        retain=_view("retain", "anna", "berta", "carl"),
        steps=None,
        epochs=20,
        retain_fraction=1.0,
        figures={},
        checkpoints={},
        pace=Pace(),
        task="segmentation",
    )
    widget = SubjectList()
    qtbot.addWidget(widget)
    widget.show_study(study)
    return widget


def test_the_forget_set_is_ticked_and_nothing_is_regrouped(subjects):
    assert subjects.ticked == ("dora",)
    assert subjects.members == {}
    assert subjects.mistake == ""
    assert subjects.remark.isHidden()


def test_other_ticks_regroup_and_say_that_the_oracle_does_not_fit(qtbot, subjects):
    with qtbot.waitSignal(subjects.changed):
        subjects.tick("anna", True)
    assert subjects.members == {"retain": ("berta", "carl"), "forget": ("anna", "dora")}
    assert "trained without dora" in subjects.remark.text()
    assert subjects.text.text() == "<b>Forget</b> 2 of 4 subjects"


@pytest.mark.parametrize(("wanted", "words"), [(False, "at least one"), (True, "leave at least")])
def test_nobody_and_everybody_are_refused_in_a_sentence(subjects, wanted, words):
    for name in ("anna", "berta", "carl", "dora"):
        subjects.tick(name, wanted)
    assert words in subjects.mistake
    assert subjects.remark.text() == subjects.mistake


def test_a_regrouped_study_counts_its_subjects_anew(subjects):
    subjects.tick("anna", True)
    study = subjects._study.regrouped(subjects.members)
    assert (study.forget.slices, study.retain.slices) == (2, 2)


def test_an_order_forgets_whom_it_names_and_retains_the_others(tmp_path):
    list(simulate_protocol(tmp_path, "heads", 0.4, size=16))
    place = tmp_path / "runs" / "original"
    card = Card(architecture="med3d", parameters=PARAMETERS, role="original")
    save_checkpoint(place / "checkpoint.safetensors", build("med3d", PARAMETERS), card)
    members = {"retain": ("head-0200",), "forget": ("head-0000", "head-0001")}
    order = Order(tmp_path, "ft", run_name="mine", members=members, measures_forget=True)
    job = order.job()
    assert [each.subject for each in job.forget.subjects] == ["head-0000", "head-0001"]
    assert [each.subject for each in job.retain.subjects] == ["head-0200"]
    assert job.card.forget_scans == 2
    assert next(iter(job.tests)) == "forget"
    assert job.tests["forget"] is job.forget
