"""Maps of hallucination in the Compare dock, on a sample brain."""

import time
from dataclasses import replace

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_unlearn.cancel import CancelToken
from napari_unlearn.errors import WrongUse
from napari_unlearn.evaluation.highlights import highlight
from napari_unlearn.mri.scan import MemoryScan
from napari_unlearn.viewer import tasks
from napari_unlearn.viewer.compare import CompareDock
from napari_unlearn.viewer.map_choice import lambda_at, step_of
from napari_unlearn.viewer.tasks import Model, Opened
from tests.viewer.mouse import LEFT, press

LONG = 60000
SHIFT = Qt.KeyboardModifier.ShiftModifier


def models(folder):
    place = folder / "contaminated-site"
    return tuple(
        Model(role.capitalize(), role, place / f"{role}.safetensors")
        for role in ("original", "oracle", "unlearned")
    )


@pytest.fixture
def dock(make_napari_viewer, qtbot, sample):
    """A Compare dock after a run by the error map."""
    viewer = make_napari_viewer()
    widget = CompareDock(viewer)
    viewer.window.add_dock_widget(widget, name="Compare")
    with qtbot.waitSignal(widget.session.jobs.ended, timeout=20000):
        widget.open_scan(sample / "brain_site_b.h5")
    widget.session.set_models(models(sample))
    with qtbot.waitSignal(widget.session.jobs.ended, timeout=LONG):
        widget.session.compare()
    yield widget
    widget.session.comparison = None  # nothing is looked at any more
    qtbot.waitUntil(lambda: not widget.session.busy, timeout=LONG)


def choose(qtbot, dock, mode):
    box = dock.findings.maps.mode
    with qtbot.waitSignal(dock.session.jobs.ended, timeout=LONG) as ended:
        box.setCurrentIndex(box.findData(mode))
    return ended.args[0]


def ready(qtbot, dock):
    """Wait until the slice in view can be had for any lambda."""
    qtbot.waitUntil(lambda: dock.session.maps.looks is not None, timeout=LONG)


@pytest.fixture
def null_space(qtbot, dock):
    """The same with the null-space map of slice 1, ready for any lambda."""
    dock.session.viewer.dims.set_current_step(0, 1)
    assert choose(qtbot, dock, "null-space").outcome == "finished"
    dock.session.viewer.dims.set_current_step(0, 1)
    ready(qtbot, dock)
    return dock


def items(box):
    model = box.model()
    return {
        box.itemData(row): (model.item(row).isEnabled(), model.item(row).toolTip())
        for row in range(box.count())
    }


def seen(dock, slice_=1):
    """The maps in the lower tiles."""
    return [tile.image.data[slice_].copy() for tile in dock.session.tiles.lower[1:]]


def expected(dock, sample, **settings):
    """The comparison that a run with other settings would give."""
    session = dock.session
    chosen = replace(session.settings, **settings)
    events = tasks.comparing(session.opened.scan, models(sample), chosen, CancelToken())
    return list(events)[-1].comparison


def test_a_map_without_k_space_is_made_without_running_a_model(qtbot, dock):
    titles = []
    dock.session.jobs.started.connect(titles.append)
    first = dock.session.comparison
    assert choose(qtbot, dock, "disagreement").outcome == "finished"
    assert titles == ["Judging"]
    original, oracle, _ = first.arms
    apart = np.abs(original.images - oracle.images) / first.maximum
    tiles = dock.session.tiles
    np.testing.assert_allclose(tiles.lower[1].image.data, apart, atol=1e-6)
    assert tiles.lower[1].image.name == "Original disagreement [max]"
    assert "disagreement" in dock.findings.threshold_text.text()
    assert not dock.findings.maps.slider.isEnabled()
    assert "does not enter" in dock.findings.maps.slider.toolTip()
    assert choose(qtbot, dock, "error").outcome == "finished"
    assert tiles.lower[1].image.name == "Original error"
    np.testing.assert_array_equal(tiles.lower[1].image.data, first.arms[0].errors)
    assert dock.session.comparison.threshold == pytest.approx(first.threshold)


