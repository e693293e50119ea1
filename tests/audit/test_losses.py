import numpy as np
import pytest
import torch

from napari_unlearn.audit.losses import confidence, losses_of, means
from napari_unlearn.audit.people import chosen, identities, part_of, people_of
from napari_unlearn.evaluation.membership import patch_losses
from napari_unlearn.models.registry import build
from napari_unlearn.mri.sampling import Sampling
from napari_unlearn.phantoms.head import simulate_head
from napari_unlearn.phantoms.subject import simulate_subject
from napari_unlearn.unlearning.batch import SliceSet
from napari_unlearn.unlearning.segmentation import Segmentation
from napari_unlearn.unlearning.task import Reconstruction
from napari_unlearn.unlearning.volumes import VolumeSet

CPU = torch.device("cpu")
TINY = {"cascades": 1, "channels": 2, "pools": 1, "sens_channels": 2, "sens_pools": 1}


@pytest.fixture(scope="module")
def scans():
    both = [simulate_subject("knee", seed, slices=2, size=32, coils=2) for seed in (1, 2)]
    return SliceSet(both, Sampling("equispaced", 4, 0.08))


@pytest.fixture(scope="module")
def heads():
    return VolumeSet([simulate_head(seed, (16, 16, 16)) for seed in (1, 2, 3)], 11)


def test_slices_of_a_patient_belong_together_and_nobody_is_named(scans):
    assert people_of(scans, "forget") == {"forget 1": (0, 1), "forget 2": (2, 3)}
    assert identities(scans) == ["knee-0001"] * 2 + ["knee-0002"] * 2


def test_a_part_of_a_set_keeps_the_order_asked_for(scans, heads):
    assert [index for _, index in part_of(scans, (3, 0)).slices] == [1, 0]
    assert identities(part_of(heads, (2, 0))) == ["head-0003", "head-0001"]


def test_people_are_spread_evenly_over_the_set():
    people = {f"p{n}": (n,) for n in range(9)}
    assert chosen(people, 3) == ("p0", "p4", "p8")
    assert chosen(people, 20) == tuple(people)


def test_the_loss_of_a_slice_is_the_tasks_own(scans):
    model, task = build("varnet", TINY).eval(), Reconstruction()
    found = losses_of(task, model, scans, people_of(scans, "forget"), CPU)
    with torch.no_grad():
        expected = [float(task.loss(model, scans.batch(n))) for n in range(4)]
    assert np.concatenate([*found.values()]) == pytest.approx(expected, abs=1e-6)
    assert means(found) == pytest.approx([np.mean(expected[:2]), np.mean(expected[2:])], abs=1e-6)


def test_the_losses_of_a_volume_are_those_of_its_patches(heads):
    torch.manual_seed(0)
    task = Segmentation()
    model = build("med3d", {"in_channels": 3, "classes": 11, "width": 2, "widest": 4}).eval()
    found = losses_of(task, model, heads, people_of(heads, "forget"), CPU)
    batch = heads.batch(1)
    with torch.no_grad():
        answer = task.predict(model, batch)[0].numpy()
    assert found["forget 2"] == pytest.approx(patch_losses(answer, batch.target[0].numpy()))


def test_confidence_is_a_logit_that_falls_with_the_loss():
    half = confidence(Reconstruction(), {"a": np.array([0.5, 0.1, 0.0, 1.3])})["a"]
    assert half[0] == pytest.approx(0)
    assert half[1] == pytest.approx(np.log(9))
    assert np.isfinite(half).all()
    patch = confidence(Segmentation(), {"a": np.array([np.log(2), 0.1])})["a"]
    assert patch[0] == pytest.approx(0)
    assert patch[1] > 0
