"""What is wrong with sets of scans, judged by their headers."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from itertools import combinations
from pathlib import Path

from napari_unlearn.experiment.finding import TRAINING, Finding, some
from napari_unlearn.io.fastmri import FastmriScan
from napari_unlearn.mri.error import PhysicsError
from napari_unlearn.mri.scan import Scan
from napari_unlearn.unlearning.batch import SliceSet

FEWEST_LINES = 16
"""12 lines of a 96x96 matrix were too few for any model, 24 were enough (measured)."""


def check_sets(sets: Mapping[str, SliceSet]) -> Iterator[Finding]:
    """Look through the sets; `sets` holds retain, forget and the test sets by name.

    Of each set one slice is read at most, and only if its first scan stores no mask.
    """
    for name, samples in sets.items():
        if not len(samples):
            yield Finding("error", f"The {name} set is empty; it needs at least one scan.")
            continue
        yield from _doubles(name, samples)
        yield from _shapes(name, samples)
        yield from _acquisitions(name, samples)
    yield from _shared_patients(sets)
    yield from _lines(sets)


def _shared_patients(sets: Mapping[str, SliceSet]) -> Iterator[Finding]:
    """A patient in retain and forget set, or in a training and a test set.

    People are told apart by the file's patient_id, without one by the scan's name. The ids
    are compared and never shown.
    """
    patients: dict[str, dict[str, list[Scan]]] = {}
    for name, samples in sets.items():
        patients[name] = defaultdict(list)
        for scan in samples.scans:
            patients[name][scan.header.patient or scan.header.name].append(scan)
    for one, other in combinations(sets, 2):
        both = [patient for patient in patients[one] if patient in patients[other]]
        if not both or not {one, other} & set(TRAINING):
            continue
        first = patients[one][both[0]][0], patients[other][both[0]][0]
        people = "One patient is" if len(both) == 1 else f"{len(both)} patients are"
        yield Finding(
            "error",
            f"{people} in both the {one} and the {other} set, e.g. {file_name(first[0])} and "
            f"{file_name(first[1])}; take each out of one of them.",
        )


def _doubles(name: str, samples: SliceSet) -> Iterator[Finding]:
    counts = Counter(scan.header.source for scan in samples.scans if scan.header.source)
    doubles = [source for source, count in counts.items() if count > 1]
    if doubles:
        files = some([Path(source).name for source in doubles])
        yield Finding("warning", f"The {name} set names {files} more than once.")


def _shapes(name: str, samples: SliceSet) -> Iterator[Finding]:
    headers = [scan.header for scan in samples.scans]
    matrices = Counter(f"{header.rows}x{header.columns}" for header in headers)
    coils = Counter(str(header.coils) for header in headers)
    if len(matrices) > 1:
        yield Finding("warning", f"Matrices differ in the {name} set: {_counted(matrices)}.")
    if len(coils) > 1:
        yield Finding("note", f"Numbers of coils differ in the {name} set: {_counted(coils)}.")


def _acquisitions(name: str, samples: SliceSet) -> Iterator[Finding]:
    """Scans that are undersampled already, with and without a reference image."""
    own = []
    for scan in samples.scans:
        masked = isinstance(scan, FastmriScan) and scan.mask is not None and not scan.mask.all()
        # Without a stored mask only k-space can tell; one scan speaks for its set.
        if masked or (scan is samples.scans[0] and scan.acquired is not None):
            own.append(scan)
    bare = [scan for scan in own if not (isinstance(scan, FastmriScan) and scan.target_name)]
    if bare:
        yield Finding(
            "error",
            f"{_of(bare, samples)} scans of the {name} set are undersampled and hold no reference "
            f"image, e.g. {file_name(bare[0])}; training and testing need fully sampled k-space "
            "or a stored reconstruction.",
        )
    elif own:
        yield Finding(
            "warning",
            f"{_of(own, samples)} scans of the {name} set are undersampled already, e.g. "
            f"{file_name(own[0])}; their own lines are used, [sampling] is not applied to them.",
        )


def _lines(sets: Mapping[str, SliceSet]) -> Iterator[Finding]:
    """What the sampling rule leaves of each width of k-space."""
    widths = {scan.header.columns: samples for samples in sets.values() for scan in samples.scans}
    for columns, samples in sorted(widths.items()):
        try:
            lines = int(samples.sampling.mask(columns, seed=0).lines.sum())
        except PhysicsError as error:
            yield Finding("error", f"[sampling] does not fit {columns} columns: {error}")
            continue
        if lines < FEWEST_LINES:
            yield Finding(
                "warning",
                f"[sampling] leaves {lines} of {columns} columns, fewer than {FEWEST_LINES}; a "
                "lower acceleration leaves more.",
            )


def file_name(scan: Scan) -> str:
    """What to call a scan without telling who it is."""
    return Path(scan.header.source).name or scan.header.name


def _of(some: list[Scan], samples: SliceSet) -> str:
    return f"{len(some)} of {len(samples.scans)}"


def _counted(counts: Counter[str]) -> str:
    return some([f"{value} ({count})" for value, count in counts.most_common()])
