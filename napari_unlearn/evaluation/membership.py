"""Was this person among the training subjects? An attack on the losses of patches.

A network fits what it was trained on more closely than anything else. The attacker, who holds
a subject's labels, cuts the volume into patches and guesses that patches of low loss belong to
a member. Subjects differ in how hard they are, so that 0.5 is what an ignorant model gives on
average only: judge a model beside the oracle, which was never shown the members.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from napari_unlearn.evaluation.bootstrap import Bootstrap
from napari_unlearn.evaluation.error import EvaluationError

Losses = NDArray[np.float64]

SIDE = 8
"""Of a patch [voxels]."""
INSIDE = 0.125
"""Share of a patch that must be labelled: what lies outside the head is easy for every model."""


@dataclass(frozen=True)
class Membership:
    """How well the patches of members stand out from those of subjects no model has seen."""

    members: tuple[str, ...]
    others: tuple[str, ...]
    """Non-members."""
    pairs: tuple[tuple[float, ...], ...]
    """AUC of every member (row) against every non-member (column)."""

    @property
    def auc(self) -> float:
        """Mean over the pairs, so that every subject counts alike however many patches it has."""
        return float(np.mean(self.pairs))

    def interval(self, bootstrap: Bootstrap | None = None) -> tuple[float, float] | None:
        """Of the AUC, members and non-members resampled; None if there is one of a kind only.

        With few members it is rough: two can be drawn in three ways.
        """
        if min(len(self.members), len(self.others)) < 2:
            return None
        bootstrap = bootstrap or Bootstrap()
        return bootstrap.interval(self.drawn(bootstrap))

    def drawn(self, bootstrap: Bootstrap) -> NDArray[np.float64]:
        """The AUC of every draw of members and non-members, (resamples,).

        Attacks on the same numbers of people meet the same draws, so that they can be compared.
        """
        rows = bootstrap.weights("members", len(self.members)) / len(self.members)
        columns = bootstrap.weights("others", len(self.others)) / len(self.others)
        return ((rows @ np.array(self.pairs)) * columns).sum(axis=1)


def attack(members: Mapping[str, Losses], others: Mapping[str, Losses]) -> Membership:
    """Set the patch losses of every member against those of every non-member.

    Args:
        members: losses of the patches by subject, as `patch_losses` gives them.
        others: those of subjects that no model was trained on.

    Raises:
        EvaluationError: if there is no member or no non-member.
    """
    if not members or not others:
        missing = "member" if not members else "non-member"
        raise EvaluationError(f"The membership attack has no {missing} to tell from the others.")
    pairs = tuple(tuple(auc(own, peer) for peer in others.values()) for own in members.values())
    return Membership(tuple(members), tuple(others), pairs)


def auc(members: Losses, others: Losses) -> float:
    """Probability that a member's loss is below a non-member's, ties counted half."""
    ranks = rankdata(np.concatenate([members, others]))
    above = ranks[len(members) :].sum() - len(others) * (len(others) + 1) / 2
    return float(above / (len(members) * len(others)))


def patch_losses(
    probabilities: NDArray[np.floating], truth: NDArray[np.integer], side: int = SIDE
) -> Losses:
    """Mean cross-entropy, -log p of the true label, of every patch that lies in the head.

    Patches are cubes side by side in the middle of the volume; what is left over at its faces
    belongs to none. At least an eighth of a patch must be labelled.

    Args:
        probabilities: (classes, depth, rows, columns)
        truth: (depth, rows, columns), 0 is the background.
        side: of a patch [voxels].

    Returns:
        (patches,)

    Raises:
        EvaluationError: if no patch lies in the head.
    """
    own = np.take_along_axis(probabilities, truth[None].astype(np.int64), axis=0)[0]
    loss = -np.log(np.maximum(own.astype(np.float64), np.finfo(np.float32).tiny))
    means = _patches(loss, side).mean(axis=1)
    labelled = _patches(truth != 0, side).mean(axis=1)
    inside = means[labelled >= INSIDE]
    if not inside.size:
        raise EvaluationError(f"No patch of {side} voxels a side lies in the labelled structures.")
    return inside


def _patches(volume: NDArray, side: int) -> NDArray:
    """Cut a volume up, (patches, voxels of a patch)."""
    counts = [length // side for length in volume.shape]
    starts = [(length % side) // 2 for length in volume.shape]
    box = tuple(slice(s, s + n * side) for s, n in zip(starts, counts, strict=True))
    depth, rows, columns = counts
    blocks = volume[box].reshape(depth, side, rows, side, columns, side)
    return blocks.transpose(0, 2, 4, 1, 3, 5).reshape(depth * rows * columns, side**3)
