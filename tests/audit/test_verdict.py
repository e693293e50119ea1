import pytest

from napari_unlearn.audit.damage import Damage
from napari_unlearn.audit.distance import Distance
from napari_unlearn.audit.verdict import (
    IN_TRAINING,
    alike,
    equal,
    fair,
    known,
    removed,
    undamaged,
)
from napari_unlearn.evaluation.relearn import Relearned
from napari_unlearn.evaluation.statistics import Estimate


def estimate(value, low=None, high=None):
    return Estimate(value, low, high, 40, 40)


AUC, ORACLE = estimate(0.5, 0.4, 0.6), estimate(0.5, 0.42, 0.58)


@pytest.mark.parametrize(
    ("gap", "answer"),
    [
        (estimate(0.01, -0.05, 0.07), "supported"),
        (estimate(0.04, -0.05, 0.12), "cannot tell"),
        (estimate(0.2, 0.1, 0.3), "not supported"),
        (estimate(-0.2, -0.3, -0.1), "not supported"),
        (estimate(0.2, -0.1, 0.4), "cannot tell"),
        (estimate(0.01), "cannot tell"),
        (None, "cannot tell without an oracle"),
    ],
)
def test_an_attack_is_judged_by_its_difference_to_the_oracle(gap, answer):
    oracle = None if gap is None else ORACLE
    assert equal(IN_TRAINING, AUC, oracle, gap, 0.05).answer == answer


def test_of_a_destroyed_model_an_attack_says_nothing():
    close = estimate(0.0, -0.02, 0.02)
    assert equal(IN_TRAINING, AUC, ORACLE, close, 0.05, destroyed=True).answer == "cannot tell"
    below = estimate(-0.4, -0.5, -0.3)
    worse = equal(IN_TRAINING, AUC, ORACLE, below, 0.05, destroyed=True)
    assert worse.answer == "not supported"
    assert "done worse" in worse.why


def shift(forgotten, strangers=(0, -0.1, 0.1)):
    return Damage(estimate(*forgotten), estimate(*strangers))


@pytest.mark.parametrize(
    ("gap", "damage", "answer", "said"),
    [
        (estimate(-0.4, -0.5, -0.3), shift((3, 2, 4)), "not supported", "Recognisable damage"),
        (
            estimate(0.0, -0.1, 0.1),
            shift((5, 4, 6), (5, 4, 6)),
            "not supported",
            "not only for them",
        ),
        (estimate(-0.02, -0.1, 0.1), shift((0.1, -0.2, 0.3)), "supported", "standard deviations"),
        (estimate(0.3, 0.2, 0.4), shift((-2, -3, -1)), "supported", "standard deviations"),
        (estimate(-0.1, -0.3, 0.1), shift((0.5, -1, 2)), "cannot tell", "so few"),
        (estimate(-0.1), shift((0.5,), (0.1,)), "cannot tell", "too few people"),
        (None, None, "cannot tell without an oracle", "only an oracle"),
    ],
)
def test_forgetting_by_destroying_is_called_out(gap, damage, answer, said):
    found = undamaged(AUC, gap, damage, 0.05)
    assert found.answer == answer
    assert said in found.why


def relearned(*quality, level=0.6):
    return Relearned(tuple(range(0, 2 * len(quality), 2)), quality, level)


SLOW, QUICK = relearned(0.4, 0.5, 0.55, 0.65), relearned(0.4, 0.7)
NEVER = relearned(0.4, 0.4, 0.4, 0.4, 0.4, 0.4)


@pytest.mark.parametrize(
    ("own", "oracle", "answer"),
    [
        (SLOW, SLOW, "supported"),
        (QUICK, SLOW, "not supported"),
        (NEVER, SLOW, "supported"),
        (NEVER, NEVER, "cannot tell"),
        (QUICK, NEVER, "not supported"),
    ],
)
def test_knowledge_that_comes_back_sooner_than_the_oracle_learns_was_hidden(own, oracle, answer):
    assert removed(own, oracle, own.ratio(oracle), "").answer == answer


def test_no_relearn_attack_is_said_to_be_none():
    assert removed(None, SLOW, None, "One person.").why == "One person."
    assert removed(None, None, None, "").answer == "cannot tell without an oracle"


def test_distributions_need_people_before_they_are_called_alike():
    assert alike(Distance(0.1, 0.1, 0.2, 0.6, 20)).answer == "supported"
    assert alike(Distance(0.1, 0.1, 0.2, 0.6, 3)).answer == "cannot tell"
    assert alike(Distance(0.6, 0.5, 0.7, 0.01, 20)).answer == "not supported"
    assert alike(None).answer == "cannot tell without an oracle"


def test_what_the_original_knows_and_whether_the_attack_is_fair():
    assert known(estimate(0.3, 0.2, 0.4), AUC).answer == "supported"
    assert known(estimate(0.0, -0.02, 0.02), AUC).answer == "not supported"
    assert known(estimate(0.1, -0.1, 0.3), AUC).answer == "cannot tell"
    assert known(None, AUC).answer == "cannot tell without an oracle"
    assert fair(AUC).answer == "supported"
    assert fair(estimate(0.3, 0.2, 0.4)).answer == "not supported"
    assert fair(estimate(0.5)).answer == "cannot tell"