def test_the_next_map_is_a_key_away_and_k_space_has_all_models_run(qtbot, dock, sample):
    box = dock.findings.maps.mode
    with qtbot.waitSignal(dock.session.jobs.ended, timeout=LONG):
        qtbot.keyClick(box, Qt.Key.Key_Down)
    comparison = dock.session.comparison
    assert comparison.mode == dock.session.settings.mode == box.currentData() == "null-space"
    names = [tile.image.name for tile in dock.session.tiles.lower[1:]]
    assert names == [f"{model.name} null-space map [max]" for model in models(sample)]
    for tile, arm in zip(dock.session.tiles.lower[1:], comparison.arms, strict=True):
        np.testing.assert_array_equal(tile.image.data, arm.hallucinations)
        assert tile.image.colorbar.visible
    assert "null-space map" in comparison.threshold_from


def test_moving_lambda_redraws_the_slice_in_view_from_what_is_kept(qtbot, null_space, sample):
    dock, maps = null_space, null_space.findings.maps
    before, other = seen(dock), seen(dock, 0)
    titles = []
    dock.session.jobs.started.connect(titles.append)
    assert maps.slider.isEnabled()
    lam = lambda_at(step_of(0.5))
    with qtbot.waitSignal(dock.session.compared, timeout=5000):
        maps.slider.setValue(step_of(lam))
    assert titles == []
    assert maps.value.text() == f"{lam:.2g}"
    assert dock.session.settings.lam == pytest.approx(lam)
    wanted = expected(dock, sample, lam=lam)
    for values, old, arm in zip(seen(dock), before, wanted.arms, strict=True):
        np.testing.assert_allclose(values, arm.hallucinations[1], rtol=1e-3, atol=1e-5)
        assert np.abs(values - old).max() > 1e-3
    for values, old in zip(seen(dock, 0), other, strict=True):
        np.testing.assert_array_equal(values, old)
    comparison = dock.session.comparison
    whole = highlight(comparison, comparison.threshold, comparison.minimal_area)
    for arm, again in zip(comparison.arms, whole.arms, strict=True):
        np.testing.assert_array_equal(arm.highlights, again.highlights)
    assert dock.findings.regions.rowCount() == sum(
        len(arm.regions) for arm in comparison.arms if arm.role != "original"
    )


def test_the_null_share_is_told_and_grows_with_lambda(qtbot, null_space):
    maps = null_space.findings.maps

    def shares():
        text = maps.shares.text()
        assert text.startswith("Null share: Original ")
        return [float(part.split()[-2]) for part in text.split(" · ")]

    maps.slider.setValue(0)
    qtbot.waitUntil(lambda: null_space.session.settings.lam is not None)
    small = shares()
    maps.slider.setValue(maps.slider.maximum())
    qtbot.waitUntil(lambda: null_space.session.settings.lam > 0.9)
    large = shares()
    assert len(small) == 3
    assert all(a < b for a, b in zip(small, large, strict=True))


def test_a_redraw_from_what_is_kept_takes_less_than_100_milliseconds(null_space):
    maps, times = null_space.session.maps, []
    for lam in (0.5, 0.01, 0.2, 0.003, 0.1):
        start = time.perf_counter()
        maps.set_lambda(lam)
        times.append(time.perf_counter() - start)
    assert min(times) < 0.1


def test_another_slice_follows_when_it_comes_into_view(qtbot, null_space, sample):
    dock, viewer = null_space, null_space.session.viewer
    lam = 0.5
    dock.session.maps.set_lambda(lam)
    before = seen(dock, 2)
    with qtbot.waitSignal(dock.session.compared, timeout=LONG):
        viewer.dims.set_current_step(0, 2)
        assert not dock.findings.maps.slider.isEnabled()
        assert "Slice 2 is being made ready" in dock.findings.maps.shares.text()
        ready(qtbot, dock)
    wanted = expected(dock, sample, lam=lam)
    for values, old, arm in zip(seen(dock, 2), before, wanted.arms, strict=True):
        np.testing.assert_allclose(values, arm.hallucinations[2], rtol=1e-3, atol=1e-5)
        assert np.abs(values - old).max() > 1e-3


