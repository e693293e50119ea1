import csv
import io
from dataclasses import replace

import numpy as np
import pytest
from qtpy.QtWidgets import QApplication

from napari_unlearn.evaluation.region_metrics import measure_region
from napari_unlearn.viewer.compare import CompareDock
from napari_unlearn.viewer.drawn_layer import Drawn
from tests.viewer.mouse import LEFT

# Around the disc at (20, 20) that the original invents and the unlearned model no longer does.
BOX = Drawn(
    np.array([(1, 14.5, 14.5), (1, 14.5, 25.5), (1, 25.5, 25.5), (1, 25.5, 14.5)]), "rectangle"
)
LINE = Drawn(np.array([(1, 20, 5), (1, 20, 45)], float), "line")


@pytest.fixture
def dock(make_napari_viewer, comparison):
    viewer = make_napari_viewer()
    widget = CompareDock(viewer)
    viewer.window.add_dock_widget(widget, name="Compare")
    widget.session._on_compared(comparison)
    return widget


def _texts(table):
    return [
        [table.item(row, column).text() for column in range(6) if table.item(row, column)]
        for row in range(table.rowCount())
    ]


def test_each_model_has_its_figures_inside_a_region(dock, comparison):
    dock.session.drawing.add(BOX)
    rows = _texts(dock.looking.table)
    assert rows[0] == ["1 · slice 1 · 484 mm²"]  # 11 x 11 pixels of 2 x 2 mm
    assert [row[0] for row in rows[1:]] == ["Original", "Oracle", "Unlearned"]
    original = comparison.arms[0].images[1, 15:26, 15:26]
    truth = comparison.reference[1, 15:26, 15:26]
    error = np.abs(original - truth).mean()
    assert rows[1][1] == f"{100 * error:.1f} %"
    assert rows[1][2] == f"{100 * error:+.1f} %"
    psnr = 10 * np.log10(1 / np.mean((original - truth) ** 2))
    assert rows[1][3] == f"{psnr:.1f}"
    assert rows[3][1:4] == ["0.0 %", "+0.0 %", "inf"]


def test_regions_and_lines_come_and_go(qtbot, dock):
    assert dock.looking.table.rowCount() == 0
    assert not dock.looking.remove.isEnabled()
    dock.session.drawing.add(BOX)
    dock.session.drawing.add(LINE)
    assert dock.looking.table.rowCount() == 4
    qtbot.mouseClick(dock.looking.remove, LEFT)
    qtbot.mouseClick(dock.looking.remove, LEFT)
    assert dock.looking.table.rowCount() == 0
    assert not dock.looking.remove.isEnabled()


def test_a_click_on_a_row_goes_to_the_slice(qtbot, dock):
    dock.session.drawing.add(BOX)
    dock.session.viewer.dims.set_current_step(0, 2)
    table = dock.looking.table
    qtbot.mouseClick(table.viewport(), LEFT, pos=table.visualItemRect(table.item(1, 0)).center())
    assert dock.session.viewer.dims.current_step[0] == 1


def test_figures_are_copied_and_saved_in_full(qtbot, dock, comparison, tmp_path):
    dock.session.drawing.add(BOX)
    qtbot.mouseClick(dock.looking.copy, LEFT)
    assert QApplication.clipboard().text().startswith("region\tslice\tarea_mm2\tmodel")
    dock.looking.save(tmp_path / "regions.csv")
    lines = list(csv.DictReader(io.StringIO((tmp_path / "regions.csv").read_text())))
    assert [line["model"] for line in lines] == ["Original", "Oracle", "Unlearned"]
    expected = measure_region(comparison, dock.session.drawing.regions[0])[0]
    assert float(lines[0]["mean_signed_error"]) == pytest.approx(expected.bias, rel=1e-5)
    assert float(lines[0]["ssim"]) == pytest.approx(expected.quality.ssim, rel=1e-5)
    assert lines[0]["area_mm2"] == "484"


def test_another_threshold_measures_nothing_anew(qtbot, dock):
    dock.session.drawing.add(BOX)
    before = dock.looking.table.measured
    with qtbot.waitSignal(dock.session.compared, timeout=5000):
        dock.session.set_threshold(0.2)
    region = dock.session.drawing.regions[0]
    assert dock.looking.table.measured[region] is before[region]


def test_new_pictures_are_measured_anew(dock, comparison):
    dock.session.drawing.add(BOX)
    arms = tuple(replace(arm, images=arm.images + 0.1) for arm in comparison.arms)
    dock.session._on_compared(replace(comparison, arms=arms))
    assert _texts(dock.looking.table)[3][2] == "+10.0 %"


def test_a_line_shows_the_profile_of_every_model(dock, comparison):
    plot = dock.looking.plot
    assert plot.plot is None
    dock.session.drawing.add(LINE)
    curves = {curve.name(): curve.getData() for curve in plot.plot.listDataItems()}
    assert list(curves) == ["Ground truth", "Original", "Oracle", "Unlearned"]
    distance, values = curves["Original"]
    assert distance[-1] == pytest.approx(80)  # 40 pixels of 2 mm
    inside = np.interp(2.0 * (20 - 5), distance, values)
    assert inside == pytest.approx(100 * comparison.arms[0].images[1, 20, 20], abs=0.1)
    assert all(name in plot.legend.text() for name in curves)
    styles = {curve.opts["pen"].style() for curve in plot.plot.listDataItems()}
    assert len(styles) == 4, "without colour the dashes tell them apart"
    dock.session.drawing.remove_last()
    assert plot.profile is None
    assert plot.isHidden()


def test_without_a_reference_means_are_shown_and_said_to_be(dock, without_reference):
    dock.session.drawing.add(BOX)
    assert dock.instead.isHidden()
    dock.session._on_compared(without_reference)
    assert "disagreement between 3 models" in dock.instead.text()
    assert not dock.instead.isHidden()
    row = _texts(dock.looking.table)[1]
    inside = without_reference.arms[0].images[1, 15:26, 15:26].mean()
    assert row[0] == f"Original (mean {100 * inside:.1f} %)"
    assert row[1:] == ["–"] * 5


def test_without_a_reference_the_models_disagreement_has_a_tile(dock, without_reference):
    dock.session._on_compared(without_reference)
    tiles = dock.session.tiles.upper
    assert tiles[-1].image.name == "Disagreement of 3 models"
    volumes = np.stack([arm.images for arm in without_reference.arms])
    np.testing.assert_allclose(tiles[-1].image.data, volumes.std(axis=0), atol=1e-6)
    assert tiles[-1].image.colorbar.visible
    tiles[0].image.contrast_limits = (0.1, 0.3)
    assert tuple(tiles[1].image.contrast_limits) == (0.1, 0.3)
    assert tuple(tiles[-1].image.contrast_limits) != (0.1, 0.3)
