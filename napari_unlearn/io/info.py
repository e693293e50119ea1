"""What a file is, in one line; or why it cannot be used, in one sentence."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from napari_unlearn.io.checkpoint_file import (
    check_pytorch_file,
    pytorch_texts,
    read_safetensors_header,
)
from napari_unlearn.io.errors import ReadError
from napari_unlearn.io.fastmri import FastmriScan, read_fastmri
from napari_unlearn.io.file_info import Facts, FileInfo, count, millimetres, orientation, shape
from napari_unlearn.io.info_subjects import (
    describe_labels,
    describe_subject,
    describe_subjects,
    medicalnet_in,
    network_facts,
    voxels_by_label,
)
from napari_unlearn.io.kind import Kind, kind_of
from napari_unlearn.io.mrd import MrdScan, read_mrd
from napari_unlearn.io.open import find_scans, open_volume
from napari_unlearn.io.reconstruction import read_reconstruction
from napari_unlearn.io.volume import ImageVolume


def describe(path: str | os.PathLike[str]) -> FileInfo:
    """Say what a file is, after reading all of it slice by slice; checkpoints are not loaded.

    Raises:
        ReadError: one sentence if it cannot be used.
    """
    path = Path(path)
    kind = kind_of(path)
    describers: dict[Kind, Callable[[Path], FileInfo]] = {
        "fastmri": _measured,
        "mrd": _measured,
        "reconstruction": _reconstruction,
        "nifti": _volume,
        "dicom": _volume,
        "safetensors": _safetensors,
        "pytorch": _pytorch,
        "folder": _folder,
    }
    return describers[kind](path)


def _measured(path: Path) -> FileInfo:
    kind = kind_of(path)
    scan: FastmriScan | MrdScan = read_mrd(path) if kind == "mrd" else read_fastmri(path)
    header = scan.header
    largest = 0.0
    for index in range(header.slices):
        largest = max(largest, float(np.abs(scan.kspace(index)).max()))
        scan.target(index)
    if largest == 0:
        raise ReadError(f"{path}: k-space is zero in every slice.")
    acquired = scan.acquired
    sampling = "fully sampled"
    if acquired is not None:
        sampling = f"{int(acquired.sum())} of {header.columns} columns acquired"
    stored = scan.target_name if isinstance(scan, FastmriScan) else None
    reference = stored or ("none" if scan.maximum is None else "computed from k-space")
    origin = "simulated" if header.simulated else "measured"
    coils = "1 coil" if header.coils == 1 else f"{header.coils} coils"
    return FileInfo(
        kind,
        f"{path.name}: {origin} k-space, {count(header.slices, 'slice')}, {coils}, "
        f"{header.rows}×{header.columns}, {sampling}.",
        (
            ("slices", str(header.slices)),
            ("coils", str(header.coils)),
            ("matrix", f"{header.rows}×{header.columns}"),
            ("image matrix", f"{header.image_rows}×{header.image_columns}"),
            ("voxel size", millimetres(header.voxel_size)),
            ("orientation", orientation(header.affine)),
            ("sampling", sampling),
            ("reference", reference),
            ("reference maximum", "none" if scan.maximum is None else f"{scan.maximum:.4g}"),
            ("anatomy", header.anatomy or "not stated"),
            ("patient", header.patient or "not stated"),
            ("k-space", origin),
        ),
    )


def _reconstruction(path: Path) -> FileInfo:
    volume = read_reconstruction(path)
    return FileInfo(
        "reconstruction",
        f"{path.name}: reconstructed images, {shape(volume)}.",
        _volume_facts(volume),
    )


def _volume(path: Path) -> FileInfo:
    kind = kind_of(path)
    volume = open_volume(path)
    if kind == "nifti" and (voxels := voxels_by_label(volume)):
        return describe_labels(path, volume, voxels)
    facts = _volume_facts(volume)
    name = {"nifti": "NIfTI volume", "dicom": "DICOM series"}[kind]
    text = f"{path.resolve().name}: {name}, {shape(volume)}"
    if len(volume.echo_times) > 1:
        text += f", {len(volume.echo_times)} echoes"
    return FileInfo(kind, f"{text}; opened as a simulated acquisition.", facts)


def _volume_facts(volume: ImageVolume) -> Facts:
    images = [volume.image(index) for index in range(len(volume.data))]
    low, high = min(i.min() for i in images), max(i.max() for i in images)
    facts = [
        ("slices", str(volume.data.shape[0])),
        ("matrix", f"{volume.data.shape[1]}×{volume.data.shape[2]}"),
        ("voxel size", millimetres(volume.voxel_size)),
        ("orientation", orientation(volume.affine)),
        ("values", f"{low:.4g} to {high:.4g} {volume.units}"),
        ("anatomy", volume.anatomy or "not stated"),
    ]
    if volume.echo_times:
        facts.append(("echo times", ", ".join(f"{t:g}" for t in volume.echo_times) + " ms"))
    facts += [("remark", remark) for remark in volume.remarks]
    return tuple(facts)


def _safetensors(path: Path) -> FileInfo:
    header = read_safetensors_header(path)
    size = (("tensors", str(header.tensors)), ("parameters", f"{header.parameters:,}"))
    if header.card is None:
        text = f"{path.name}: safetensors weights without a card, {header.parameters:,} parameters."
        return FileInfo("safetensors", text, size)
    card = header.card
    names = ("title", "role", "architecture", "strategy", "seed", "coils", "matrix", "remark")
    facts = tuple((n, str(card[n])) for n in names if card.get(n) not in (None, ""))
    facts += network_facts(card)
    metrics = card.get("metrics")
    if isinstance(metrics, dict):
        facts += tuple((str(name), str(value)) for name, value in metrics.items())
    kind = " ".join(str(card[n]) for n in ("role", "architecture") if card.get(n))
    return FileInfo(
        "safetensors",
        f"{path.name}: checkpoint, {kind or 'unnamed network'}, {header.parameters:,} parameters.",
        facts + size,
    )


def _pytorch(path: Path) -> FileInfo:
    tensors = check_pytorch_file(path)
    what = medicalnet_in(pytorch_texts(path)) or "plain weights"
    return FileInfo(
        "pytorch",
        f"{path.name}: a PyTorch pickle file of {what} (looked through, not loaded).",
        (("tensors", str(tensors) if tensors else "not counted"),),
    )


def _folder(path: Path) -> FileInfo:
    if (path / "pre").is_dir():
        return describe_subject(path)
    if any(path.glob("*/pre")) or all((path / name).is_dir() for name in ("images", "labels")):
        return describe_subjects(path)
    scans = find_scans(path)
    return FileInfo(
        "folder",
        f"{path.resolve().name}: a folder with {count(len(scans), 'scan')}.",
        tuple(("scan", scan.name) for scan in scans),
    )
