"""Who is in a set: places of the samples by person, under names that tell nobody who it is."""

from collections.abc import Mapping

import numpy as np

from napari_unlearn.unlearning.batch import SliceSet
from napari_unlearn.unlearning.samples import SampleSet
from napari_unlearn.unlearning.volumes import VolumeSet

People = Mapping[str, tuple[int, ...]]
"""Places of a set's samples by person."""


def people_of(samples: SampleSet, label: str) -> People:
    """Number the people of a set in its order: "forget 1", "forget 2".

    Scans of one patient belong together; a scan without a patient is a person of its own.
    Ids stay behind, so that a result can be shown around.
    """
    places: dict[str, list[int]] = {}
    for place, key in enumerate(identities(samples)):
        places.setdefault(key, []).append(place)
    return {f"{label} {n}": tuple(own) for n, own in enumerate(places.values(), start=1)}


def chosen(people: People, most: int) -> tuple[str, ...]:
    """At most so many people, spread evenly."""
    names = list(people)
    places = np.linspace(0, len(names) - 1, min(most, len(names))).round().astype(int)
    return tuple(names[place] for place in places)


def identities(samples: SampleSet) -> list[str]:
    """The person behind every sample, to compare and never to show."""
    if isinstance(samples, VolumeSet):
        return [subject.subject for subject in samples.subjects]
    if isinstance(samples, SliceSet):
        return [scan.header.patient or scan.header.name for scan, _ in samples.slices]
    raise TypeError(f"{type(samples).__name__} does not say who is in it")


def part_of(samples: SampleSet, places: tuple[int, ...]) -> SliceSet | VolumeSet:
    """Some samples of a set, in the order of `places`."""
    if isinstance(samples, VolumeSet):
        return VolumeSet([samples.subjects[place] for place in places], samples.classes)
    if isinstance(samples, SliceSet):
        chosen = SliceSet([], samples.sampling)
        chosen.slices = [samples.slices[place] for place in places]
        chosen.scans = list({id(scan): scan for scan, _ in chosen.slices}.values())
        return chosen
    raise TypeError(f"{type(samples).__name__} cannot be divided")
