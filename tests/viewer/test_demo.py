"""The demo as a user starts it: another process, a real window."""

import itertools
import os
import subprocess
import sys

import numpy as np
import pytest
from imageio.v3 import imread

from napari_unlearn.viewer.tour_demo import numbered
from napari_unlearn.viewer.tour_steps import TOUR

COMMAND = [
    sys.executable,
    "-c",
    "import sys; from pathlib import Path; from napari_unlearn.errors import UnlearnError\n"
    "from napari_unlearn.viewer.demo import launch_demo\n"
    "try: launch_demo(Path(sys.argv[1]), headless=True)\n"
    "except UnlearnError as error: sys.exit(str(error))",
]


def _demo(path, samples, tmp_path):
    environment = {
        **os.environ,
        "NAPARI_UNLEARN_SAMPLES": str(samples),
        "NAPARI_CONFIG": str(tmp_path / "settings.yaml"),
    }
    return subprocess.run(
        [*COMMAND, str(path)], env=environment, capture_output=True, text=True, timeout=200
    )


def test_headless_demo_leaves_a_screenshot_of_the_whole_window(sample, tmp_path):
    path = tmp_path / "pictures" / "demo.png"
    result = _demo(path, sample, tmp_path)
    assert result.returncode == 0, result.stderr
    assert "aborted thread" not in result.stderr
    picture = imread(path)[..., :3].astype(int)
    assert min(picture.shape[:2]) > 500
    dock = picture[:, -340:]
    assert (np.ptp(dock, axis=-1) > 100).sum() > 50, "coloured counts in the dock"
    assert (picture[:, :-340].max(axis=-1) > 100).mean() > 0.05, "bright images in the tiles"


def test_headless_demo_fails_in_one_sentence_without_a_model(sample, tmp_path):
    (sample / "contaminated-site" / "oracle.safetensors").write_bytes(b"broken")
    result = _demo(tmp_path / "demo.png", sample, tmp_path)
    assert result.returncode == 1
    assert "oracle.safetensors" in result.stderr.splitlines()[-1]
    assert not (tmp_path / "demo.png").exists()


@pytest.mark.long
def test_headless_tour_leaves_a_picture_of_every_step(tmp_path):
    result = subprocess.run(
        [
            *(sys.executable, "-m", "napari_unlearn", "demo", "--tour", "--headless"),
            *("--screenshot", str(tmp_path / "tour.png")),
        ],
        env={**os.environ, "NAPARI_CONFIG": str(tmp_path / "settings.yaml")},
        capture_output=True,
        text=True,
        timeout=290,
    )
    assert result.returncode == 0, result.stderr
    assert "Traceback" not in result.stderr
    pictures = [imread(numbered(tmp_path / "tour.png", place)) for place in range(len(TOUR))]
    for before, after in itertools.pairwise(pictures):
        changed = np.abs(after[..., :3].astype(int) - before[..., :3].astype(int)).max(axis=-1) > 30
        assert changed.mean() > 0.005, "another caption at least"
