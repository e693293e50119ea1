"""What the figures prove, question by question, in words that need no statistics.

A question about an unlearned model is a question about its difference from the oracle, which
never saw the forgotten people. Without an oracle no figure answers it.
"""

from dataclasses import dataclass
from typing import Literal

from napari_unlearn.audit.damage import Damage
from napari_unlearn.audit.distance import Distance
from napari_unlearn.evaluation.relearn import Relearned
from napari_unlearn.evaluation.statistics import Estimate

Answer = Literal["supported", "not supported", "cannot tell", "cannot tell without an oracle"]

MARGIN = 0.05
"""Difference to the oracle's AUC that is accepted."""
FEWEST_STEPS = 0.8
"""Share of the oracle's steps that relearning must take."""
WORSE = 1.0
"""Standard deviations above the oracle's loss that count as damage."""


@dataclass(frozen=True)
class Verdict:
    """A claim, whether the audit supports it, and why in one sentence."""

    claim: str
    answer: Answer
    why: str


NO_ORACLE: Answer = "cannot tell without an oracle"
IN_TRAINING = "The forgotten people cannot be told from strangers any better than by the oracle"
UNDAMAGED = "No recognisable damage: they are not done worse than the oracle does them"
ALIKE = "Losses on them are distributed as the oracle's are"
REMOVED = "What was forgotten has to be learnt anew, not just woken up"
SHADOWS = "Nor can they by an attacker who trains shadow models (U-LiRA)"
DRAWN_OUT = "Nothing more can be drawn out of the model about them (inversion probe)"
KNOWN = "The original knows the forget set by heart: there is something to forget"
FAIR = "Forget set and hold-out are equally hard for who knows neither: the attack is fair"


def equal(
    claim: str,
    own: Estimate,
    oracle: Estimate | None,
    gap: Estimate | None,
    margin: float,
    destroyed: bool = False,
) -> Verdict:
    """Whether an attack does to a model what it does to the oracle.

    Supported if the difference is within the margin and its interval within twice the margin;
    not supported if it is beyond the margin and its interval excludes 0; else nobody can tell,
    nor of a model that is destroyed for everybody alike.
    """
    if oracle is None or gap is None:
        return Verdict(
            claim,
            NO_ORACLE,
            f"AUC {_shown(own)}; 0.5 is right only if both sets are equally hard, which the "
            "oracle would tell.",
        )
    why = f"AUC {own.value:.2f}, the oracle's {oracle.value:.2f}, difference {_signed(gap)}"
    worse = gap.value < -margin and gap.high is not None and gap.high < 0
    if destroyed and not worse:
        return Verdict(claim, "cannot tell", f"{why}; of a destroyed model that says nothing.")
    if gap.low is None or gap.high is None:
        return Verdict(claim, "cannot tell", f"{why}; one person of a kind leaves no interval.")
    if abs(gap.value) <= margin and -2 * margin <= gap.low and gap.high <= 2 * margin:
        return Verdict(claim, "supported", f"{why}: within {margin:g}.")
    if worse:
        return Verdict(claim, "not supported", f"{why}: they stand out by being done worse.")
    if gap.value > margin and gap.low > 0:
        return Verdict(claim, "not supported", f"{why}: they are found more easily.")
    return Verdict(claim, "cannot tell", f"{why}: too wide for {margin:g}, more people would help.")


def undamaged(own: Estimate, gap: Estimate | None, damage: Damage | None, margin: float) -> Verdict:
    """Whether forgetting was done by destroying, on the forgotten people or on everybody.

    Damage is an AUC below the oracle's by more than the margin, its interval below 0; or a loss
    above the oracle's by more than one standard deviation between people, interval included, on
    the forgotten more than on strangers or on strangers as well.
    """
    if gap is None or damage is None:
        return Verdict(
            UNDAMAGED, NO_ORACLE, f"AUC {_shown(own)}; how bad is bad only an oracle tells."
        )
    forgotten, strangers = damage.forgotten, damage.strangers
    why = (
        f"the loss is {forgotten.value:+.1f} standard deviations from the oracle's on them, "
        f"{strangers.value:+.1f} on strangers; AUC {own.value:.2f}, {_signed(gap)} to the oracle"
    )
    if gap.high is None or forgotten.low is None or strangers.low is None:
        return Verdict(UNDAMAGED, "cannot tell", f"{_upper(why)}; too few people for intervals.")
    if gap.value < -margin and gap.high < 0:
        return Verdict(UNDAMAGED, "not supported", f"Recognisable damage: {why}.")
    if destroyed(damage):
        return Verdict(UNDAMAGED, "not supported", f"Damage, and not only for them: {why}.")
    if forgotten.low > WORSE:
        return Verdict(UNDAMAGED, "not supported", f"Damage: {why}.")
    if gap.value < -margin:
        return Verdict(UNDAMAGED, "cannot tell", f"{_upper(why)}: perhaps, of so few people.")
    return Verdict(UNDAMAGED, "supported", f"{_upper(why)}.")


