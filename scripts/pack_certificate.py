"""Pick the sample certificate's test scans, and store its model in half precision.

Usage: python scripts/pack_certificate.py strangers STUDY | scans STUDY | model

`strangers` adds to a contaminated-site study the set nonmember: as many scans as its forget set
has, of the same kind, of people whom no model was trained on, for attacks to compare with. `scans`
takes one slice of some held-out scans of the study. K-space is rounded to 8 bits of mantissa
(0.2 %, far below its noise), so that it can be compressed.
"""

import sys
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import torch
from numpy.typing import NDArray

from napari_unlearn.io.fastmri import read_fastmri, write_fastmri
from napari_unlearn.models.checkpoint import load_checkpoint, save_checkpoint
from napari_unlearn.mri.scan import MemoryScan
from napari_unlearn.phantoms.protocols import CONTAMINATED_SITE, scans

FOLDER = Path(__file__).parent.parent / "sample_data" / "certificate"
SETS = ("retain_test", "site_test")
SCANS = 6
BITS = 8
FIRST_STRANGER = 3400
"""Seed of the first; the protocol's own sets end below."""


def rounded(values: NDArray[np.complex64]) -> NDArray[np.complex64]:
    """The nearest numbers with a short mantissa."""
    bits = np.ascontiguousarray(values).view(np.uint32)
    drop = 23 - BITS
    kept = (bits + np.uint32(1 << (drop - 1))) >> np.uint32(drop) << np.uint32(drop)
    return kept.view(np.complex64)


def first_slice(source: Path, target: Path) -> None:
    """The first slice of a scan as a scan of its own, compressed."""
    scan = read_fastmri(source)
    image, labels = scan.target(0), scan.labels
    if image is None:
        raise SystemExit(f"{source}: no reference image.")
    small = MemoryScan(
        replace(scan.header, slices=1),
        rounded(scan.kspace(0))[None],
        image[None],
        labels=None if labels is None else labels[:1],
    )
    whole = target.with_suffix(".large")
    write_fastmri(whole, small)
    with h5py.File(whole) as loose, h5py.File(target, "w") as packed:
        for name in loose:
            if name in ("kspace", "reconstruction_rss"):
                packed.create_dataset(
                    name, data=loose[name][()], chunks=loose[name].chunks, shuffle=True,
                    compression="gzip", compression_opts=9,
                )  # fmt: skip
            else:
                loose.copy(name, packed)
        for name, value in loose.attrs.items():
            packed.attrs[name] = value
    whole.unlink()


def strangers(folder: Path) -> None:
    """People like those of the forget set whom nobody knows."""
    (forget,) = CONTAMINATED_SITE.having("forget")
    folder.mkdir(parents=True, exist_ok=True)
    for scan in scans(replace(forget, first_seed=FIRST_STRANGER)):
        write_fastmri(folder / f"{scan.header.name}.h5", scan)


def main(what: str, study: str = "") -> None:
    """Add strangers, or pack scans or the model."""
    if what == "strangers":
        strangers(Path(study) / "data" / "nonmember")
        return
    if what == "scans":
        for name in SETS:
            (FOLDER / "tests" / name).mkdir(parents=True, exist_ok=True)
            for source in sorted((Path(study) / "data" / name).glob("*.h5"))[:SCANS]:
                first_slice(source, FOLDER / "tests" / name / source.name)
        return
    for path in FOLDER.glob("runs/*/checkpoint.safetensors"):
        model, card = load_checkpoint(path)
        save_checkpoint(path, model, card, dtype=torch.float16)


if __name__ == "__main__":
    main(*sys.argv[1:])
