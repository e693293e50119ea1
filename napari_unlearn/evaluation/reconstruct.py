"""One network on one scan: undersample, reconstruct, crop; slice by slice."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from napari_unlearn.cancel import CancelToken
from napari_unlearn.evaluation.error import EvaluationError
from napari_unlearn.evaluation.out_of_memory import memory_in_a_sentence
from napari_unlearn.mri.arrays import centre_crop, root_sum_of_squares
from napari_unlearn.mri.sampling import Mask
from napari_unlearn.mri.scan import Header, Scan


def reconstruct(
    scan: Scan,
    model: nn.Module,
    mask: Mask,
    device: torch.device | str = "cpu",
    cancel: CancelToken | None = None,
) -> NDArray[np.float32]:
    """Reconstruct every slice, (slices, image_rows, image_columns).

    Arguments and errors as in `reconstruct_slice`.
    """
    slices = range(scan.header.slices)
    return np.stack([reconstruct_slice(scan, i, model, mask, device, cancel) for i in slices])


def reconstruct_slice(
    scan: Scan,
    index: int,
    model: nn.Module,
    mask: Mask,
    device: torch.device | str = "cpu",
    cancel: CancelToken | None = None,
) -> NDArray[np.float32]:
    """Reconstruct one slice from the acquired columns, (image_rows, image_columns).

    Args:
        scan: K-space of this slice alone is read.
        index: Of the slice.
        model: Like `VarNet`: (k-space, lines, low frequencies) to magnitudes, already
            on `device`.
        mask: Columns that the model gets to see.
        device: Where to compute.
        cancel: Looked at before every layer of the network, so that even a large slice
            stops within a fraction of a second.

    Raises:
        Cancelled: The user asked to stop.
        EvaluationError: The mask or image size does not fit the scan, or memory ran out.
    """
    header = scan.header
    with _ready(header, model, mask, device, cancel):
        kspace = torch.from_numpy(np.ascontiguousarray(scan.kspace(index))) * mask.lines
        image = model(kspace[None].to(device), mask.lines.to(device), mask.low_frequencies)
        magnitude = image[0].float().cpu().numpy()
    return np.ascontiguousarray(centre_crop(magnitude, header.image_rows, header.image_columns))


def reconstruct_kspace(
    scan: Scan,
    index: int,
    model: nn.Module,
    mask: Mask,
    device: torch.device | str = "cpu",
    cancel: CancelToken | None = None,
) -> NDArray[np.complex64]:
    """Reconstruct all coils' k-space of one slice, (coils, rows, columns), before they are joined.

    `image_of` makes of it what `reconstruct_slice` gives. Arguments and errors as there.

    Raises:
        EvaluationError: The model gives magnitudes only.
    """
    complete = getattr(model, "kspace", None)
    if complete is None:
        raise EvaluationError(
            f"{type(model).__name__} gives magnitudes only; what it put into unmeasured k-space "
            "can be told only of a network that reconstructs the coils' k-space, as VarNet does."
        )
    with _ready(scan.header, model, mask, device, cancel):
        kspace = torch.from_numpy(np.ascontiguousarray(scan.kspace(index))) * mask.lines
        answer = complete(kspace[None].to(device), mask.lines.to(device), mask.low_frequencies)
        return answer[0].to(torch.complex64).cpu().numpy()


def image_of(kspace: NDArray[np.complex64], header: Header) -> NDArray[np.float32]:
    """Root sum of squares of full k-space, cropped, (image_rows, image_columns)."""
    image = root_sum_of_squares(kspace)
    return np.ascontiguousarray(centre_crop(image, header.image_rows, header.image_columns))


@contextmanager
def _ready(
    header: Header,
    model: nn.Module,
    mask: Mask,
    device: torch.device | str,
    cancel: CancelToken | None,
) -> Iterator[None]:
    """Run a network: no gradients, stoppable, and memory that ran out is a sentence."""
    _check(header, mask)
    cancel = cancel or CancelToken()
    cancel.check()
    model.eval()
    with (
        memory_in_a_sentence(header, device),
        torch.inference_mode(),
        interruptible(model, cancel),
    ):
        yield


def _check(header: Header, mask: Mask) -> None:
    if mask.lines.shape != (header.columns,):
        raise EvaluationError(
            f"{header.name}: a mask of {mask.lines.numel()} columns does not fit k-space with "
            f"{header.columns} columns."
        )
    if header.image_rows > header.rows or header.image_columns > header.columns:
        raise EvaluationError(
            f"{header.name}: the image ({header.image_rows}x{header.image_columns}) must not be "
            f"larger than the k-space matrix ({header.rows}x{header.columns})."
        )


@contextmanager
def interruptible(model: nn.Module, cancel: CancelToken) -> Iterator[None]:
    """Look at the token before every layer of the network.

    Raises:
        Cancelled: The user asked to stop.
    """

    def look(*_: object) -> None:
        cancel.check()

    hooks = [module.register_forward_pre_hook(look) for module in model.modules()]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
