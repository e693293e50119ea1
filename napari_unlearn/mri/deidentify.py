"""A scan's header without what could name a patient."""

from dataclasses import replace

from napari_unlearn.mri.scan import Header
from napari_unlearn.pseudonym import Pseudonyms

BODY_PARTS = (
    "abdomen",
    "ankle",
    "brain",
    "breast",
    "chest",
    "elbow",
    "foot",
    "hand",
    "head",
    "heart",
    "hip",
    "knee",
    "leg",
    "liver",
    "neck",
    "pelvis",
    "prostate",
    "shoulder",
    "spine",
    "thigh",
    "wrist",
)
"""The only words that a header's anatomy may hold: files can say anything there."""


def deidentified(header: Header, names: Pseudonyms) -> Header:
    """The same shape, geometry and kind, under pseudonyms.

    Name, patient and origin are replaced and every anatomy but a usual one is left out; all
    stay as they are if `names` lets them. Never do this before masks are drawn, which are
    seeded with the scan's name.
    """
    if names.key is None:
        return header
    return replace(
        header,
        name=names.of("scan", header.name),
        patient=names.of("patient", header.patient),
        source=names.of("scan", header.name),
        anatomy=header.anatomy if header.anatomy in BODY_PARTS else "",
    )