def test_the_automatic_lambda_is_marked_and_a_button_goes_back_to_it(qtbot, null_space):
    dock, maps = null_space, null_space.findings.maps
    before, own = seen(dock), dock.session.maps.looks.lam
    assert maps.slider.automatic == own
    assert maps.slider.value() == step_of(own)
    assert 0 < maps.slider.mark() < maps.slider.width()
    assert not maps.automatic.isEnabled()
    with qtbot.waitSignal(dock.session.compared, timeout=5000):
        maps.slider.setValue(step_of(0.5))
    assert maps.slider.automatic == own
    with qtbot.waitSignal(dock.session.compared, timeout=5000):
        qtbot.mouseClick(maps.automatic, LEFT)
    assert dock.session.settings.lam is None
    assert maps.slider.value() == step_of(own)
    for values, old in zip(seen(dock), before, strict=True):
        np.testing.assert_allclose(values, old, rtol=1e-3, atol=1e-5)


def test_the_next_run_has_lambda_on_all_slices(qtbot, null_space):
    dock = null_space
    dock.session.maps.set_lambda(0.5)
    with qtbot.waitSignal(dock.session.jobs.ended, timeout=LONG):
        qtbot.mouseClick(dock.panel.run, LEFT)
    assert dock.session.comparison.lam == pytest.approx(0.5)
    assert dock.session.comparison.mode == "null-space"


def test_lambda_does_not_enter_the_error_map(dock):
    with pytest.raises(WrongUse, match="does not enter the error map"):
        dock.session.maps.set_lambda(0.1)
    assert dock.session.settings.lam is None


def test_the_threshold_has_a_rule_until_a_hand_moves_it(qtbot, dock):
    rule, session = dock.findings.maps.rule, dock.session
    assert rule.currentData() == "oracle"
    assert not items(rule)["authors"][0]
    before = session.comparison.threshold
    with qtbot.waitSignal(session.jobs.ended, timeout=20000):
        rule.setCurrentIndex(rule.findData("bhadra"))
    assert "Bhadra" in session.comparison.threshold_from
    assert session.comparison.threshold != before
    assert rule.currentData() == "bhadra"
    with qtbot.waitSignal(session.compared, timeout=2000):
        dock.findings.threshold.setValue(700)
    assert rule.currentText() == "by hand"
    with qtbot.waitSignal(session.jobs.ended, timeout=20000):
        rule.setCurrentIndex(rule.findData("oracle"))
    assert session.comparison.threshold == pytest.approx(before)
    assert rule.currentData() == "oracle"


def test_the_sfrc_has_its_authors_threshold_and_room_for_it(qtbot, dock):
    choose(qtbot, dock, "sfrc")
    rule, slider = dock.findings.maps.rule, dock.findings.threshold
    assert rule.currentData() == "authors"
    assert dock.session.comparison.threshold == pytest.approx(0.83)
    assert slider.value() == pytest.approx(830, abs=1)
    assert "0.83" in dock.findings.threshold_text.text()
    with qtbot.waitSignal(dock.session.jobs.ended, timeout=20000):
        rule.setCurrentIndex(rule.findData("oracle"))
    assert "99th percentile of the oracle's own" in dock.session.comparison.threshold_from


def clinical(dock):
    """The scan as a clinic would have it: undersampled, without ground truth."""
    session = dock.session
    scan, lines = session.opened.scan, session.comparison.mask
    kspaces = np.stack([scan.kspace(index) for index in range(scan.header.slices)])
    under = MemoryScan(scan.header, (kspaces * lines).astype(np.complex64), None, lines)
    session._on_opened(Opened(under, None))
    session.set_models((session.models[0], replace(session.models[2], role="other")))


