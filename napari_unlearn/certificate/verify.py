"""A certificate checked against the files it is about: hashed anew, measured anew, compared."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from napari_unlearn import __version__
from napari_unlearn.cancel import CancelToken
from napari_unlearn.certificate.audit import at_hand, read_audit
from napari_unlearn.certificate.content import (
    Certificate,
    Figure,
    ModelEntry,
    SetEntry,
    fingerprint_of,
)
from napari_unlearn.certificate.error import CertificateError
from napari_unlearn.certificate.fingerprint import describe_set, open_sets
from napari_unlearn.certificate.ledger import FILE, hash_of, read_ledger
from napari_unlearn.certificate.make import Told
from napari_unlearn.certificate.measure import BY_KEY, Measured, measure
from napari_unlearn.certificate.page import pictures_of, to_page
from napari_unlearn.certificate.traces import traces
from napari_unlearn.certificate.verdict import judge
from napari_unlearn.errors import shortened
from napari_unlearn.experiment import Experiment
from napari_unlearn.models.checkpoint import sha256
from napari_unlearn.pseudonym import AS_THEY_ARE

_LONGEST = 400
"""Characters of a sentence; only names that nobody gave in earnest make one longer."""


@dataclass(frozen=True)
class Checked:
    """What came of it."""

    differences: tuple[str, ...]
    """A sentence each; none means that the certificate holds."""
    notes: tuple[str, ...]
    """What could not be checked, or changed without the certificate being wrong."""
    agreed: tuple[str, ...]
    """What was checked and is as the certificate says."""


class _Findings:
    """Sentences as they come."""

    def __init__(self) -> None:
        self.differences: list[str] = []
        self.notes: list[str] = []
        self.agreed: list[str] = []

    def all(self) -> Checked:
        """Fit for a terminal, whatever the certificate says."""
        told = (self.differences, self.notes, self.agreed)
        lines = [tuple(shortened(each, _LONGEST) for each in sentences) for sentences in told]
        return Checked(*lines)

    def hold(self, holds: bool, agreed: str, difference: str) -> None:
        (self.agreed if holds else self.differences).append(agreed if holds else difference)


def verify(
    certificate: Certificate,
    page: str | None,
    experiment: Experiment,
    *,
    device: str = "auto",
    measured_too: bool = True,
    cancel: CancelToken | None = None,
) -> Iterator[Told | Checked]:
    """Hash every file again, put the models to the same tests again, and compare.

    Args:
        certificate: What is claimed.
        page: The HTML that it came in, if it did: what people read must be what it says.
        experiment: Where the files are.
        device: As `resolve_device` takes it.
        measured_too: Whether to measure; hashes alone take no model.
        cancel: Looked at before each slice or volume.

    Yields:
        `Told` while it works, at last `Checked`.

    Raises:
        UnlearnError: if a file is there but unusable.
    """
    found = _Findings()
    _text(certificate, page, found)
    _experiment_file(certificate, experiment, found)
    _ledger(certificate, experiment, found)
    paths = _models(certificate, experiment, found)
    _audit(certificate, experiment, found)
    sets = open_sets(experiment)
    for entry in certificate.sets:
        if entry.name not in sets:
            _gone(entry, certificate, found)
            continue
        for event in describe_set(entry.name, sets[entry.name], AS_THEY_ARE):
            if isinstance(event, SetEntry):
                _set(entry, event, found)
            else:
                yield Told(f"Hashing {entry.name}", event, entry.count)
    if measured_too:
        runs = {name: experiment.runs[name] for name in certificate.runs if name in paths}
        for told in _measure(certificate, experiment, runs, sets, device, cancel):
            if isinstance(told, Measured):
                _figures(certificate, told, paths, found)
            else:
                yield told
    else:
        found.notes.append("The figures were not measured again.")
    yield found.all()


def _text(certificate: Certificate, page: str | None, found: _Findings) -> None:
    found.hold(
        fingerprint_of(certificate) == certificate.fingerprint,
        "the certificate's own fingerprint",
        "The certificate was changed after it was written: its fingerprint does not fit.",
    )
    if page is None:
        return
    pictures = pictures_of(page, certificate)
    found.hold(
        tuple(picture.entry for picture in pictures) == certificate.pictures,
        "the page's pictures",
        "A picture of the page was changed after it was written.",
    )
    if certificate.versions.get("napari-unlearn") != __version__:
        found.notes.append(
            "The page was written by another version of napari-unlearn; whether its text says "
            "what its data say was not checked."
        )
        return
    found.hold(
        to_page(certificate, pictures) == page,
        "the page's text",
        "The page's text does not say what its data say: it was edited after it was written.",
    )


def _experiment_file(certificate: Certificate, experiment: Experiment, found: _Findings) -> None:
    if sha256(experiment.path) == certificate.experiment.sha256:
        found.agreed.append("the experiment file")
    else:
        found.notes.append(
            f"{experiment.path.name} was edited since; what matters of it is checked by itself."
        )


def _ledger(certificate: Certificate, experiment: Experiment, found: _Findings) -> None:
    if any(line.hash != hash_of(line) for line in certificate.ledger):
        found.differences.append("The ledger inside the certificate was changed.")
        return
    try:
        lines = read_ledger(experiment.folder / FILE)
    except CertificateError as error:
        found.differences.append(f"The ledger is damaged: {error}")
        return
    count = len(certificate.ledger)
    found.hold(
        lines[:count] == certificate.ledger and count > 0,
        f"the ledger, {count} of {len(lines)} entries",
        f"The ledger does not hold the {count} entries of the certificate in their order "
        f"({len(lines)} are there): it was replaced, cut or written anew.",
    )


def _models(
    certificate: Certificate, experiment: Experiment, found: _Findings
) -> dict[str, ModelEntry]:
    """Compare checkpoints; those at hand and as they were, by run."""
    runs, fine = experiment.runs, {}
    entries = (certificate.original, certificate.parent, certificate.child, certificate.oracle)
    for entry in {each.run: each for each in entries if each is not None}.values():
        if entry.run not in runs:
            if entry.run == certificate.child.run:
                found.differences.append(f"The model '{entry.run}' is not there.")
            else:
                found.notes.append(
                    f"The model '{entry.run}' is not there any more; what was measured of it was "
                    "not measured again."
                )
            continue
        same = sha256(runs[entry.run]) == entry.sha256
        found.hold(
            same,
            f"the model '{entry.run}'",
            f"The model '{entry.run}' is another file than the certificate is about.",
        )
        if same:
            fine[entry.run] = entry
    return fine


def _audit(certificate: Certificate, experiment: Experiment, found: _Findings) -> None:
    """Compare the audit's file and what it is about; the attacks are not made again."""
    own = (certificate.original, certificate.parent, certificate.child, certificate.oracle)
    hashes = {model.run: model.sha256 for model in own if model is not None}
    now, claimed = read_audit(experiment.folder, certificate.child.run, hashes), certificate.audit
    if claimed is None:
        if now is not None:
            found.notes.append(
                f"An audit was made since ({now.made[:10] or 'no date'}), of which the certificate "
                "does not know; write it anew to take it in."
            )
        return
    if not claimed.outdated:
        judged = {model.run: model.sha256 for model in claimed.models}
        found.hold(
            bool(judged) and all(hashes.get(run) == each for run, each in judged.items()),
            "the models that the audit attacked are the certificate's",
            "The audit attacked other models than the certificate is about.",
        )
    found.hold(
        traces(claimed).answer == certificate.verdict.findings[-1].answer,
        "what the attacks come to",
        "What the attacks found does not lead to what the certificate makes of it.",
    )
    if now is not None and now.file != claimed.file and now.made > claimed.made:
        found.notes.append(
            f"Another audit was made since ({now.made[:10]}), of which the certificate does not "
            "know; write it anew to take it in."
        )
    if claimed.file in at_hand(experiment.folder):
        found.agreed.append("the audit's file (its attacks were not made again)")
    elif now is None or now.made > claimed.made:
        found.notes.append("The audit's file is not at hand; its hash was not checked.")
    else:
        found.differences.append(
            "The audit's file is another than the one the certificate was written from."
        )


