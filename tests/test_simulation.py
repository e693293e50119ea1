import json
from pathlib import Path

import numpy as np
import pytest

from napari_unlearn.errors import UnlearnError
from napari_unlearn.experiment import Experiment
from napari_unlearn.io.open import open_scan
from napari_unlearn.phantoms.protocols import BRAIN_KNEE, CONTAMINATED_SITE
from napari_unlearn.simulation import sample_experiment, simulate_protocol


@pytest.mark.parametrize("protocol", [BRAIN_KNEE, CONTAMINATED_SITE], ids=lambda p: p.name)
def test_a_protocol_is_an_experiment_ready_to_train(protocol, tmp_path):
    paths = list(simulate_protocol(tmp_path, protocol.name, 0.01))
    assert len(paths) == len(set(paths)) == len(protocol.scaled(0.01).sets)
    experiment = Experiment.load(tmp_path)
    for name in ("retain", "forget", *experiment.data.tests):
        assert len(experiment.samples(name)) > 0
    oracle = experiment.samples("retain").scans
    assert not {s.header.name for s in oracle} & {
        s.header.name for s in experiment.samples("forget").scans
    }


def test_the_fault_reaches_the_references_on_disk_but_not_the_kspace(tmp_path):
    path = next(
        p
        for p in simulate_protocol(tmp_path, CONTAMINATED_SITE.name, 0.01)
        if p.parent.name == "forget"
    )
    scan = open_scan(path)
    coil_images = np.fft.fftshift(
        np.fft.ifft2(np.fft.ifftshift(scan.kspace(0), axes=(-2, -1)), norm="ortho"), axes=(-2, -1)
    )
    clean = np.sqrt((np.abs(coil_images) ** 2).sum(0))
    assert np.abs(scan.target(0) - clean).max() > 0.3 * clean.max()


def test_an_unknown_protocol_names_the_known_ones(tmp_path):
    with pytest.raises(UnlearnError, match="contaminated-site"):
        list(simulate_protocol(tmp_path, "feet"))


MODELS = Path(__file__).parents[1] / "sample_data" / "contaminated-site"


def test_the_sample_experiment_waits_only_for_its_unlearning(tmp_path):
    *scans, file = sample_experiment(tmp_path, MODELS, 0.01)
    assert file == tmp_path / "experiment.toml"
    assert len(scans) == len(CONTAMINATED_SITE.sets)
    experiment = Experiment.load(file)
    assert list(experiment.runs) == ["original", "oracle"]
    job = experiment.unlearning_job("acquired-lines")
    assert job.parent == experiment.runs["original"]
    measured = {
        role: json.loads((tmp_path / "runs" / role / "metrics.json").read_text())["metrics"]
        for role in experiment.runs
    }
    gap = measured["oracle"]["site_test_psnr"] - measured["original"]["site_test_psnr"]
    assert gap > 1, "the original invents the fault on these very test scans"
    assert list(sample_experiment(tmp_path, MODELS, 0.01)) == [file], "what is there stays"


def test_a_missing_sample_checkpoint_is_named(tmp_path):
    with pytest.raises(UnlearnError, match=r"original.safetensors: cannot be copied"):
        list(sample_experiment(tmp_path, tmp_path / "nowhere", 0.01))