def test_without_ground_truth_what_cannot_be_had_says_why(dock):
    clinical(dock)
    found = items(dock.findings.maps.mode)
    assert [name for name, (enabled, _) in found.items() if not enabled] == [
        "null-space",
        "coil-null-space",
        "sfrc",
    ]
    assert "no model is an oracle" in found["null-space"][1]


def test_without_ground_truth_the_measurement_map_is_shown_and_said_to_be(qtbot, dock):
    clinical(dock)
    box = dock.findings.maps.mode
    box.setCurrentIndex(box.findData("measurement"))
    with qtbot.waitSignal(dock.session.jobs.ended, timeout=LONG):
        qtbot.mouseClick(dock.panel.run, LEFT)
    tiles, comparison = dock.session.tiles, dock.session.comparison
    assert comparison.reference is None
    assert [tile.image.name for tile in tiles.upper] == ["Original", "Unlearned"]
    assert [tile.image.name for tile in tiles.lower] == [
        "Original measurement map [max]",
        "Unlearned measurement map [max]",
    ]
    np.testing.assert_array_equal(tiles.lower[0].image.data, comparison.arms[0].hallucinations)
    assert "Shown instead: measurement map" in dock.instead.text()
    assert not dock.instead.isHidden()
    assert dock.findings.threshold.isEnabled()
    table = dock.findings.regions
    assert table.rowCount() > 0
    assert [table.item(0, column).text() for column in (4, 5)] == ["–", "–"]
    outlined = [tile.outlines.nshapes for tile in tiles.lower]
    with qtbot.waitSignal(dock.session.compared, timeout=2000):
        dock.findings.threshold.setValue(dock.findings.threshold.maximum())
    assert [tile.outlines.nshapes for tile in tiles.lower] != outlined


def test_a_map_that_cannot_be_made_is_not_asked_for_again(qtbot, dock, tmp_path):
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"no checkpoint")
    dock.models.add(broken)
    assert choose(qtbot, dock, "measurement").outcome == "failed"
    assert "broken.safetensors" in dock.panel.status.text()
    assert dock.session.settings.mode == "error"
    assert dock.findings.maps.mode.currentData() == "error"


def test_another_reference_has_the_models_run_for_a_map_of_k_space(qtbot, null_space):
    with qtbot.waitSignal(null_space.session.jobs.ended, timeout=LONG):
        null_space.settings.reference.setCurrentText("Oracle")
    comparison = null_space.session.comparison
    assert (comparison.mode, comparison.reference_name) == ("null-space", "Oracle")
    assert comparison.arms[1].hallucinations is None


def test_a_run_is_not_kept_waiting_by_a_slice_that_is_made_ready(qtbot, null_space):
    session, viewer = null_space.session, null_space.session.viewer
    with qtbot.waitSignal(session.maps.jobs.started, timeout=5000):
        viewer.dims.set_current_step(0, 2)
    with qtbot.waitSignal(session.jobs.ended, timeout=LONG) as ended:
        qtbot.mouseClick(null_space.panel.run, LEFT)
    assert ended.args[0].outcome == "finished"
    ready(qtbot, null_space)


def test_another_scan_begins_with_the_automatic_lambda(qtbot, null_space, sample):
    null_space.session.maps.set_lambda(0.5)
    with qtbot.waitSignal(null_space.session.jobs.ended, timeout=20000):
        null_space.open_scan(sample / "brain_site_b.h5")
    assert null_space.session.settings.lam is None
    assert null_space.session.maps.looks is None
    assert null_space.session.settings.mode == "null-space"


def test_keys_choose_the_map_and_move_lambda(qtbot, reading, shown):
    press(qtbot, shown, Qt.Key.Key_M, SHIFT)
    assert reading.session.settings.mode == "null-space"
    slider = reading.findings.maps.slider
    slider.setEnabled(True)
    before = slider.value()
    press(qtbot, shown, Qt.Key.Key_PageUp, SHIFT)
    assert slider.value() == before + 10
    slider.setEnabled(True)
    press(qtbot, shown, Qt.Key.Key_PageDown, SHIFT)
    assert slider.value() == before
