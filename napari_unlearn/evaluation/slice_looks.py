"""One slice of every arm, ready for any lambda: what a window keeps for its slider.

Importing this file is cheap: torch and the models come in when a slice is looked at.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_unlearn.cancel import CancelToken
from napari_unlearn.evaluation.compare import Arm
from napari_unlearn.evaluation.hallucination import Map, Prepared, find_mode
from napari_unlearn.mri.scan import Scan

if TYPE_CHECKING:
    from napari_unlearn.mri.sampling import Sampling

BUDGET = 512 << 20
"""Memory for slices that were looked at [bytes]; at 320x320 those of three models take 160 MB."""


@dataclass(frozen=True, eq=False)
class SliceLooks:
    """Maps of one slice, of which everything but lambda is settled."""

    index: int
    """Of the slice."""
    lam: float
    """Lambda that follows from the slice's data."""
    arms: tuple[Prepared | None, ...]
    """One per arm; None for the arm that the others are set against."""

    def at(self, lam: float) -> tuple[Map | None, ...]:
        """Every arm's map for a lambda, (image_rows, image_columns) each."""
        return tuple(None if each is None else each.at(lam) for each in self.arms)

    def null_shares(self, lam: float) -> tuple[float | None, ...]:
        """Share of each map's energy that lambda leaves in the null space."""
        return tuple(None if each is None else each.null_share(lam) for each in self.arms)

    @property
    def nbytes(self) -> int:
        """Memory that they hold [bytes]."""
        return sum(each.nbytes for each in self.arms if each is not None)


class KeptLooks:
    """The slices last looked at, as many as fit in a budget [bytes], but always the last one."""

    def __init__(self, budget: int = BUDGET) -> None:
        self._budget = budget
        self._kept: OrderedDict[int, SliceLooks] = OrderedDict()

    def __contains__(self, index: int) -> bool:
        return index in self._kept

    def get(self, index: int) -> SliceLooks | None:
        """The looks at a slice, if they are kept; they then count as looked at last."""
        if index in self._kept:
            self._kept.move_to_end(index)
        return self._kept.get(index)

    def put(self, looks: SliceLooks) -> None:
        """Keep a slice; those not looked at for longest go if there is too little room."""
        self._kept[looks.index] = looks
        self._kept.move_to_end(looks.index)
        while len(self._kept) > 1 and self.nbytes > self._budget:
            self._kept.popitem(last=False)

    def clear(self) -> None:
        """Forget all."""
        self._kept.clear()

    @property
    def nbytes(self) -> int:
        """Memory that they hold [bytes]."""
        return sum(looks.nbytes for looks in self._kept.values())


def look_at_slice(
    scan: Scan,
    arms: Sequence[Arm],
    index: int,
    *,
    mode: str,
    sampling: "Sampling | None" = None,
    device: str = "cpu",
    cancel: CancelToken,
    against_oracle: bool = False,
    maximum: float = 1.0,
) -> SliceLooks:
    """Reconstruct one slice with every model and do all of its maps that lambda does not change.

    With the arguments of a `compare` its maps at lambda are those of that comparison.

    Args:
        scan: One slice of it is read.
        arms: The models, in the order of their tiles.
        index: Of the slice.
        mode: A map that needs the models' k-space.
        sampling: As in `compare`.
        device: Where networks run, one after the other; maps are made on the CPU.
        cancel: Looked at before every layer of a network and before every map.
        against_oracle: Whether the oracle is the reference in any case.
        maximum: Maps are fractions of it.

    Raises:
        Cancelled: The user asked to stop.
        UnlearnError: As `compare`.
    """
    from napari_unlearn.evaluation.acquisition import Acquisition
    from napari_unlearn.evaluation.out_of_memory import memory_in_a_sentence
    from napari_unlearn.evaluation.reconstruct import reconstruct_kspace
    from napari_unlearn.evaluation.reconstructing import prepare_arms, set_against
    from napari_unlearn.evaluation.sampling_choice import choose_mask
    from napari_unlearn.models.device import resolve_device
    from napari_unlearn.models.load import load_model

    look, place = find_mode(mode), resolve_device(device)
    oracle = next((i for i, arm in enumerate(arms) if arm.role == "oracle"), None)
    reference = set_against(look, scan, oracle, against_oracle)
    models, cards = [], []
    for arm in arms:
        cancel.check()
        model, card = load_model(arm.path, "cpu")
        models.append(model)
        cards.append(card)
    mask = choose_mask(scan, sampling, cards)
    kspaces = []
    while models:
        with memory_in_a_sentence(scan.header, place):
            model = models.pop(0).to(place)
        kspaces.append(reconstruct_kspace(scan, index, model, mask, place, cancel))
    acquisition = Acquisition.of(scan, index, mask)
    found = []
    for each in prepare_arms(look, acquisition, kspaces, scan.header, reference, maximum):
        cancel.check()
        found.append(each)
    return SliceLooks(index, acquisition.lam, tuple(found))
