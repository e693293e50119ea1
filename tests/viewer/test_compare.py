from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_unlearn.mri.scan import MemoryScan
from napari_unlearn.unlearning.events import Finished, Started, Step
from napari_unlearn.viewer import tasks
from napari_unlearn.viewer.compare import CompareDock
from napari_unlearn.viewer.samples import SAMPLES
from napari_unlearn.viewer.session import Offer
from napari_unlearn.viewer.tasks import Model, Opened
from napari_unlearn.viewer.worker import End

LEFT = Qt.MouseButton.LeftButton


def _models(folder):
    place = folder / "contaminated-site"
    return tuple(
        Model(role.capitalize(), role, place / f"{role}.safetensors")
        for role in ("original", "oracle", "unlearned")
    )


@pytest.fixture
def viewer(make_napari_viewer):
    return make_napari_viewer()


@pytest.fixture
def dock(viewer, qtbot, sample):
    """A Compare dock with a scan open and three models listed."""
    widget = CompareDock(viewer)
    viewer.window.add_dock_widget(widget, name="Compare")
    with qtbot.waitSignal(widget.session.jobs.ended, timeout=20000):
        widget.open_scan(sample / "brain_site_b.h5")
    widget.session.set_models(_models(sample))
    return widget


def _run(qtbot, dock):
    with qtbot.waitSignal(dock.session.jobs.ended, timeout=60000) as ended:
        qtbot.mouseClick(dock.panel.run, LEFT)
        assert not dock.panel.run.isEnabled()
    return ended.args[0]


def _open_long_scan(dock):
    """Enough slices to still be busy when somebody clicks Cancel."""
    scan = dock.session.opened.scan
    kspaces = np.stack([scan.kspace(index % 3) for index in range(300)])
    targets = np.stack([scan.target(index % 3) for index in range(300)])
    long = MemoryScan(replace(scan.header, slices=300), kspaces, targets)
    dock.session.opened = Opened(long, targets)


def test_opening_a_scan_shows_its_reference_first(dock, viewer, sample):
    assert [layer.name for layer in viewer.layers] == ["Ground truth"]
    assert viewer.layers[0].data.shape == (3, 64, 64)
    assert dock.models.table.rowCount() == 3


def test_run_shows_what_the_models_give_when_called_directly(qtbot, dock, sample):
    assert _run(qtbot, dock) == End("finished")
    from napari_unlearn.evaluation.reconstruct import reconstruct
    from napari_unlearn.evaluation.sampling_choice import choose_mask
    from napari_unlearn.io.open import open_scan
    from napari_unlearn.models.checkpoint import load_checkpoint

    scan = open_scan(sample / "brain_site_b.h5")
    truth = np.stack([scan.target(index) for index in range(3)])
    tiles = dock.session.tiles
    np.testing.assert_array_equal(tiles.upper[0].image.data, truth)
    for model, upper, lower in zip(_models(sample), tiles.upper[1:], tiles.lower[1:], strict=True):
        network, card = load_checkpoint(model.path)
        expected = reconstruct(scan, network, choose_mask(scan, None, [card]))
        np.testing.assert_array_equal(upper.image.data, expected)
        np.testing.assert_allclose(
            lower.image.data, np.abs(expected - truth) / truth.max(), atol=1e-6
        )
        assert upper.image.name.startswith(f"{model.name} · ")
    assert dock.findings.metrics.rowCount() == 3
    assert dock.panel.run.isEnabled()
    assert not dock.panel.cancel.isEnabled()


def test_cancel_stops_a_second_run_within_a_second(qtbot, dock):
    _run(qtbot, dock)
    _open_long_scan(dock)
    shown = dock.session.comparison
    with qtbot.waitSignal(dock.session.progressed, timeout=30000):
        qtbot.mouseClick(dock.panel.run, LEFT)
    with qtbot.waitSignal(dock.session.jobs.ended, timeout=1000) as ended:
        qtbot.mouseClick(dock.panel.cancel, LEFT)
        assert dock.panel.cancel.text() == "Cancelling…"
    assert ended.args[0].outcome == "cancelled"
    assert dock.panel.run.isEnabled()
    assert dock.panel.cancel.text() == "Cancel"
    assert dock.panel.status.text() == "Cancelled."
    assert dock.session.comparison is shown


