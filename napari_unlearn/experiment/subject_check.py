"""What is wrong with sets of subjects: who is in two of them, and what their files lack."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import combinations

from napari_unlearn.errors import UnlearnError
from napari_unlearn.experiment.finding import TRAINING, Finding, some
from napari_unlearn.experiment.subject_sets import people
from napari_unlearn.io.preprocess3d import Triple, prepare
from napari_unlearn.unlearning.volumes import VolumeSet

GUARDED = (*TRAINING, "unseen")
"""Sets whose subjects may be in no other: they are learnt from, or must be unknown to all."""


def check_subjects(sets: Mapping[str, VolumeSet], channels: int) -> Iterator[Finding]:
    """What the names of the files tell; nothing is read.

    Args:
        sets: retain, forget, unseen and the test sets by name.
        channels: contrasts that the network takes.
    """
    yield from _shared(sets)
    for name, samples in sets.items():
        yield from _unlabelled(name, samples)
        yield from _channels(name, samples, channels)


def inspect_subjects(sets: Mapping[str, VolumeSet], shape: Triple | None) -> Iterator[Finding]:
    """Read every subject once: files that are unusable, labels that are unknown, grids.

    Args:
        sets: As in `check_subjects`.
        shape: Grid that all are brought to; None leaves each on its own, which must be the same.
    """
    grids: dict[Triple, list[str]] = defaultdict(list)
    seen: set[str] = set()
    for name, samples in sets.items():
        for subject in people(samples):
            if subject.subject in seen:
                continue
            seen.add(subject.subject)
            try:
                loaded = subject.files.load()
                # Whatever the network's grid: an empty image cannot be normalised.
                prepare(loaded, None)
            except UnlearnError as error:
                yield Finding("error", f"Subject {subject.subject} of the {name} set: {error}")
                continue
            grids[loaded.shape].append(subject.subject)
    if len(grids) < 2 or shape is not None:
        return
    ordered = sorted(grids.items(), key=lambda entry: -len(entry[1]))
    told = some([f"{'x'.join(map(str, grid))} ({some(ids, 1)})" for grid, ids in ordered])
    yield Finding(
        "error",
        f"Subjects lie on grids that differ: {told}; 'shape' in [preprocessing] brings all of them "
        "to one.",
    )


def _shared(sets: Mapping[str, VolumeSet]) -> Iterator[Finding]:
    ids = {name: [subject.subject for subject in people(s)] for name, s in sets.items()}
    for one, other in combinations(sets, 2):
        both = [subject for subject in ids[one] if subject in ids[other]]
        if both and {one, other} & set(GUARDED):
            verb = "is" if len(both) == 1 else "are"
            yield Finding(
                "error",
                f"{some(both)} {verb} in both the {one} and the {other} set; a subject belongs to "
                "one of them.",
            )


def _unlabelled(name: str, samples: VolumeSet) -> Iterator[Finding]:
    bare = [subject.subject for subject in people(samples) if subject.files.labels is None]
    if bare:
        yield Finding(
            "error",
            f"{some(bare)} of the {name} set {'has' if len(bare) == 1 else 'have'} no labels; "
            "training and testing a segmentation need them.",
        )


def _channels(name: str, samples: VolumeSet, channels: int) -> Iterator[Finding]:
    kinds: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for subject in people(samples):
        kinds[tuple(channel for channel, _ in subject.files.images)].append(subject.subject)
    for kind, ids in kinds.items():
        if len(kind) != channels:
            yield Finding(
                "error",
                f"{some(ids)} of the {name} set: {len(kind)} contrasts ({', '.join(kind)}), but "
                f"'in_channels' in model.parameters is {channels}.",
            )
