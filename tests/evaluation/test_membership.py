import numpy as np
import pytest

from napari_unlearn.evaluation.error import EvaluationError
from napari_unlearn.evaluation.membership import Membership, attack, auc, patch_losses

SHAPE = (18, 20, 24)
CLASSES = 4


def labels(seed):
    """A head in the middle of an empty volume, made of three structures by chance."""
    truth = np.zeros(SHAPE, np.uint8)
    truth[1:17, 2:18, 4:20] = np.random.default_rng(seed).integers(1, CLASSES, (16, 16, 16))
    return truth


def answers(truth, sure, seed):
    """Probabilities of a network that gives the true label about `sure`."""
    own = np.clip(sure + np.random.default_rng(seed).normal(0, 0.1, truth.shape), 0.01, 0.99)
    return np.stack(
        [np.where(truth == label, own, (1 - own) / (CLASSES - 1)) for label in range(CLASSES)]
    )


def attacked(sure_of_members, sure_of_others=0.6, people=8):
    """An attack on a network that is so sure of members and of others."""

    def losses(seeds, sure):
        return {f"s{n}": patch_losses(answers(labels(n), sure, 1000 + n), labels(n)) for n in seeds}

    return attack(
        losses(range(people), sure_of_members),
        losses(range(people, 2 * people), sure_of_others),
    )


def test_a_memorised_subject_is_found():
    assert attacked(0.9).auc > 0.99


def test_a_model_that_treats_all_alike_gives_a_half():
    found = attacked(0.6)
    assert found.auc == pytest.approx(0.5, abs=0.1)
    low, high = found.interval()
    assert low < 0.5 < high


def test_one_memorised_subject_among_members_is_seen_in_its_own_row():
    truth = labels(3)
    known = {
        "planted": patch_losses(answers(truth, 0.95, 3), truth),
        "plain": patch_losses(answers(truth, 0.6, 4), truth),
    }
    strangers = {str(n): patch_losses(answers(labels(n), 0.6, n), labels(n)) for n in range(20, 30)}
    found = attack(known, strangers)
    planted, plain = (float(np.mean(row)) for row in found.pairs)
    assert planted > 0.99
    assert plain == pytest.approx(0.5, abs=0.15)
    assert found.auc == pytest.approx((planted + plain) / 2)


def test_who_stands_out_by_being_bad_is_below_a_half():
    assert attacked(0.3).auc < 0.01


def test_auc_is_the_share_of_pairs_in_which_the_member_has_the_lower_loss():
    rng = np.random.default_rng(0)
    members, others = (rng.integers(0, 5, size).astype(float) for size in (7, 9))
    pairs = [(m < o) + 0.5 * (m == o) for m in members for o in others]
    assert auc(members, others) == pytest.approx(np.mean(pairs))


def test_every_subject_counts_alike_however_many_patches_it_has():
    found = attack({"large": np.zeros(1000), "small": np.full(2, 2.0)}, {"other": np.ones(5)})
    assert found.pairs == ((1.0,), (0.0,))
    assert found.auc == 0.5


def test_the_loss_of_a_patch_is_its_mean_cross_entropy():
    truth = np.zeros((8, 8, 16), np.uint8)
    truth[:, :, :8] = 1
    truth[:, :, 8:] = 2
    probabilities = np.full((3, 8, 8, 16), 0.1)
    probabilities[1, :, :, :8] = 0.5
    probabilities[2, :4, :, 8:] = 0.25
    probabilities[2, 4:, :, 8:] = 0.0
    first, second = patch_losses(probabilities, truth)
    assert first == pytest.approx(-np.log(0.5))
    assert 20 < second < 100  # half of it is impossible, and still finite


def test_patches_outside_the_head_and_leftovers_are_not_counted():
    truth = np.zeros((20, 19, 33), np.uint8)
    truth[2:10, 1:9, 0:8] = 1
    truth[:, :, 32] = 1  # left over
    probabilities = np.full((2, *truth.shape), 0.5)
    assert len(patch_losses(probabilities, truth)) == 1
    with pytest.raises(EvaluationError, match="No patch of 8 voxels"):
        patch_losses(probabilities, np.zeros_like(truth))
    with pytest.raises(EvaluationError, match="No patch of 40 voxels"):
        patch_losses(probabilities, truth, side=40)


def test_the_interval_resamples_subjects():
    opposite = Membership(("a", "b"), ("c", "d"), ((1.0, 1.0), (0.0, 0.0)))
    assert opposite.interval() == (0.0, 1.0)
    alike = Membership(("a", "b"), ("c", "d"), ((0.7, 0.7), (0.7, 0.7)))
    assert alike.interval() == pytest.approx((0.7, 0.7))
    assert Membership(("a",), ("c", "d"), ((0.2, 0.4),)).interval() is None


@pytest.mark.parametrize(
    ("members", "others", "said"),
    [({}, {"x": np.ones(1)}, "no member"), ({"x": np.ones(1)}, {}, "no non-member")],
)
def test_an_attack_needs_both_kinds(members, others, said):
    with pytest.raises(EvaluationError, match=said):
        attack(members, others)