def test_closing_the_viewer_during_a_run_stops_it(qtbot, dock, viewer):
    _open_long_scan(dock)
    jobs = dock.session.jobs
    with qtbot.waitSignal(dock.session.progressed, timeout=30000):
        qtbot.mouseClick(dock.panel.run, LEFT)
    with qtbot.waitSignal(jobs.ended, timeout=2000) as ended:
        viewer.close()
    assert ended.args[0].outcome == "cancelled"


def test_closing_the_dock_keeps_job_and_result(qtbot, dock, viewer):
    session = dock.session
    qtbot.mouseClick(dock.panel.run, LEFT)
    with qtbot.waitSignal(session.compared, timeout=60000):
        viewer.window.remove_dock_widget(dock)
        dock.close()
        dock.deleteLater()
    again = CompareDock(viewer)
    viewer.window.add_dock_widget(again, name="Compare again")
    assert again.session is session
    assert again.findings.metrics.rowCount() == 3


def test_out_of_memory_is_one_sentence_and_the_buttons_live(qtbot, dock, monkeypatch):
    def full(*_):
        yield from ()
        raise RuntimeError("CUDA out of memory. Tried to allocate 20.00 GiB.\nGPU 0 has 4 GiB")

    with monkeypatch.context() as patch:
        patch.setattr(tasks, "comparing", full)
        assert _run(qtbot, dock).outcome == "failed"
    text = dock.panel.status.text()
    assert text.startswith("Out of memory on ")
    assert "\n" not in text
    assert dock.panel.run.isEnabled()
    assert not dock.panel.cancel.isEnabled()
    assert _run(qtbot, dock).outcome == "finished"


def test_a_broken_checkpoint_is_named_in_the_status_line(qtbot, dock, tmp_path):
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"no checkpoint")
    dock.models.add(broken)
    assert _run(qtbot, dock).outcome == "failed"
    assert "broken.safetensors" in dock.panel.status.text()


def test_running_without_a_scan_or_models_says_what_is_missing(qtbot, viewer):
    dock = CompareDock(viewer)
    qtbot.addWidget(dock)
    qtbot.mouseClick(dock.panel.run, LEFT)
    assert dock.panel.status.text() == "No scan is open; choose a file first."


def test_a_scan_that_cannot_be_opened_is_named(qtbot, dock, tmp_path):
    wrong = tmp_path / "text.h5"
    wrong.write_text("not HDF5")
    dock.path.setText(str(wrong))
    with qtbot.waitSignal(dock.session.jobs.ended, timeout=10000):
        qtbot.keyClick(dock.path, Qt.Key.Key_Return)
    assert "text.h5" in dock.panel.status.text()


def test_models_are_added_with_a_guessed_role_and_removed(qtbot, dock):
    dock.models.add(Path("site_oracle.safetensors"))
    assert dock.session.models[-1].role == "oracle"
    dock.models.add(Path("oracle.safetensors"))
    assert dock.session.models[-1].name == "Oracle 2"
    dock.models.table.selectRow(0)
    qtbot.mouseClick(dock.models.remove_button, LEFT)
    assert [model.role for model in dock.session.models][:2] == ["oracle", "unlearned"]


def test_a_clicked_region_is_shown(qtbot, dock, viewer, comparison):
    dock.session.opened = None
    dock.session._on_compared(comparison)
    viewer.dims.set_current_step(0, 0)
    zoom = viewer.scene.camera.zoom
    table = dock.findings.regions
    assert table.rowCount() == 5
    place = table.visualItemRect(table.item(0, 0)).center()
    qtbot.mouseClick(table.viewport(), LEFT, pos=place)
    assert viewer.dims.current_step[0] == 1
    assert viewer.scene.camera.zoom > zoom


