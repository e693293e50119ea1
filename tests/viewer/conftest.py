"""Tiny but real scans and checkpoints; nothing may outlive a test."""

from dataclasses import replace

import numpy as np
import pytest
from napari.qt.threading import WorkerBase

from napari_unlearn.evaluation.comparison import ArmResult, Comparison, ImageQuality
from napari_unlearn.evaluation.highlights import highlight
from napari_unlearn.mri.scan import Header

SLICES, SIZE = 3, 64


@pytest.fixture(autouse=True)
def _no_worker_survives(monkeypatch, quick_children):
    monkeypatch.setenv("NAPARI_STRICT_QT", "1")
    yield
    WorkerBase.await_workers(5000)


@pytest.fixture
def header():
    return Header("scan", SLICES, 2, SIZE, SIZE, SIZE, SIZE, (5.0, 2.0, 2.0), source="scan.h5")


def _disc(row, column, radius=4):
    y, x = np.mgrid[:SIZE, :SIZE]
    return (np.hypot(y - row, x - column) <= radius).astype(np.float32)


@pytest.fixture
def comparison(header):
    """The original invents two discs in slice 1; unlearning removes one and adds a third."""
    truth = np.tile(0.6 * _disc(32, 32, 28), (SLICES, 1, 1)).astype(np.float32)
    truth[:, 30:34, 30:34] = 1.0
    first, second, third = _disc(20, 20), _disc(44, 44), _disc(20, 44)
    invented = {
        "Original": first + second,
        "Oracle": 0 * first,
        "Unlearned": second + third,
    }
    arms = []
    for name, extra in invented.items():
        images = truth.copy()
        images[1] += 0.35 * extra
        arms.append(
            ArmResult(
                name=name,
                role=name.lower(),
                images=images,
                errors=np.abs(images - truth),
                highlights=None,
                regions=(),
                quality=ImageQuality(31.26, 0.894, 0.0123),
                slice_quality=tuple(ImageQuality(30.0 + i, 0.8, 0.01) for i in range(SLICES)),
                model=f"{name.lower()}.safetensors",
            )
        )
    bare = Comparison(
        header=header,
        reference=truth,
        reference_name="Ground truth",
        maximum=1.0,
        mask=np.arange(SIZE) % 2 == 0,
        threshold=0.1,
        threshold_from="chosen in this test",
        arms=tuple(arms),
    )
    return highlight(bare, 0.1)


@pytest.fixture
def without_reference(comparison):
    arms = tuple(
        replace(arm, errors=None, highlights=None, regions=(), quality=None, slice_quality=())
        for arm in comparison.arms
    )
    return replace(comparison, reference=None, arms=arms, threshold=float("nan"))


@pytest.fixture
def sample(tmp_path):
    """A simulated brain and three VarNets drawn at random, all on disk."""
    from tests.viewer.tiny_sample import write_sample

    return write_sample(tmp_path)


@pytest.fixture
def shown(make_napari_viewer):
    """A window on the screen, large enough for tiles to be clicked."""
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(1500, 1000)
    return viewer


@pytest.fixture
def reading(shown, comparison, qtbot):
    """A Compare dock in such a window, with a finished comparison on slice 1."""
    from napari_unlearn.viewer.compare import CompareDock

    dock = CompareDock(shown)
    shown.window.add_dock_widget(dock, name="Compare")
    dock.session._on_compared(comparison)
    qtbot.waitUntil(lambda: not dock.session.tiles.busy, timeout=20000)
    shown.dims.set_current_step(0, 1)
    qtbot.wait(50)
    return dock
