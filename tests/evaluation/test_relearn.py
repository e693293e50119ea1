import pytest
import torch

from napari_unlearn.errors import UnlearnError
from napari_unlearn.evaluation.relearn import PLAIN_TRAINING, Attack, Relearned, relearn_runs
from napari_unlearn.models.card import Card
from napari_unlearn.models.checkpoint import save_checkpoint
from napari_unlearn.models.registry import build
from napari_unlearn.mri.sampling import Sampling
from napari_unlearn.phantoms.subject import simulate_subject
from napari_unlearn.unlearning.batch import SliceSet
from napari_unlearn.unlearning.job import Job
from napari_unlearn.unlearning.loop import train

TINY = {"cascades": 1, "channels": 2, "pools": 1, "sens_channels": 2, "sens_pools": 1}
ATTACK = Attack(samples=2, test_slices=2, limit=30)


def knees(seed, slices=2):
    scan = simulate_subject("knee", seed, slices=slices, size=32, coils=2)
    return SliceSet([scan], Sampling("equispaced", 4, 0.08))


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The original was trained on knees; oracle and twin are one untrained network."""
    folder = tmp_path_factory.mktemp("runs")
    card = Card(architecture="varnet", parameters=TINY)
    torch.manual_seed(0)
    network = build("varnet", TINY)
    found = {name: folder / name / "checkpoint.safetensors" for name in ("oracle", "twin")}
    for path in found.values():
        path.parent.mkdir()
        save_checkpoint(path, network, card)
    job = Job(
        PLAIN_TRAINING, card, folder / "original", retain=knees(1), parent=found["oracle"], steps=40
    )
    list(train(job))
    return {"original": folder / "original" / "checkpoint.safetensors", **found}


def outcome(runs, attack=ATTACK):
    *_, found = relearn_runs(runs, knees(1), knees(2), attack, "cpu")
    return found


def test_who_never_forgot_needs_no_step_and_who_never_knew_needs_as_many_as_the_oracle(runs):
    found = outcome(runs)
    assert found["original"].reached == 0
    assert found["oracle"].reached > 0
    assert found["twin"] == found["oracle"]
    assert found["twin"].ratio(found["oracle"]) == 1
    assert found["original"].ratio(found["oracle"]) == 0


def test_the_level_lies_between_oracle_and_original(runs):
    found = outcome(runs, Attack(samples=2, test_slices=2, limit=1, target_share=0.25))
    low, high = found["oracle"].ssim[0], found["original"].ssim[0]
    assert found["oracle"].level == pytest.approx(0.75 * low + 0.25 * high)


def test_a_higher_level_takes_longer(runs):
    near, far = (
        outcome(runs, Attack(samples=2, test_slices=2, limit=60, target_share=share))["oracle"]
        for share in (0.3, 0.7)
    )
    assert near.reached < far.reached


def test_the_attack_ends_at_the_limit_even_off_the_measurements(runs):
    found = outcome(runs, Attack(samples=2, test_slices=2, every=2, limit=3, target_share=1))
    assert found["oracle"].steps == (0, 2, 3)
    assert found["oracle"].text == ">3"


def test_the_step_lies_between_two_measurements():
    assert Relearned((0, 2, 4), (0.5, 0.6, 0.8), level=0.65).reached == pytest.approx(2.5)


def test_a_model_that_never_relearns_gives_a_lower_bound():
    oracle = Relearned((0, 2), (0.5, 0.7), level=0.6)
    stubborn = Relearned((0, 2, 4, 6), (0.1, 0.1, 0.1, 0.1), level=0.6)
    assert (oracle.reached, stubborn.reached) == (pytest.approx(1), None)
    assert stubborn.text == ">6"
    assert stubborn.ratio(oracle) == pytest.approx(6)
    assert oracle.ratio(stubborn) is None


def test_a_diverged_model_never_relearns():
    assert Relearned((0, 2), (float("nan"), float("nan")), level=0.6).reached is None


def test_without_an_oracle_there_is_nothing_to_compare_with(runs):
    with pytest.raises(UnlearnError, match="there is no oracle yet"):
        outcome({"original": runs["original"]})


def test_an_original_that_knows_no_more_than_the_oracle_is_refused(runs):
    with pytest.raises(UnlearnError, match="Nothing to relearn"):
        outcome({"original": runs["twin"], "oracle": runs["oracle"]})


def test_a_share_out_of_range_is_refused():
    with pytest.raises(UnlearnError, match=r"target_share is 1\.5"):
        Attack(target_share=1.5)


def test_with_a_control_only_what_is_known_above_the_strangers_counts(runs):
    *_, found = relearn_runs(runs, knees(1), knees(1), ATTACK, "cpu", control=knees(2))
    *_, plain = relearn_runs(runs, knees(1), knees(1), ATTACK, "cpu")
    *_, other = relearn_runs(runs, knees(1), knees(2), ATTACK, "cpu")
    expected = plain["original"].ssim[0] - other["original"].ssim[0]
    assert found["original"].ssim[0] == pytest.approx(expected)
