"""The networks that the self-test of the maps reconstructs with, and what one learnt from."""

import runpy
from pathlib import Path

import numpy as np
import pytest

from napari_unlearn.cli.benchmark import _SELF_TEST_MODELS, _sample_model
from napari_unlearn.models.checkpoint import load_checkpoint
from napari_unlearn.phantoms.protocols import PROTOCOLS, SEEDS_PER_SET, ScanSet

SCRIPT = runpy.run_path(str(Path(__file__).parent.parent / "scripts" / "make_knee_model.py"))


@pytest.mark.parametrize("name", [name for pair in _SELF_TEST_MODELS.values() for name in pair])
def test_the_samples_hold_every_model_that_it_takes_by_default(name):
    _, card = load_checkpoint(_sample_model(name))
    assert card.architecture == "varnet"


def test_the_knees_it_learnt_from_are_in_no_protocol():
    learnt = [SCRIPT["KNEES"], SCRIPT["KNEES_ELSEWHERE"], *SCRIPT["TISSUES"], SCRIPT["TEST"]]
    firsts = sorted(part.first_seed for part in learnt)
    tested = [part.first_seed for protocol in PROTOCOLS.values() for part in protocol.sets]
    assert firsts[0] >= max(tested) + SEEDS_PER_SET
    assert np.diff(firsts).min() >= max(part.subjects for part in learnt)


def test_redrawn_tissues_are_acquisitions_that_a_seed_repeats(monkeypatch):
    randomised = SCRIPT["randomised"]
    small = (ScanSet("retain", "knee", 1, 9000, slices_per_subject=1),)
    monkeypatch.setitem(randomised.__globals__, "TISSUES", small)
    monkeypatch.setitem(randomised.__globals__, "COPIES", 2)
    first, second = (list(randomised(np.random.default_rng(4))) for _ in range(2))
    assert [scan.header.name for scan in first] == ["knee_9000_0", "knee_9000_1"]
    for scan, again in zip(first, second, strict=True):
        np.testing.assert_array_equal(scan.kspaces, again.kspaces)
        assert np.isfinite(scan.targets).all()
    assert np.abs(first[0].targets - first[1].targets).max() > 0.1 * first[0].targets.max()
