from dataclasses import replace

import pytest
import torch

from napari_unlearn.cancel import CancelToken
from napari_unlearn.errors import Cancelled, UnlearnError
from napari_unlearn.evaluation.volume_cost import Trial, counted, measure

TINY = Trial(depth=10, channels=2, classes=3, width=2, shape=(16, 24, 24))


@pytest.mark.long
def test_the_full_size_step_is_counted_without_being_built_and_fits_in_24_gb():
    plain, saving, half = (
        counted(trial)["step"]
        for trial in (Trial(), Trial(checkpointing=True), Trial(precision="bf16-mixed"))
    )
    weights = 4 * (46_155_072 + 552_416)
    assert (plain.gradients, plain.moments) == (weights, 2 * weights)
    assert saving.activations < 0.7 * plain.activations
    assert half.activations < 0.8 * plain.activations
    assert saving.weights == half.weights == plain.weights
    assert max(each.total for each in (plain, saving, half)) < 24e9


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
