"""What the figures mean, in words for somebody without training in the field.

A finding is "supported" or "not supported" only where the interval over patients says so; with
fewer than five patients, or without an oracle, it "cannot tell".
"""

from napari_unlearn.certificate.content import Answer, AuditEntry, Figure, Finding, Verdict
from napari_unlearn.certificate.measure import Measured
from napari_unlearn.certificate.traces import all_of, traces
from napari_unlearn.evaluation.results import INVENTED

LEAST_PATIENTS = 5
"""For a statement about people who were not measured."""

MARGIN = {"psnr": 0.5, "dice": 0.02}
"""Loss of quality that counts as kept."""

FORGOTTEN = "Does the model now answer like one that never saw the withdrawn data?"
FAULT = "Does it still paint what the withdrawn data taught it where it is not?"
KEPT = "Does it still do its work on everything else?"


def judge(
    measured: Measured,
    parent: str | None,
    child: str,
    oracle: str | None,
    task: str,
    audit: AuditEntry | None,
) -> Verdict:
    """Answer the questions that a person who asked for forgetting has.

    Args:
        measured: Of parent, child and oracle.
        parent: Name of the run before forgetting; None if its checkpoint is gone.
        child: Name of the run that forgot.
        oracle: Name of the run that never saw the data; None without one.
        task: "reconstruction" or "segmentation".
        audit: What attacks found; None if there were none.
    """
    findings = [_forgotten(measured, parent, child, oracle, task)]
    fault = _fault(measured, parent, child)
    findings += [fault] if fault is not None else []
    findings.append(_kept(measured, parent, child, "dice" if task == "segmentation" else "psnr"))
    attacks = traces(audit)
    counts = audit is not None and not audit.outdated
    asked = [finding.answer for finding in findings]
    tested = [*asked, attacks.answer] if counts else asked
    answer: Answer = "cannot tell"
    if "not supported" in tested:
        answer = "not supported"
    elif all(one == "supported" for one in tested):
        answer = "supported"
    return Verdict(
        answer=answer,
        sentence=_summary(answer, counts, "not supported" not in asked),
        findings=(*findings, attacks),
    )


def _summary(answer: Answer, audited: bool, answers_well: bool) -> str:
    if answer == "not supported" and answers_well:
        return (
            "Nothing in its answers speaks against it, but attacks find that something is left in "
            "it: this model should not be passed off as free of the withdrawn data."
        )
    if answer == "not supported":
        return (
            "At least one of the tests below speaks against it: this model should not be passed "
            "off as one that forgot."
        )
    if answer == "cannot tell":
        return "The tests below do not suffice to say whether the model forgot."
    words = (
        "On everything that was tested, the model behaves as if it had forgotten, and still does "
        "its work."
    )
    if not audited:
        words += " Whether an attacker could find traces in it was not tested."
    return words


def forgetting_sets(measured: Measured, task: str) -> tuple[str, ...]:
    """On which sets forgetting shows: the withdrawn subjects, or tests of their kind."""
    if task == "segmentation":
        return tuple(name for name in measured.sets() if name == "forget")
    return tuple(name for name in measured.sets() if not name.startswith("retain"))


def _forgotten(
    measured: Measured, parent: str | None, child: str, oracle: str | None, task: str
) -> Finding:
    sets = forgetting_sets(measured, task)
    if oracle is None or parent is None or not sets:
        missing = (
            "there is no model that never saw the data (an oracle)"
            if oracle is None
            else "the model before forgetting is not at hand"
            if parent is None
            else "there are no scans to test it on"
        )
        return Finding(question=FORGOTTEN, answer="cannot tell", sentence=f"Not tested: {missing}.")
    changes = [measured.change(parent, child, name, "agreement") for name in sets]
    known = [change for change in changes if change is not None]
    told = [_likeness(measured, parent, child, change, task) for change in known]
    # The withdrawn subjects are all there are: no sample of others, no interval to ask for.
    whole = task == "segmentation"
    answers = [_sign(change, 0.0, whole) for change in known]
    return Finding(
        question=FORGOTTEN,
        answer=all_of(answers),
        sentence=" ".join(told) + _few(known, whole),
    )


def _likeness(measured: Measured, parent: str, child: str, change: Figure, task: str) -> str:
    """Decibels of likeness as what a reader can picture: how much smaller the difference is."""
    before, after = (_mean(measured, run, change.set, "agreement") for run in (parent, child))
    where = f"On {_counted(change, task)} of the set “{change.set}”"
    if task == "segmentation":
        return (
            f"{where} it labels {100 * after:.1f} % of the voxels like a model that never saw the "
            f"data; before forgetting it was {100 * before:.1f} % ({_signed(change.mean, 1, 100)} "
            f"percentage points{_interval(change, 1, 100)})."
        )
    less = "less" if change.mean >= 0 else "more"
    return (
        f"{where} its images differ {100 * _error(-abs(change.mean), less):.0f} % {less} from "
        f"those of a model that never saw the data than they did before forgetting ({after:.1f} "
        f"against {before:.1f} dB, a change of {_signed(change.mean, 1)} dB{_interval(change, 1)})."
    )