def test_threshold_slider_redraws(qtbot, dock, comparison):
    dock.session._on_compared(comparison)
    outlines = dock.session.tiles.upper[3].outlines
    assert outlines.nshapes == 2 * 3  # each has a shadow
    with qtbot.waitSignal(dock.session.compared, timeout=2000):
        dock.findings.threshold.setValue(dock.findings.threshold.maximum())
    assert outlines.nshapes == 0
    assert dock.findings.regions.rowCount() == 0
    assert dock.session.comparison.threshold == pytest.approx(0.5)


def test_metrics_follow_the_slice_when_asked(dock, viewer, comparison):
    dock.session._on_compared(comparison)
    metrics = dock.findings.metrics
    assert metrics.item(0, 1).text() == "31.3"
    dock.findings.by_slice.setChecked(True)
    viewer.dims.set_current_step(0, 2)
    assert metrics.item(0, 1).text() == "32.0"


def test_copy_and_export(qtbot, dock, comparison, tmp_path):
    from qtpy.QtWidgets import QApplication

    dock.session._on_compared(comparison)
    qtbot.mouseClick(dock.findings.copy, LEFT)
    assert QApplication.clipboard().text().splitlines()[1].startswith("Original\t31.3\t0.894")
    dock.findings.metrics.export(tmp_path / "figures.csv")
    assert len((tmp_path / "figures.csv").read_text().splitlines()) == 4


def test_the_oracle_can_take_the_place_of_the_truth(qtbot, dock):
    _run(qtbot, dock)
    with qtbot.waitSignal(dock.session.compared, timeout=20000):
        dock.settings.reference.setCurrentText("Oracle")
    assert dock.session.comparison.reference_name == "Oracle"
    assert dock.session.tiles.upper[0].image.name == "Oracle"
    assert len(dock.session.tiles.upper) == 3


def test_live_unlearning_adds_an_arm_and_compares_again(qtbot, dock, sample):
    checkpoint = sample / "contaminated-site" / "unlearned.safetensors"

    def unlearn(token):
        yield Started("DC", 2, "CPU")
        yield Step(1, 2, 0, 0.5, 0.1, 0.1)
        yield Finished(2, 0.2, checkpoint)

    assert dock.panel.live.isHidden()
    dock.session.set_models(dock.session.models[:2])
    dock.session.offer_live("Unlearned now", unlearn, checkpoint)
    assert not dock.panel.live.isHidden()
    with qtbot.waitSignal(dock.session.compared, timeout=60000):
        qtbot.mouseClick(dock.panel.live, LEFT)
    assert [arm.name for arm in dock.session.comparison.arms] == [
        "Original",
        "Oracle",
        "Unlearned now",
    ]


def test_a_sample_button_runs_its_story_and_offers_its_unlearning(
    qtbot, viewer, sample, monkeypatch
):
    checkpoint = sample / "contaminated-site" / "unlearned.safetensors"
    offering = replace(
        SAMPLES[0], live=lambda folder: Offer("Now", lambda token: iter(()), checkpoint)
    )
    monkeypatch.setenv("NAPARI_UNLEARN_SAMPLES", str(sample))
    dock = CompareDock(viewer)
    viewer.window.add_dock_widget(dock, name="Compare")
    with qtbot.waitSignal(dock.session.compared, timeout=60000):
        qtbot.mouseClick(dock.sample_buttons["brain"], LEFT)
    assert dock.session.offer.title == "Unlearned live"
    qtbot.waitUntil(lambda: not dock.session.jobs.running)
    with qtbot.waitSignal(dock.session.compared, timeout=60000):
        dock.open_sample(offering)
    assert not dock.panel.live.isHidden()
    assert dock.session.offer.title == "Now"
    assert [arm.role for arm in dock.session.comparison.arms] == [
        "original",
        "oracle",
        "unlearned",
    ]