def _gone(entry: SetEntry, certificate: Certificate, found: _Findings) -> None:
    if not entry.at_hand:
        found.notes.append(
            f"The set '{entry.name}' was not at hand when the certificate was written, and is not."
        )
    elif entry.name == "forget":
        found.notes.append(
            "The forget set's files are not at hand any more, as it should be after a deletion; "
            "their hashes were not checked."
        )
    elif any(figure.set == entry.name for figure in certificate.figures):
        found.differences.append(f"The files of the set '{entry.name}' are not there.")
    else:
        found.notes.append(
            f"The files of the set '{entry.name}' are not at hand; their hashes were not checked."
        )


def _set(claimed: SetEntry, there: SetEntry, found: _Findings) -> None:
    if not claimed.at_hand:
        found.notes.append(
            f"The set '{claimed.name}' was not at hand when the certificate was written."
        )
        return
    before, now = (Counter(scan.sha256 for scan in each.scans) for each in (claimed, there))
    lost, added = (before - now).total(), (now - before).total()
    if claimed.name == "forget" and lost and not added:
        found.notes.append(
            f"{lost} of the forget set's {claimed.count} files are not at hand any more, as it "
            "should be after a deletion."
        )
        return
    found.hold(
        not lost and not added,
        f"the files of the set '{claimed.name}' ({claimed.count})",
        f"The set '{claimed.name}': {lost} of its {claimed.count} files are changed or gone, and "
        f"{added} are there that the certificate does not know.",
    )