def _error(decibels: float, direction: str) -> float:
    """By which share a root-mean-square difference changes with its PSNR.

    less = 1 - 10^(dB / 20), more = 10^(-dB / 20) - 1,  dB <= 0
    """
    return 1 - 10 ** (decibels / 20) if direction == "less" else 10 ** (-decibels / 20) - 1


def _fault(measured: Measured, parent: str | None, child: str) -> Finding | None:
    sets = [name for name in forgetting_sets(measured, "") if measured.of(child, name, "fault")]
    if not sets:
        return None
    told, answers, patients = [], [], []
    for name in sets:
        own = measured.of(child, name, "fault")
        before = measured.of(parent, name, "fault") if parent is not None else {}
        shown, once = (sum(v.value > INVENTED for v in each.values()) for each in (own, before))
        count = len({value.patient for value in own.values()})
        patients.append(count)
        was = f"; before forgetting it was {once} of {len(before)}" if before else ""
        told.append(f"On {shown} of {len(own)} images of the set “{name}” it does{was}.")
        answers.append("not supported" if shown else "supported")
    answer: Answer = "not supported" if "not supported" in answers else "supported"
    if answer == "supported" and min(patients) < LEAST_PATIENTS:
        answer = "cannot tell"
        told.append(f"Fewer than {LEAST_PATIENTS} patients were looked at.")
    return Finding(question=FAULT, answer=answer, sentence=" ".join(told))


def _kept(measured: Measured, parent: str | None, child: str, quantity: str) -> Finding:
    sets = [name for name in measured.sets() if name.startswith("retain")]
    known = [
        change
        for name in sets
        if parent is not None
        and (change := measured.change(parent, child, name, quantity)) is not None
    ]
    if parent is None or not known:
        missing = (
            "the model before forgetting is not at hand" if parent is None else "no scans for it"
        )
        return Finding(question=KEPT, answer="cannot tell", sentence=f"Not tested: {missing}.")
    told = [_quality(change, quantity) for change in known]
    answers = [_sign(change, -MARGIN[quantity], False) for change in known]
    return Finding(
        question=KEPT, answer=all_of(answers), sentence=" ".join(told) + _few(known, False)
    )


def _quality(change: Figure, quantity: str) -> str:
    task = "segmentation" if quantity == "dice" else "reconstruction"
    where = f"On {_counted(change, task)} of the set “{change.set}”"
    margin = MARGIN[quantity]
    if quantity == "dice":
        return (
            f"{where} the overlap with what an expert drew (Dice) changed by "
            f"{_signed(change.mean, 3)}{_interval(change, 3)}; a loss of up to {margin:g} counts "
            "as kept."
        )
    less = "less" if change.mean >= 0 else "more"
    share = _error(-abs(change.mean), less)
    return (
        f"{where} its images are {100 * share:.0f} % {less} in error than before "
        f"({_signed(change.mean, 2)} dB{_interval(change, 2)}); up to "
        f"{100 * _error(-margin, 'more'):.0f} % more ({margin:g} dB) counts as kept."
    )


def _sign(change: Figure, above: float, whole: bool) -> Answer:
    """Whether a change is above a limit, as far as its patients tell."""
    if whole and change.patients < LEAST_PATIENTS:
        return "supported" if change.mean > above else "not supported"
    if change.patients < LEAST_PATIENTS or change.low is None or change.high is None:
        return "cannot tell"
    if change.low > above:
        return "supported"
    return "not supported" if change.high < above else "cannot tell"


def _few(changes: list[Figure], whole: bool) -> str:
    if whole or all(change.patients >= LEAST_PATIENTS for change in changes):
        return ""
    return f" Fewer than {LEAST_PATIENTS} patients are too few to say more than that."


def _mean(measured: Measured, run: str, set_name: str, quantity: str) -> float:
    values = measured.of(run, set_name, quantity).values()
    return sum(value.value for value in values) / max(len(values), 1)


def _counted(figure: Figure, task: str) -> str:
    images = "volume" if task == "segmentation" else "image"
    images += "" if figure.samples == 1 else "s"
    people = "patient" if figure.patients == 1 else "patients"
    return f"{figure.samples} {images} of {figure.patients} {people}"


def _interval(figure: Figure, digits: int, scale: float = 1.0) -> str:
    if figure.low is None or figure.high is None:
        return ""
    low, high = (_signed(end, digits, scale) for end in (figure.low, figure.high))
    return f", with 95 % certainty between {low} and {high}"


def _signed(value: float, digits: int, scale: float = 1.0) -> str:
    """With a minus sign that is one."""
    return f"{scale * value:+.{digits}f}".replace("-", "−")
