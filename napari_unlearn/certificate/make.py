"""A certificate is made: hashes, figures, verdict, a line in the ledger, pictures."""

import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

from napari_unlearn import __version__
from napari_unlearn.cancel import CancelToken
from napari_unlearn.certificate.audit import read_audit
from napari_unlearn.certificate.content import (
    AuditEntry,
    Certificate,
    ExperimentEntry,
    LedgerEntry,
    ScanEntry,
    SetEntry,
    fingerprint_of,
)
from napari_unlearn.certificate.fingerprint import describe_set, identities, open_sets
from napari_unlearn.certificate.ledger import FILE, append, read_ledger
from napari_unlearn.certificate.limits import limits_of
from napari_unlearn.certificate.measure import QUANTITIES, Measured, measure
from napari_unlearn.certificate.models import Family, find_family, method_of
from napari_unlearn.certificate.overlay import overlay
from napari_unlearn.certificate.pictures import Picture, captions_of, chart, example
from napari_unlearn.certificate.request import forgotten, request_of, without_names
from napari_unlearn.certificate.verdict import forgetting_sets, judge
from napari_unlearn.evaluation.subject_runs import unseen_set
from napari_unlearn.experiment import Experiment
from napari_unlearn.models.checkpoint import sha256
from napari_unlearn.models.device import resolve_device
from napari_unlearn.pseudonym import AS_THEY_ARE, Pseudonyms

_SETTINGS = ("sampling", "preprocessing", "model", "training", "unlearning", "evaluation")


@dataclass(frozen=True)
class Told:
    """How far the work is."""

    what: str
    done: int
    total: int | None = None

    def __str__(self) -> str:
        return f"{self.what}: {self.done}" + (f"/{self.total}" if self.total else "")


@dataclass(frozen=True)
class Made:
    """A certificate with its pictures, ready to be written."""

    certificate: Certificate
    pictures: tuple[Picture, ...]


@dataclass(frozen=True)
class Order:
    """What is to be certified, and how."""

    run: str | None = None
    """The run that forgot; None takes the only one."""
    request: Mapping[str, str] = field(default_factory=dict)
    """Keys of the experiment file's table [request], instead of what stands there."""
    forget: Sequence[str] = ()
    """What `unlearn --forget` was given."""
    names: Pseudonyms = AS_THEY_ARE
    device: str = "auto"


def certify(
    experiment: Experiment, order: Order, cancel: CancelToken | None = None
) -> Iterator[Told | Made]:
    """Measure and describe a run that forgot, and note it in the ledger.

    Yields:
        `Told` while it works, at last `Made`.

    Raises:
        UnlearnError: if there is no such run, a file is unusable, or the ledger is damaged.
    """
    ledger = experiment.folder / FILE
    read_ledger(ledger)  # a broken chain is found before any work
    family = find_family(experiment, order.run)
    sets = open_sets(experiment)
    known = _known(sets)
    chosen, confirmed = forgotten(experiment, family.child, sets, order.forget)
    noted = _noted(ledger, family.child.sha256) if chosen is None else None
    # Once the scans are deleted, nobody knows which words of a request are their names.
    request = (
        request_of(experiment, order.request, order.names, known)
        if noted is None
        else noted.request
    )
    entries: list[SetEntry] = []
    for told in describe_sets(experiment, family, sets, order.names):
        if isinstance(told, Told):
            yield told
        else:
            entries.append(told)
    gone = _forgotten_entries(entries, chosen, order.names)
    measured = Measured(())
    for event in measure(experiment, family.paths, sets, order.device, cancel):
        if isinstance(event, Measured):
            measured = event
        else:
            yield Told("Measuring", *event)
    parent, child, oracle = _roles(family)
    audit = read_audit(experiment.folder, child, family.hashes)
    if audit is not None:
        told = without_names(audit.model_dump(), order.names, known)
        audit = AuditEntry.model_validate(told)
    counts = audit is not None and not audit.outdated
    verdict = judge(measured, parent, child, oracle, experiment.task, audit)
    pictures: list[Picture] = []
    if (shown := _shown(experiment, measured, sets)) is not None:
        draw = example if experiment.task == "reconstruction" else overlay
        for drawn in draw(experiment, family, sets[shown], order.device, order.names):
            if isinstance(drawn, Picture):
                pictures.append(drawn)
            else:
                yield Told("Drawing", *drawn)
    drawn_chart = chart(measured.figures, captions_of(family), measured.sets())
    pictures += [drawn_chart] if drawn_chart is not None else []
    now = datetime.now(UTC).isoformat(timespec="seconds")
    line = noted or LedgerEntry(
        number=0,
        time=now,
        request=request,
        forgotten=tuple(each.id for each in gone),
        forgotten_sha256=tuple(each.sha256 for each in gone),
        run=family.child.run,
        strategy=family.child.card.strategy,
        child=family.child.sha256,
        parent=family.child.card.parent,
        previous="",
    )
    append(ledger, line)
    made = Certificate(
        written=now,
        identified=order.names.key is None,
        experiment=_about(experiment),
        request=request,
        forgotten=gone,
        forgotten_count=len(gone) or family.child.card.forget_scans,
        forgotten_confirmed=confirmed,
        child=family.child.entry,
        parent=None if family.parent is None else family.parent.entry,
        original=None if family.original is None else family.original.entry,
        oracle=None if family.oracle is None else family.oracle.entry,
        chain=family.chain,
        method=method_of(family.child.card, experiment.task),
        sets=tuple(entries),
        figures=measured.figures,
        tolerances={quantity.key: quantity.tolerance for quantity in QUANTITIES},
        verdict=verdict,
        audit=audit,
        limits=tuple(
            limits_of(family, entries, measured.sets(), counts, confirmed, not order.names.key)
        ),
        ledger=read_ledger(ledger),
        pictures=tuple(picture.entry for picture in pictures),
        versions=versions(),
        device=_device(order.device),
    )
    whole = made.model_copy(update={"fingerprint": fingerprint_of(made)})
    yield Made(whole, tuple(pictures))