def _measure(
    certificate: Certificate,
    experiment: Experiment,
    runs: Mapping[str, Any],
    sets: Mapping[str, Any],
    device: str,
    cancel: CancelToken | None,
) -> Iterator[Told | Measured]:
    claimed = {figure.set for figure in certificate.figures}
    wanted = {name: samples for name, samples in sets.items() if name in claimed}
    # Attackers' strangers are a set of their own, of which there are no figures.
    wanted |= {name: sets[name] for name in experiment.kind.set_apart if name in sets}
    if not runs or not claimed & wanted.keys():
        yield Measured(())
        return
    for event in measure(experiment, runs, wanted, device, cancel):
        yield event if isinstance(event, Measured) else Told("Measuring", *event)


def _allowed(certificate: Certificate, quantity: str) -> float:
    """The certificate's tolerance, but none that would let anything pass."""
    return min(certificate.tolerances[quantity], BY_KEY[quantity].tolerance)


def _figures(
    certificate: Certificate, again: Measured, models: Mapping[str, Any], found: _Findings
) -> None:
    there = {_of(figure): figure for figure in again.figures}
    off, same, missing = [], 0, 0
    for claimed in certificate.figures:
        now = there.get(_of(claimed))
        if now is None:
            missing += 1
        elif abs(now.mean - claimed.mean) > _allowed(certificate, claimed.quantity):
            off.append(_off(claimed, now))
        else:
            same += 1
    found.differences += off
    if same:
        found.agreed.append(f"{same} figures, measured again")
    if missing:
        found.notes.append(f"{missing} figures could not be measured again.")
    if missing or off or not certificate.figures:
        return
    parent = certificate.parent.run if certificate.parent is not None else None
    oracle = certificate.oracle.run if certificate.oracle is not None else None
    verdict = judge(
        again,
        parent,
        certificate.child.run,
        oracle,
        certificate.experiment.task,
        certificate.audit,
    )
    found.hold(
        _answers(verdict.findings) == _answers(certificate.verdict.findings)
        and verdict.answer == certificate.verdict.answer,
        "the verdict",
        "The figures do not lead to the verdict that the certificate states.",
    )


def _of(figure: Figure) -> tuple[str, str, str, str]:
    return figure.run, figure.set, figure.quantity, figure.structure


def _answers(findings: Sequence[Any]) -> list[tuple[str, str]]:
    return [(finding.question, finding.answer) for finding in findings]


def _off(claimed: Figure, now: Figure) -> str:
    quantity = BY_KEY[claimed.quantity]
    digits = quantity.digits + 1
    who = f"'{claimed.run}'" if claimed.run else "what an expert drew"
    what = f" ({claimed.structure})" if claimed.structure else ""
    return (
        f"{quantity.title}{what} of {who} on '{claimed.set}' is {now.mean:.{digits}f}, "
        f"not {claimed.mean:.{digits}f}."
    )
