"""From a subject's own grid to a network's and back: MedicalNet's crop, normalise, resize.

Chen, Ma & Zheng, Med3D: Transfer Learning for 3D Medical Image Analysis, arXiv 1904.00625.
"""

from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, zoom

from napari_unlearn.errors import UnlearnError
from napari_unlearn.mri.subject3d import Subject3D

Triple = tuple[int, int, int]
_Number = TypeVar("_Number", bound=np.generic)


@dataclass(frozen=True)
class Plan:
    """Which part of a grid was cut out, and to what size it was brought.

    Along each axis, index i of the network's grid lies at (i + 1/2) (stop - start) / size -
    1/2 + start of the original one: both cover the same box, edge to edge.
    """

    shape: Triple
    """Of the original grid."""
    start: Triple
    stop: Triple
    """First and one past the last voxel that is kept."""
    size: Triple
    """Of the network's grid."""
    affine: NDArray[np.float64] = field(compare=False)
    """Of the original grid: index (depth, row, column, 1) to RAS+ [mm]."""

    @property
    def step(self) -> NDArray[np.float64]:
        """Original voxels per voxel of the network's grid, (3,)."""
        return (np.array(self.stop) - self.start) / self.size

    @property
    def network_affine(self) -> NDArray[np.float64]:
        """Index (depth, row, column, 1) of the network's grid to RAS+ [mm]."""
        inside = np.diag([*self.step, 1.0])
        inside[:3, 3] = self.start + (self.step - 1) / 2
        return self.affine @ inside


def prepare(subject: Subject3D, size: Triple | None) -> tuple[Subject3D, Plan]:
    """Crop the empty border, normalise each channel, resize to `size` (depth, rows, columns).

    Without a size channels are normalised and that is all: the subject keeps its own grid.

    Empty is what equals, in every channel, that channel's first voxel. A channel x becomes
    (x - mean) / sd over its voxels that are not 0. Images are interpolated linearly, after a
    blur where the new grid is coarser; labels by nearest neighbour. MedicalNet also cuts the
    last plane along each axis and replaces zeros by random numbers; both are left out here, so
    that nothing is lost and the same subject always gives the same input.

    Raises:
        UnlearnError: if an image is empty or constant, or the size is not positive.
    """
    plan = plan_for(subject, size)
    box = tuple(map(slice, plan.start, plan.stop))
    channels = [
        _resized(_normalised(image[box], f"{subject.subject}, {channel}"), plan)
        for channel, image in zip(subject.channels, subject.images, strict=True)
    ]
    labels = None
    if subject.labels is not None:
        labels = subject.labels[box][np.ix_(*_nearest(plan))]
    prepared = replace(
        subject, images=np.stack(channels), labels=labels, affine=plan.network_affine
    )
    return prepared, plan


def restore(labels: NDArray[_Number], plan: Plan) -> NDArray[_Number]:
    """Bring labels from the network's grid back to the original one, by nearest neighbour.

    Outside the crop there is background (0). Where the network's grid is not coarser,
    restoring what `prepare` made of labels gives these labels again, voxel by voxel.

    Raises:
        UnlearnError: if the labels do not have the plan's size.
    """
    if labels.shape != plan.size:
        raise UnlearnError(
            f"Labels of shape {labels.shape} cannot be restored by a plan for {plan.size}."
        )
    whole = np.zeros(plan.shape, labels.dtype)
    box = tuple(map(slice, plan.start, plan.stop))
    whole[box] = labels[np.ix_(*_nearest(plan, back=True))]
    return whole


def plan_for(subject: Subject3D, size: Triple | None) -> Plan:
    """How `prepare` brings a subject to a grid.

    Raises:
        UnlearnError: if the images are empty, or the size is not positive.
    """
    return _own_grid(subject) if size is None else _plan(subject, size)


def _plan(subject: Subject3D, size: Triple) -> Plan:
    if len(size) != 3 or min(size) < 1:
        raise UnlearnError(f"A network's grid has three positive sizes, not {tuple(size)}.")
    first = subject.images[:, :1, :1, :1]
    filled = (subject.images != first).any(axis=0)
    if not filled.any():
        raise UnlearnError(f"{subject.subject}: the images are empty; every voxel is the same.")
    start, stop = [], []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        kept = np.flatnonzero(filled.any(axis=others))
        start.append(int(kept[0]))
        stop.append(int(kept[-1]) + 1)
    depth, rows, columns = size
    return Plan(
        shape=subject.shape,
        start=(start[0], start[1], start[2]),
        stop=(stop[0], stop[1], stop[2]),
        size=(int(depth), int(rows), int(columns)),
        affine=subject.affine,
    )


def _own_grid(subject: Subject3D) -> Plan:
    return Plan(subject.shape, (0, 0, 0), subject.shape, subject.shape, subject.affine)


def _normalised(image: NDArray[np.float32], name: str) -> NDArray[np.float32]:
    tissue = image[image != 0].astype(np.float64)
    spread = tissue.std() if tissue.size else 0.0
    if not spread > 0:
        raise UnlearnError(f"{name}: all voxels that are not 0 are the same; nothing to normalise.")
    return ((image - tissue.mean()) / spread).astype(np.float32)


def _resized(image: NDArray[np.float32], plan: Plan) -> NDArray[np.float32]:
    if image.shape == plan.size:
        return image
    if (plan.step > 1).any():
        # Blur by what the coarser grid cannot carry, or it folds back as stripes.
        image = gaussian_filter(image, np.clip((plan.step - 1) / 2, 0, None), mode="nearest")
    factors = 1 / plan.step
    return zoom(image, factors, order=1, mode="nearest", grid_mode=True)


def _nearest(plan: Plan, *, back: bool = False) -> tuple[NDArray[Any], ...]:
    """Along each axis, which voxel of one grid holds the centre of each voxel of the other."""
    lengths = np.array(plan.stop) - plan.start
    ours, theirs = (lengths, plan.size) if back else (plan.size, lengths)
    # floor((i + 1/2) theirs / ours) in whole numbers: no rounding, the same on every machine.
    return tuple(
        (2 * np.arange(n) + 1) * int(m) // (2 * int(n)) for n, m in zip(ours, theirs, strict=True)
    )