def describe_sets(
    experiment: Experiment, family: Family, sets: Mapping[str, Any], names: Pseudonyms
) -> Iterator[Told | SetEntry]:
    """Hash every scan at hand; of training sets that are gone a card says the number."""
    learnt = (family.original or family.child).card
    counts = {"retain": learnt.retain_scans, "forget": learnt.forget_scans}
    for name in experiment.set_names:
        if name not in sets:
            count = counts.get(name, 0)
            yield SetEntry(name=name, at_hand=False, count=count, samples=0, patients=0)
            continue
        total = experiment.kind.count(sets[name])
        for event in describe_set(name, sets[name], names):
            if isinstance(event, SetEntry):
                yield event
            else:
                yield Told(f"Hashing {name}", event, total)


def versions() -> dict[str, str]:
    """What the figures were measured with."""
    return {
        "napari-unlearn": __version__,
        "torch": torch.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }


def _roles(family: Family) -> tuple[str | None, str, str | None]:
    parent = None if family.parent is None else family.parent.run
    return parent, family.child.run, None if family.oracle is None else family.oracle.run


def _shown(experiment: Experiment, measured: Measured, sets: Mapping[str, Any]) -> str | None:
    """Whose first scan or subject is drawn: nobody's who asked to be forgotten."""
    if experiment.task == "segmentation":
        return unseen_set(name for name in sets if name in experiment.watched)
    return next(iter(forgetting_sets(measured, experiment.task)), None)


def _known(sets: Mapping[str, Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    for samples in sets.values():
        found |= identities(samples)
    return found


def _forgotten_entries(
    entries: Sequence[SetEntry], chosen: Any, names: Pseudonyms
) -> tuple[ScanEntry, ...]:
    """Those of the forget set's scans that the run forgot."""
    if chosen is None:
        return ()
    wanted = {names.of(kind, name) for name, kind in identities(chosen).items()}
    whole = next(entry for entry in entries if entry.name == "forget")
    return tuple(scan for scan in whole.scans if scan.id in wanted)


def _device(name: str) -> str:
    """What the figures were measured on."""
    place = resolve_device(name)
    return torch.cuda.get_device_name(place) if place.type == "cuda" else "CPU"


def _noted(ledger: Path, child: str) -> LedgerEntry | None:
    """What the ledger says of a model already."""
    lines = [line for line in read_ledger(ledger) if line.child == child]
    return lines[-1] if lines else None


def _about(experiment: Experiment) -> ExperimentEntry:
    """The file without paths and patterns, which may name people."""
    table = experiment.model_dump(mode="json")
    settings = {name: table[name] for name in _SETTINGS}
    settings["training"] = {k: v for k, v in settings["training"].items() if k != "parent"}
    return ExperimentEntry(
        name=experiment.name,
        task=cast(Any, experiment.task),
        seed=experiment.seed,
        sha256=sha256(experiment.path),
        settings=settings,
    )
