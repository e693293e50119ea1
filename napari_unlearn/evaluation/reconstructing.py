"""The order in which several models reconstruct a scan, and what is kept on the way.

One model after the other, so that at most one lies on the device; or, for maps that need the
models' k-space, one slice after the other: a slice's lines, coils and lambda are then worked
out once for all models, and no k-space outlives its slice.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from napari_unlearn.cancel import CancelToken
from napari_unlearn.evaluation.acquisition import Acquisition
from napari_unlearn.evaluation.error import EvaluationError
from napari_unlearn.evaluation.hallucination import Mode, Prepared, SliceEvidence, prepare
from napari_unlearn.evaluation.marking import KspaceMaps
from napari_unlearn.evaluation.out_of_memory import memory_in_a_sentence
from napari_unlearn.evaluation.reconstruct import (
    image_of,
    reconstruct_kspace,
    reconstruct_slice,
)
from napari_unlearn.mri.sampling import Mask
from napari_unlearn.mri.scan import Header, Scan

Image = NDArray[np.float32]


def prepare_arms(
    mode: Mode,
    acquisition: Acquisition,
    kspaces: Sequence[NDArray[np.complex64]],
    header: Header,
    reference: int | None = None,
    maximum: float = 1.0,
) -> Iterator[Prepared | None]:
    """Make one slice of every arm ready for any lambda: what a window keeps for its slider.

    Args:
        mode: One that needs k-space.
        acquisition: Of the slice.
        kspaces: Of every arm, as `reconstruct_kspace` gives them.
        header: Of the scan.
        reference: Number of the arm that the others are set against; None: the truth.
        maximum: Maps are fractions of it.

    Yields:
        One per arm, in their order; None for the reference.

    Raises:
        EvaluationError: The mode needs a truth and there is none.
    """
    known = None if acquisition.truth is None else acquisition.truth.numpy()
    for arm, kspace in enumerate(kspaces):
        if arm == reference:
            yield None
            continue
        evidence = SliceEvidence(
            image_of(kspace, header),
            maximum,
            kspace=kspace,
            truth=known if reference is None else kspaces[reference],
            acquisition=acquisition,
        )
        yield prepare(mode.name, evidence)


def set_against(mode: Mode, scan: Scan, oracle: int | None, against_oracle: bool) -> int | None:
    """Number of the arm that the others are set against; None: the truth, or nothing.

    Args:
        mode: Of the maps.
        scan: Whose k-space is the truth if it is fully sampled.
        oracle: Number of the oracle, the reference where there is no other.
        against_oracle: Whether the oracle is the reference in any case.

    Raises:
        EvaluationError: The mode needs a reference, and k-space is undersampled without oracle.
    """
    if not mode.uses_reference or not (against_oracle or scan.acquired is not None):
        return None
    if oracle is None:
        raise EvaluationError(
            f"{scan.header.name} is undersampled and there is no oracle: the {mode.title} "
            "has nothing to be set against; the measurement map needs no reference."
        )
    return oracle


class ModelByModel:
    """Magnitudes only."""

    def __init__(
        self,
        scan: Scan,
        models: Sequence[nn.Module],
        mask: Mask,
        device: torch.device,
        cancel: CancelToken,
    ) -> None:
        self._scan, self._mask, self._device, self._cancel = scan, mask, device, cancel
        self._waiting = list(models)
        self._model: nn.Module | None = None
        self._arms = len(self._waiting)

    def places(self) -> Iterator[tuple[int, int]]:
        """Arm and slice of every reconstruction, in order."""
        for arm in range(self._arms):
            self._model = None  # before the next one is moved there
            with memory_in_a_sentence(self._scan.header, self._device):
                self._model = self._waiting.pop(0).to(self._device)
            for index in range(self._scan.header.slices):
                yield arm, index
        self._model = None

    def image(self, arm: int, index: int) -> Image:
        """Reconstruct where `places` has come to."""
        if self._model is None:
            raise RuntimeError(f"Model {arm} is asked for out of turn.")
        return reconstruct_slice(
            self._scan, index, self._model, self._mask, self._device, self._cancel
        )

    def maps(self) -> None:
        """No maps."""
        return

    def close(self) -> None:
        """Let go of the models."""
        self._waiting.clear()
        self._model = None


class SliceBySlice:
    """Magnitudes, and a map of k-space for each.

    Args:
        scan: Read slice by slice.
        models: All on the device at once.
        mask: The same for all.
        device: Where networks run; maps are made on the CPU.
        cancel: Looked at before every layer of a network and before every map.
        mode: Of the maps.
        lam: None derives it from every slice's data.
        oracle: Number of the oracle, the reference where there is no other.
        against_oracle: Whether the oracle is the reference in any case.

    Raises:
        EvaluationError: The mode needs a reference, and k-space is undersampled without oracle.
    """

    def __init__(
        self,
        scan: Scan,
        models: Sequence[nn.Module],
        mask: Mask,
        device: torch.device,
        cancel: CancelToken,
        *,
        mode: Mode,
        lam: float | None,
        oracle: int | None,
        against_oracle: bool,
    ) -> None:
        self._scan, self._mask, self._device, self._cancel = scan, mask, device, cancel
        self._mode, self._lam = mode, lam
        self._reference = set_against(mode, scan, oracle, against_oracle)
        with memory_in_a_sentence(scan.header, device):
            self._models = [model.to(device) for model in models]
        self._maps: list[list[Image]] = [[] for _ in self._models]
        self._shares: list[list[float]] = [[] for _ in self._models]
        self._lams: list[float] = []
        self._kspaces: list[NDArray[np.complex64]] = []

    def places(self) -> Iterator[tuple[int, int]]:
        """Arm and slice of every reconstruction, in order."""
        for index in range(self._scan.header.slices):
            self._kspaces.clear()
            for arm in range(len(self._models)):
                yield arm, index

    def image(self, arm: int, index: int) -> Image:
        """Reconstruct where `places` has come to; after a slice's last arm, make its maps."""
        model = self._models[arm]
        kspace = reconstruct_kspace(
            self._scan, index, model, self._mask, self._device, self._cancel
        )
        self._kspaces.append(kspace)
        if len(self._kspaces) == len(self._models):
            self._map(index)
        return image_of(kspace, self._scan.header)

    def maps(self) -> KspaceMaps:
        """All maps, once every slice is done."""
        whole = tuple(
            None if arm == self._reference else np.stack(slices)
            for arm, slices in enumerate(self._maps)
        )
        shares = tuple(float(np.mean(each)) if each else None for each in self._shares)
        return KspaceMaps(whole, shares, float(np.mean(self._lams)) if self._lams else None)

    def close(self) -> None:
        """Let go of the models."""
        self._models.clear()
        self._kspaces.clear()

    def _map(self, index: int) -> None:
        acquisition = Acquisition.of(self._scan, index, self._mask, self._lam)
        if self._mode.uses_lambda:
            self._lams.append(acquisition.lam)
        looks = prepare_arms(
            self._mode, acquisition, self._kspaces, self._scan.header, self._reference
        )
        for arm, look in enumerate(looks):
            self._cancel.check()
            if look is None:
                continue
            self._maps[arm].append(look.at(acquisition.lam))
            share = look.null_share(acquisition.lam)
            if share is not None:
                self._shares[arm].append(share)
