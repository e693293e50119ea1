import pytest
import torch

from napari_unlearn.audit.error import AuditError
from napari_unlearn.audit.inversion import Probe, invert
from napari_unlearn.models.registry import build
from napari_unlearn.mri.sampling import Sampling
from napari_unlearn.phantoms.head import simulate_head
from napari_unlearn.phantoms.subject import simulate_subject
from napari_unlearn.unlearning.batch import SliceSet
from napari_unlearn.unlearning.segmentation import Segmentation
from napari_unlearn.unlearning.task import Reconstruction
from napari_unlearn.unlearning.volumes import VolumeSet


class Copy(torch.nn.Module):
    """A model whose labels are its three channels: what is drawn out of it is what it shows."""

    def forward(self, image, decode=True):
        return 4 * image


class Recall(torch.nn.Module):
    """Knows one slice by heart and answers with it whatever it is asked."""

    def __init__(self, image):
        super().__init__()
        self.image = image

    def forward(self, kspace, mask, low_frequencies):
        return self.image + 0 * kspace.abs().sum()


@pytest.fixture(scope="module")
def knees():
    scans = [simulate_subject("knee", seed, slices=1, size=32, coils=2) for seed in (1, 2)]
    samples = SliceSet(scans, Sampling("equispaced", 4, 0.08))
    return [samples.batch(n) for n in range(2)]


def test_what_a_model_knows_by_heart_is_drawn_out_of_it(knees):
    own, other = (batch for batch in knees)
    model = Recall(own.target)
    probe = Probe(steps=60)
    task = Reconstruction()
    assert invert(task, model, own, probe) > invert(task, model, other, probe) + 0.1
    assert invert(task, model, own, probe) > 0.1


def test_a_segmentation_gives_away_the_image_that_its_labels_need():
    head = simulate_head(1, (16, 16, 16))
    batch = VolumeSet([head], 11).batch(0)
    target = batch.target.clamp(max=2)
    shown = torch.stack([(target == label).float() for label in range(3)], 1)
    batch = type(batch)(shown, target, 3)
    alike = invert(Segmentation(), Copy(), batch, Probe(steps=30, rate=0.1, smoothness=0))
    assert alike > 0.5


def test_weights_are_left_as_they_are(knees):
    torch.manual_seed(0)
    model = build("varnet", {"cascades": 1, "channels": 2, "pools": 1, "sens_channels": 2}).eval()
    model.requires_grad_(False)
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    invert(Reconstruction(), model, knees[0], Probe(steps=2))
    assert all(torch.equal(weight, before[name]) for name, weight in model.state_dict().items())


def test_a_probe_that_does_nothing_is_refused():
    with pytest.raises(AuditError, match="at least 1 step and 2 people"):
        Probe(steps=0)
