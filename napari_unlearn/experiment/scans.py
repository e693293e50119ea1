"""Experiments on scans: undersampled slices to images."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from napari_unlearn.errors import WrongUse
from napari_unlearn.evaluation.subject_runs import NONMEMBERS
from napari_unlearn.experiment.data_check import check_sets, file_name
from napari_unlearn.experiment.finding import Finding, some
from napari_unlearn.experiment.shelved_scan import open_shelved
from napari_unlearn.experiment.subject_sets import matching
from napari_unlearn.experiment.weight import SliceWeight, StepLoss
from napari_unlearn.io.errors import ReadError
from napari_unlearn.io.open import find_scans, open_scan
from napari_unlearn.models.registry import ARCHITECTURES
from napari_unlearn.mri.scan import Header, Scan
from napari_unlearn.settings_file import shown
from napari_unlearn.unlearning.batch import Batch, SliceSet
from napari_unlearn.unlearning.task import Reconstruction

if TYPE_CHECKING:
    from napari_unlearn.experiment.experiment import Experiment


class Scans:
    """What the task "reconstruction" decides; the methods are `kinds.Kind`'s."""

    architectures = ("varnet",)
    foreign: Mapping[str, str] = {
        "data.images": "scans are named by file, folder or pattern",
        "data.labels": "a reconstruction learns no labels",
        "preprocessing.shape": "scans keep their own matrix",
    }
    set_apart = (NONMEMBERS,)
    units = ("scans", "slices")
    lighter = "fewer cascades or channels"

    def task(self, *, unlearning: bool) -> Reconstruction:
        """The same for training and unlearning."""
        return Reconstruction()

    def open(self, experiment: "Experiment", name: str) -> SliceSet:
        """Scans by folder, file or pattern, relative to the data's root."""
        key, patterns = experiment.patterns(name)
        paths = [path for pattern in patterns for path in _find(experiment, key, pattern)]
        chosen = experiment.drawn(name, paths)
        scans = [open_shelved(path, experiment.volumes) for path in chosen]
        return SliceSet(scans, experiment.mask_rule)

    def only(self, samples: SliceSet, patterns: Sequence[str]) -> SliceSet:
        """Scans by name or file name."""
        kept: dict[int, Scan] = {}
        for pattern in patterns:
            found = [scan for scan in samples.scans if matching(_names(scan), pattern)]
            if not found:
                known = some([file_name(scan) for scan in samples.scans])
                raise WrongUse(
                    f"No scan of the forget set is called {shown(pattern)}; accepted: names or "
                    f"patterns of {known}."
                )
            kept |= {id(scan): scan for scan in found}
        return SliceSet([scan for scan in samples.scans if id(scan) in kept], samples.sampling)

    def first(self, samples: SliceSet) -> SliceSet:
        """The first slice."""
        one = SliceSet(samples.scans[:1], samples.sampling)
        one.slices = one.slices[:1]
        return one

    def look(self, experiment: "Experiment", seen: Path, index: int) -> Batch:
        """A slice of a scan."""
        return SliceSet([open_scan(seen)], experiment.mask_rule).batch(index)

    def count(self, samples: SliceSet) -> int:
        """Scans."""
        return len(samples.scans)

    def about(self, experiment: "Experiment", samples: SliceSet) -> dict[str, Any]:
        """Nothing: the loop adds sampling and k-space."""
        return {}

    def check(self, experiment: "Experiment", sets: Mapping[str, SliceSet]) -> Iterator[Finding]:
        """Patients, shapes, own masks, lines: `data_check`."""
        return check_sets(sets)

    def inspect(self, experiment: "Experiment", sets: Mapping[str, SliceSet]) -> Iterator[Finding]:
        """Nothing: headers tell everything."""
        return iter(())

    def weight(self, experiment: "Experiment", sets: Mapping[str, SliceSet]) -> SliceWeight:
        """On the slice with the most numbers."""
        headers = [scan.header for samples in sets.values() for scan in samples.scans]
        largest = max(headers, key=lambda header: header.coils * header.rows * header.columns)
        network = ARCHITECTURES[experiment.model.architecture]
        return SliceWeight(network, experiment.network, slice_loss(largest))

    def adopt(self, experiment: "Experiment", path: Path) -> None:
        """None: only checkpoints of ours are started from."""
        return


def slice_loss(header: Header) -> StepLoss:
    """The loss on a slice of a scan that has shapes but no numbers."""
    return partial(_slice_loss, header)


def _slice_loss(header: Header, model: nn.Module) -> Tensor:
    images = (1, header.image_rows, header.image_columns)
    kspace = (1, header.coils, header.rows, header.columns)
    with torch.device("meta"):
        batch = Batch(
            kspace=torch.empty(kspace, dtype=torch.complex64),
            lines=torch.empty((1, header.columns), dtype=torch.bool),
            low_frequencies=1,
            target=torch.empty(images),
            maximum=torch.empty(1),
        )
    return Reconstruction().loss(model, batch)


def _names(scan: Scan) -> tuple[str, ...]:
    file = Path(scan.header.source)
    return scan.header.name, file.name, file.stem


def _find(experiment: "Experiment", key: str, pattern: str) -> list[Path]:
    root = experiment.root
    where = experiment.place(key, pattern, root)
    # The pattern may hold wildcards, the folder it is relative to means what it says.
    inside = where.relative_to(root) if where.is_relative_to(root) else None
    try:
        if inside is None or where.exists():
            return find_scans(where)
        return find_scans(Path(escape(str(root))) / inside)
    except (ReadError, OSError, ValueError) as error:
        raise WrongUse(
            f"{experiment.path}: key '{key}' is {shown(pattern)}; no scan found under {root}; "
            "set data.root or download them; accepted: files, folders or patterns of fastMRI "
            "HDF5, NIfTI or DICOM."
        ) from error
