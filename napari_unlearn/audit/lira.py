"""U-LiRA: does the model answer a person like one who was forgotten, or like a stranger?

Hayes et al., Inexact Unlearning Needs More Careful Evaluations, SaTML 2025, after Carlini et
al., Membership Inference Attacks From First Principles, IEEE S&P 2022.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from napari_unlearn.audit.error import AuditError
from napari_unlearn.evaluation.membership import Membership, attack

Statistic = Mapping[str, float]
"""Mean logit of a model's confidence by person, see `losses.confidence`."""


@dataclass(frozen=True)
class Shadow:
    """A model whose forget set the attacker chose."""

    inside: frozenset[str]
    """Who was learnt and forgotten; of everybody else it has seen nothing."""
    statistic: Statistic


def lira(
    own: Statistic, members: Sequence[str], others: Sequence[str], shadows: Sequence[Shadow]
) -> Membership:
    """Attack one model with the likelihood ratio of every person.

        score = log N(phi; mean_in, sd_in) - log N(phi; mean_out, sd_out)

    Means are each person's over the shadows; with few shadows a person's own variance says
    nothing, so that one is taken over all people (Carlini's global variance).

    Args:
        own: of the model under attack, members and others.
        members: who was in its forget set.
        others: who was in no training set.
        shadows: at least one with each person inside and one without.

    Raises:
        AuditError: if a person was inside in all shadows, or in none.
    """
    people = [*members, *others]
    known = {who: [s.statistic[who] for s in shadows if who in s.inside] for who in people}
    unknown = {who: [s.statistic[who] for s in shadows if who not in s.inside] for who in people}
    if not all(known[who] and unknown[who] for who in people):
        raise AuditError("U-LiRA needs shadow models with and without every person.")
    own_in, own_out = (_densities(own, found) for found in (known, unknown))
    score = {who: np.array([own_out[who] - own_in[who]]) for who in people}
    return attack({who: score[who] for who in members}, {who: score[who] for who in others})


def _densities(own: Statistic, seen: Mapping[str, list[float]]) -> dict[str, float]:
    """Log density of each person's statistic under the shadows' normal distribution.

    With a single shadow each there is no scatter to take a variance from; 1 ranks people as well
    as any other number does while both hypotheses share it.
    """
    residuals = np.concatenate([np.array(values) - np.mean(values) for values in seen.values()])
    freedom = len(residuals) - len(seen)
    sd = float(np.sqrt((residuals**2).sum() / freedom)) if freedom > 0 else 1.0
    return {who: float(norm.logpdf(own[who], np.mean(v), max(sd, 1e-9))) for who, v in seen.items()}
