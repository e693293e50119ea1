from dataclasses import replace

import pytest
import torch

from napari_unlearn.cancel import CancelToken
from napari_unlearn.errors import Cancelled, UnlearnError
from napari_unlearn.evaluation.volume_cost import Trial, counted, measure

TINY = Trial(depth=10, channels=2, classes=3, width=2, shape=(16, 24, 24))


def test_the_full_size_network_is_counted_without_being_built():
    estimates = counted(Trial(checkpointing=True))
    weights = 4 * (46_155_072 + 552_416)
    step = estimates["step"]
    assert step.gradients == weights
    assert step.moments == 2 * weights
    # What issue 4 asks for: a step within 24 GB.
    assert estimates["forward"].total < step.total < 24e9


def test_checkpointing_and_half_precision_take_less():
    trial = Trial(depth=10, classes=2, shape=(32, 128, 128))
    plain = counted(trial)["step"]
    saving = counted(replace(trial, checkpointing=True))["step"]
    half = counted(replace(trial, precision="bf16-mixed"))["step"]
    assert saving.activations < plain.activations
    assert half.activations < plain.activations
    assert saving.weights == half.weights == plain.weights


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_a_trial_loads_runs_and_steps(precision):
    told = list(measure(replace(TINY, precision=precision), CancelToken()))
    assert [each.name for each in told] == ["forward", "step"]
    assert all(each.seconds > 0 and each.memory >= 0 for each in told)
    assert "72 keys taken" in told[0].remark
    assert "(conv_seg) freshly drawn" in told[0].remark


def test_channels_last_gives_the_same_network():
    last = replace(TINY, channels_last=True)
    assert last.parameters == TINY.parameters
    assert len(list(measure(last, CancelToken()))) == 2


def test_a_file_of_other_weights_is_one_sentence(tmp_path):
    path = tmp_path / "other.pth"
    torch.save({"conv1.weight": torch.zeros(2, 2)}, path)
    with pytest.raises(UnlearnError, match=r"other\.pth: not a MedicalNet file"):
        next(measure(replace(TINY, weights=path), CancelToken()))


def test_a_trial_can_be_cancelled():
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        next(measure(TINY, cancel))
