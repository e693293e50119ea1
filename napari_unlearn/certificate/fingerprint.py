"""Scans and subjects by content: what a certificate calls them, and how they are known again."""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from napari_unlearn.certificate.content import ScanEntry, SetEntry
from napari_unlearn.certificate.error import CertificateError
from napari_unlearn.errors import WrongUse
from napari_unlearn.experiment import Experiment
from napari_unlearn.experiment.subject_sets import people
from napari_unlearn.models.checkpoint import sha256
from napari_unlearn.mri.scan import Scan
from napari_unlearn.pseudonym import Pseudonyms


def of_files(paths: Sequence[Path]) -> str:
    """SHA-256 of a file; of several files or a folder that of their hashes, sorted.

    Names do not enter, so that renaming or moving a scan changes nothing.

    Raises:
        UnlearnError: if a file cannot be read.
    """
    files = [file for path in paths for file in _inside(path)]
    hashes = sorted(sha256(file) for file in files)
    if len(hashes) == 1:
        return hashes[0]
    return hashlib.sha256("".join(hashes).encode()).hexdigest()


def _inside(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return [file for file in sorted(path.iterdir()) if file.is_file()]


def open_sets(experiment: Experiment) -> dict[str, Any]:
    """The experiment's sets whose files are there; those that are gone are left out.

    After a deletion request the forget set's files should be gone.

    Raises:
        UnlearnError: if files are there and cannot be used.
    """
    found = {}
    for name in experiment.set_names:
        try:
            found[name] = experiment.samples(name)
        except WrongUse:  # the patterns find nothing
            continue
    return found


def describe_set(name: str, samples: Any, names: Pseudonyms) -> Iterator[int | SetEntry]:
    """Hash the scans or subjects of a set.

    Yields:
        How many are done; at last the entry.

    Raises:
        UnlearnError: if a file cannot be read.
    """
    entries = []
    for done, entry in enumerate(_entries(samples, names), start=1):
        entries.append(entry)
        yield done
    yield SetEntry(
        name=name,
        at_hand=True,
        count=len(entries),
        samples=sum(entry.samples for entry in entries),
        patients=len({entry.patient for entry in entries}),
        scans=tuple(entries),
    )


def identities(samples: Any) -> dict[str, str]:
    """What names a scan, subject or patient of a set, with the kind of pseudonym it has."""
    if hasattr(samples, "subjects"):
        return {files.subject: "subject" for files in (each.files for each in people(samples))}
    scans: list[Scan] = samples.scans
    known = {scan.header.patient: "patient" for scan in scans if scan.header.patient}
    return {scan.header.name: "scan" for scan in scans} | known


def _entries(samples: Any, names: Pseudonyms) -> Iterator[ScanEntry]:
    if hasattr(samples, "subjects"):
        for each in people(samples):
            files = [path for _, path in each.files.images]
            files += [each.files.labels] if each.files.labels is not None else []
            who = names.of("subject", each.subject)
            yield ScanEntry(id=who, patient=who, sha256=of_files(files), samples=1)
        return
    counts: dict[int, int] = {}
    for scan, _ in samples.slices:
        counts[id(scan)] = counts.get(id(scan), 0) + 1
    for scan in samples.scans:
        header = scan.header
        if not header.source:
            raise CertificateError(f"{header.name}: no file to take a hash of.")
        yield ScanEntry(
            id=names.of("scan", header.name),
            patient=names.of("patient", header.patient or header.name),
            sha256=of_files([Path(header.source)]),
            samples=counts[id(scan)],
        )
