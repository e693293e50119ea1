"""What one step of training sees: slices of scans, undersampled."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from napari_unlearn.errors import UnlearnError
from napari_unlearn.mri.sampling import Mask, Sampling
from napari_unlearn.mri.scan import Scan


@dataclass(frozen=True)
class Batch:
    """Undersampled slices and what a model should make of them."""

    kspace: Tensor
    """Centred, zero where not acquired, (batch, coils, rows, columns) complex."""
    lines: Tensor
    """Acquired columns, (batch, columns) bool."""
    low_frequencies: int
    """Fully sampled centre columns."""
    target: Tensor
    """Reference magnitude, (batch, image_rows, image_columns)."""
    maximum: Tensor
    """Largest value of each slice's reference volume, (batch,)."""

    @property
    def drawn(self) -> bytes:
        """The mask."""
        return self.lines.cpu().numpy().tobytes()

    def to(self, device: torch.device) -> "Batch":
        """The same batch on another device."""
        return replace(
            self,
            kspace=self.kspace.to(device),
            lines=self.lines.to(device),
            target=self.target.to(device),
            maximum=self.maximum.to(device),
        )

    def with_target(self, target: Tensor) -> "Batch":
        """The same acquisition with another target."""
        return replace(self, target=target)


class SliceSet:
    """The slices of several scans, addressed by one number.

    K-space is read slice by slice when asked for; nothing is kept.
    """

    def __init__(self, scans: Sequence[Scan], sampling: Sampling) -> None:
        self.scans = list(scans)
        self.sampling = sampling
        self.slices = [(scan, index) for scan in self.scans for index in range(scan.header.slices)]

    def __len__(self) -> int:
        return len(self.slices)

    def subset(self, fraction: float, seed: int) -> "SliceSet":
        """A random share of the slices, at least one; the same for the same seed."""
        chosen = SliceSet([], self.sampling)
        count = max(1, round(fraction * len(self)))
        order = np.random.default_rng((seed, 20)).permutation(len(self))
        chosen.slices = [self.slices[place] for place in sorted(order[:count])]
        chosen.scans = list({id(scan): scan for scan, _ in chosen.slices}.values())
        return chosen

    def __add__(self, other: "SliceSet") -> "SliceSet":
        both = SliceSet([], self.sampling)
        both.scans, both.slices = self.scans + other.scans, self.slices + other.slices
        return both

    @property
    def lines(self) -> Iterator[str]:
        """Name, slice and shape of every sample, by which a run knows its data again."""
        for scan, index in self.slices:
            header = scan.header
            yield f"{header.name} {index} {header.coils} {header.rows} {header.columns}\n"

    @property
    def about(self) -> dict[str, Any]:
        """Sampling and k-space, as a card says them; the first scan stands for all."""
        sampling, header = self.sampling, self.scans[0].header
        return {
            "sampling": {
                "kind": sampling.kind,
                "acceleration": sampling.acceleration,
                "center_fraction": sampling.center_fraction,
            },
            "coils": header.coils,
            "matrix": (header.rows, header.columns),
        }

    def mask(self, place: int, seed: int | None) -> Mask:
        """The slice's mask: its own if undersampled, else drawn from `seed` or its name."""
        scan, _ = self.slices[place]
        if scan.acquired is not None:
            return Mask.from_lines(torch.from_numpy(scan.acquired))
        chosen = Sampling.seed_of(scan.header.name) if seed is None else seed
        return self.sampling.mask(scan.header.columns, chosen)

    def batch(self, place: int, seed: int | None = None) -> Batch:
        """One slice, undersampled.

        Args:
            place: number of the slice in this set.
            seed: of the mask; None takes the scan's name, so that evaluations repeat.

        Raises:
            UnlearnError: if the slice has no reference.
        """
        scan, index = self.slices[place]
        target = scan.target(index)
        if target is None or not scan.maximum:
            raise UnlearnError(
                f"{scan.header.name}: no reference image; training and testing need "
                "fully sampled k-space or a stored reconstruction."
            )
        mask = self.mask(place, seed)
        kspace = torch.from_numpy(scan.kspace(index)) * mask.lines
        return Batch(
            kspace=kspace[None],
            lines=mask.lines[None],
            low_frequencies=mask.low_frequencies,
            target=torch.from_numpy(np.ascontiguousarray(target))[None],
            maximum=torch.tensor([scan.maximum], dtype=torch.float32),
        )
