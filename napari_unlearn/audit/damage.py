"""How much worse a model is than the oracle, on the forgotten and on people nobody trained on."""

from dataclasses import dataclass

import numpy as np

from napari_unlearn.audit.losses import ByPerson, means
from napari_unlearn.evaluation.bootstrap import Bootstrap
from napari_unlearn.evaluation.statistics import Estimate


@dataclass(frozen=True)
class Damage:
    """Loss minus the oracle's, in standard deviations of the oracle's loss between people."""

    forgotten: Estimate
    """On the forget set."""
    strangers: Estimate
    """On people whom neither model was trained on."""


def damage_of(
    members: ByPerson,
    others: ByPerson,
    oracle_members: ByPerson,
    oracle_others: ByPerson,
    bootstrap: Bootstrap | None = None,
) -> Damage | None:
    """Mean over people of (loss - oracle's loss) / s, s the oracle's standard deviation.

    Destroying what a model makes of the forget set looks like forgetting by any score that
    rewards a high loss, and makes the set recognisable by being bad.

    Returns:
        None if the oracle's loss does not differ between people.
    """
    spread = float(np.concatenate([means(oracle_members), means(oracle_others)]).std(ddof=1))
    if not spread > 0:
        return None
    bootstrap = bootstrap or Bootstrap()
    parts = {"members": (members, oracle_members), "others": (others, oracle_others)}
    found = [
        _shift(name, (means(own) - means(peer)) / spread, bootstrap)
        for name, (own, peer) in parts.items()
    ]
    return Damage(*found)


def _shift(name: str, values: np.ndarray, bootstrap: Bootstrap) -> Estimate:
    count = len(values)
    low, high = None, None
    if count > 1:
        low, high = bootstrap.interval(bootstrap.means(name, [*map(str, range(count))], values))
    return Estimate(float(values.mean()), low, high, count, count)
