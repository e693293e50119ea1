"""What `info` says of label maps, of subjects and of networks that segment."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from napari_unlearn.io.file_info import Facts, FileInfo, count, millimetres, orientation, shape
from napari_unlearn.io.mrbrains import challenge_subject
from napari_unlearn.io.subjects import find_subjects
from napari_unlearn.io.volume import ImageVolume
from napari_unlearn.mri.subject3d import STRUCTURE_NAMES

_MOST_LABELS = 64
"""Of a label map; an image of whole numbers has more values."""
_LARGEST_LABEL = 255


def voxels_by_label(volume: ImageVolume) -> dict[int, int]:
    """Voxels of every value of a label map; empty if the volume is an image.

    A label map holds a few whole numbers from 0 to 255, 0 and another one among them.
    """
    found: dict[int, int] = {}
    for index in range(len(volume.data)):
        values, counts = np.unique(volume.image(index), return_counts=True)
        odd = (values < 0) | (values > _LARGEST_LABEL) | (values != np.rint(values))
        if odd.any() or len(values) > _MOST_LABELS:
            return {}
        for value, voxels in zip(values.tolist(), counts.tolist(), strict=True):
            found[int(value)] = found.get(int(value), 0) + voxels
        if len(found) > _MOST_LABELS:
            return {}
    return found if 0 in found and len(found) > 1 else {}


def describe_labels(path: Path, volume: ImageVolume, voxels: Mapping[int, int]) -> FileInfo:
    """A label map: its structures and how large they are."""
    labels = sorted(voxels.keys() - {0})
    facts = (
        ("slices", str(volume.data.shape[0])),
        ("matrix", f"{volume.data.shape[1]}×{volume.data.shape[2]}"),
        ("voxel size", millimetres(volume.voxel_size)),
        ("orientation", orientation(volume.affine)),
        *_volumes({label: voxels[label] for label in labels}, volume.voxel_size),
        *(("remark", remark) for remark in volume.remarks),
    )
    text = f"{path.name}: label map of {count(len(labels), 'structure')}, {shape(volume)}."
    return FileInfo("nifti", text, facts)


def describe_subject(folder: Path) -> FileInfo:
    """One subject of MRBrainS18, read whole.

    Raises:
        ReadError: if a file is missing or unusable, or the files do not share one grid.
    """
    subject = challenge_subject(folder, labelled=False).load()
    size = "×".join(map(str, subject.shape))
    facts = [
        ("grid", f"{size} (slices, rows, columns)"),
        ("voxel size", millimetres(subject.voxel_size)),
        ("orientation", orientation(subject.affine)),
    ]
    for channel, image in zip(subject.channels, subject.images, strict=True):
        facts.append((channel, f"{image.min():.4g} to {image.max():.4g}"))
    if subject.labels is not None:
        values, counts = np.unique(subject.labels[subject.labels > 0], return_counts=True)
        voxels = dict(zip(values.tolist(), counts.tolist(), strict=True))
        facts += _volumes(voxels, subject.voxel_size)
    labelled = "without labels" if subject.labels is None else "labelled"
    text = f"{subject.subject}: a subject in {', '.join(subject.channels)}, {labelled}, {size}."
    return FileInfo("folder", text, tuple(facts))


def describe_subjects(folder: Path) -> FileInfo:
    """A folder of subjects; who is there, none of their numbers is read.

    Raises:
        ReadError: if a subject lacks a file.
    """
    found = find_subjects(folder, labelled=False)
    labelled = sum(files.labels is not None for files in found)
    contrasts = dict.fromkeys(channel for files in found for channel, _ in files.images)
    facts = (
        ("subjects", ", ".join(files.subject for files in found)),
        ("contrasts", ", ".join(contrasts)),
        ("labelled", f"{labelled} of {len(found)}"),
    )
    text = (
        f"{folder.absolute().name}: a folder with {count(len(found), 'subject')} in "
        f"{', '.join(contrasts)}, {labelled} labelled."
    )
    return FileInfo("folder", text, facts)


def network_facts(card: Mapping[str, Any]) -> Facts:
    """What a card says of the network's sizes, and of the volumes that it labels."""
    facts = []
    parameters, volumes = card.get("parameters"), card.get("volumes")
    if isinstance(parameters, dict) and parameters:
        facts.append(("parameters of it", ", ".join(f"{k} {v}" for k, v in parameters.items())))
    if isinstance(volumes, dict):
        size = _listed(volumes.get("shape"), "×")
        facts += [
            ("contrasts", _listed(volumes.get("channels"), ", ") or "not named"),
            ("grid", size or "each subject's own"),
            ("labels", _listed(volumes.get("labels"), ", ") or "not named"),
        ]
    return tuple(facts)


def medicalnet_in(texts: Collection[str]) -> str:
    """What a PyTorch file holds, judged by its keys, if it is one of MedicalNet's; else empty."""
    from napari_unlearn.models.medicalnet import PREFIX, depth_of, is_medicalnet

    depth = depth_of(texts) if is_medicalnet(texts) else None
    if depth is None:
        return ""
    decoder = any(text.removeprefix(PREFIX).startswith("conv_seg.") for text in texts)
    return (
        f"MedicalNet's weights, a Med3D of depth {depth} {'with' if decoder else 'without'} decoder"
    )


def _volumes(voxels: Mapping[int, int], size: tuple[float, float, float]) -> Facts:
    """Volume of every structure, with its name if the labels may be MRBrainS18's."""
    known = max(voxels, default=0) < len(STRUCTURE_NAMES)
    return tuple(
        (
            f"label {label}",
            f"{number * float(np.prod(size)) / 1000:.1f} ml"
            + (f" ({STRUCTURE_NAMES[label]} in MRBrainS18)" if known else ""),
        )
        for label, number in voxels.items()
    )


def _listed(values: object, between: str) -> str:
    return between.join(map(str, values)) if isinstance(values, list) else ""
