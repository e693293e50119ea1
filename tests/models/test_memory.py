import torch
from torch import nn

from napari_unlearn.models.memory import Tally, amount, forward_memory, step_memory
from napari_unlearn.models.registry import build
from napari_unlearn.unlearning.segmentation import Segmentation
from napari_unlearn.unlearning.volumes import VolumeBatch

SIZES = {"depth": 10, "in_channels": 1, "classes": 3, "width": 4, "stem_stride": 2}
SHAPE = (16, 24, 24)


def two_convolutions():
    return nn.Sequential(
        nn.Conv3d(1, 4, 1, bias=False), nn.ReLU(inplace=True), nn.Conv3d(4, 2, 1, bias=False)
    )


def network(**changes):
    return lambda: build("med3d", {**SIZES, **changes})


def loss(model):
    batch = VolumeBatch(torch.randn(1, 1, *SHAPE), torch.randint(3, (1, *SHAPE)), 3)
    return Segmentation().loss(model, batch)


def test_a_forward_pass_holds_what_goes_in_and_out_of_its_widest_place():
    voxels = 6 * 7 * 8
    found = forward_memory(two_convolutions, (1, 1, 6, 7, 8))
    assert found.weights == 4 * (4 + 8)
    assert found.activations == 4 * voxels * (1 + 4 + 2)
    assert found.total == found.weights + found.activations


def test_a_step_has_gradients_and_two_moments_per_weight():
    found = step_memory(network(), loss)
    learnt = 4 * sum(weight.numel() for weight in network()().parameters())
    assert found.gradients == learnt
    assert found.moments == 2 * learnt
    assert found.total == found.weights + 3 * learnt + found.activations
    assert found.activations > forward_memory(network(), (1, 1, *SHAPE)).activations


def test_counting_without_numbers_agrees_with_a_real_step():
    torch.manual_seed(0)
    model = network()()
    with Tally() as tally:
        loss(model).backward()
    found = step_memory(network(), loss)
    # Labels become weights of the classes in another way where they have no numbers.
    assert abs(found.gradients + found.activations - tally.most) < 0.1 * tally.most


def test_nothing_is_allocated_to_count():
    found = forward_memory(network(), (1, 1, 4096, 4096, 4096))
    assert found.activations > 4 * 4096**3


def test_checkpointing_and_two_bytes_take_less():
    sizes = {"depth": 34, "widest": 4}  # few weights: activations are most of it
    plain = step_memory(network(**sizes), loss).activations
    assert step_memory(network(**sizes, checkpointing=True), loss).activations < 0.9 * plain
    assert step_memory(network(**sizes), loss, "bf16-mixed").activations < 0.9 * plain


def test_amounts_are_said_in_units_people_use():
    assert amount(3 << 19) == "1.5 MiB"
    assert amount(5 << 29) == "2.5 GiB"