def destroyed(damage: Damage | None) -> bool:
    """Whether a model is far worse than the oracle on people whom neither knows."""
    return damage is not None and (damage.strangers.low or 0) > WORSE


def alike(ks: Distance | None) -> Verdict:
    """Whether the losses on the forget set look like the oracle's own."""
    if ks is None:
        return Verdict(ALIKE, NO_ORACLE, "There is no distribution to compare with.")
    why = f"KS distance {ks.value:.2f}, p = {ks.p:.3f}"
    if ks.p < 0.05:
        return Verdict(ALIKE, "not supported", f"{why}: exchanging the models shows.")
    if not ks.telling:
        return Verdict(ALIKE, "cannot tell", f"{why}; {ks.people} people are too few to show any.")
    return Verdict(ALIKE, "supported", f"{why}: no difference among {ks.people} people.")


def removed(
    own: Relearned | None, oracle: Relearned | None, ratio: float | None, missing: str
) -> Verdict:
    """Whether a model relearns as slowly as the oracle learns.

    Args:
        own: the model under attack.
        oracle: the oracle under the same attack.
        ratio: steps in units of the oracle's.
        missing: why there was no attack.
    """
    if own is None or oracle is None:
        answer: Answer = NO_ORACLE if not missing else "cannot tell"
        return Verdict(REMOVED, answer, missing or "How soon is soon only an oracle tells.")
    why = f"Back halfway to the original after {own.text} steps, the oracle after {oracle.text}"
    if ratio is None and own.reached is None:
        return Verdict(REMOVED, "cannot tell", f"{why}: neither of them came there.")
    if ratio is None:
        # The oracle needs more steps than the attack had: the ratio is below this.
        ratio = (own.reached or 0.0) / oracle.steps[-1]
        if ratio >= FEWEST_STEPS:
            return Verdict(REMOVED, "cannot tell", f"{why}: the attack was too short.")
    if ratio >= FEWEST_STEPS:
        return Verdict(REMOVED, "supported", f"{why}.")
    return Verdict(REMOVED, "not supported", f"{why}: it was hidden, not removed.")


def known(gap: Estimate | None, own: Estimate) -> Verdict:
    """Of the original: whether the attack finds the forget set in it."""
    if gap is None:
        return Verdict(KNOWN, NO_ORACLE, f"AUC {_shown(own)}.")
    why = f"AUC {_shown(own)}, {_signed(gap)} from the oracle's"
    if gap.low is None or gap.high is None:
        return Verdict(KNOWN, "cannot tell", f"{why}; one person of a kind leaves no interval.")
    if gap.low > 0:
        return Verdict(KNOWN, "supported", f"{why}.")
    if gap.high < MARGIN:
        return Verdict(KNOWN, "not supported", f"{why}: nothing that this attack could find.")
    return Verdict(KNOWN, "cannot tell", f"{why}: too few people.")


def fair(own: Estimate) -> Verdict:
    """Of the oracle: whether chance is what the attack gives where nothing is known."""
    why = f"AUC {_shown(own)}"
    if own.low is None or own.high is None:
        return Verdict(FAIR, "cannot tell", f"{why}; one person of a kind leaves no interval.")
    if own.low <= 0.5 <= own.high:
        return Verdict(FAIR, "supported", f"{why} holds 0.5.")
    return Verdict(FAIR, "not supported", f"{why} excludes 0.5: look at differences only.")


def _shown(estimate: Estimate) -> str:
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.2f}"
    return f"{estimate.value:.2f} [{estimate.low:.2f}, {estimate.high:.2f}]"


def _signed(gap: Estimate) -> str:
    if gap.low is None or gap.high is None:
        return f"{gap.value:+.2f}"
    return f"{gap.value:+.2f} [{gap.low:+.2f}, {gap.high:+.2f}]"


def _upper(sentence: str) -> str:
    return sentence[0].upper() + sentence[1:]
