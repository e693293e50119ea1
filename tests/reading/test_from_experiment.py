"""A study whose images an experiment's runs make."""

import numpy as np
import pytest
import torch

from napari_unlearn.errors import UnlearnError
from napari_unlearn.experiment import Experiment
from napari_unlearn.io.fastmri import read_fastmri
from napari_unlearn.models.card import Card
from napari_unlearn.models.checkpoint import save_checkpoint
from napari_unlearn.models.registry import build
from napari_unlearn.reading.from_experiment import reconstruct_cases
from napari_unlearn.reading.images import check_images, read_image
from napari_unlearn.reading.make import make_study
from tests.test_cli import run
from tests.tiny_study import write_study


@pytest.fixture(scope="module")
def experiment(tmp_path_factory):
    folder = write_study(tmp_path_factory.mktemp("experiment") / "miniature")
    loaded = Experiment.load(folder)
    for seed, role in enumerate(("original", "oracle")):
        torch.manual_seed(seed)
        network = build("varnet", loaded.network)
        card = Card(architecture="varnet", parameters=loaded.network, role=role)
        save_checkpoint(loaded.run_folder(role) / "checkpoint.safetensors", network, card)
    return loaded


def last(events):
    *told, found = events
    return told, found


def test_every_run_reconstructs_every_scan_of_the_set(experiment, tmp_path):
    runs = ["original", "oracle"]
    events = reconstruct_cases(experiment, "site_test", runs, tmp_path, reference=True)
    told, found = last(events)
    assert told == [(1, 3), (2, 3), (3, 3)]
    ((case, images),) = found.items()
    assert [*images] == ["original", "oracle", "reference"]
    study = make_study(tmp_path, found)
    assert study.image(case, "oracle").is_relative_to(tmp_path / "images")
    assert len([*check_images(study)]) == 1
    (source,) = (experiment.folder / "data" / "site_test").iterdir()
    scan = read_fastmri(source)
    shown = {arm: read_image(path).data for arm, path in images.items()}
    # NIfTI's axes are turned on the way in; values are not.
    truth = np.sort([scan.target(0), scan.target(1)], axis=None)
    np.testing.assert_allclose(np.sort(shown["reference"], axis=None), truth, rtol=1e-6)
    assert not np.array_equal(shown["original"], shown["oracle"])


@pytest.mark.parametrize(
    ("runs", "set_name", "said"),
    [
        (["original", "prophet"], "site_test", "no run 'prophet'"),
        (["original"], "site_test", "two arms"),
        (["original", "original"], "site_test", "two arms"),
        (["original", "oracle"], "nowhere", "no set 'nowhere'"),
    ],
)
def test_mistakes_are_said_before_the_work(experiment, tmp_path, runs, set_name, said):
    with pytest.raises(UnlearnError, match=said):
        list(reconstruct_cases(experiment, set_name, runs, tmp_path))
    assert not list(tmp_path.iterdir())


def test_the_command_line_makes_the_study(experiment, tmp_path):
    options = ("--experiment", experiment.folder, "--set", "retain_test", "--most", 1)
    done = run("read", "new", tmp_path / "study", *options, "--device", "cpu")
    assert "1 cases, arms original, oracle." in done.stdout
