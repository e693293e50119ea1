"""MedicalNet's published weights in a network of ours, and an account of what was used."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from napari_unlearn.errors import reason, shortened
from napari_unlearn.models.card import Card, Volumes
from napari_unlearn.models.convert import read_torch_weights
from napari_unlearn.models.error import ModelError
from napari_unlearn.models.med3d import BLOCKS
from napari_unlearn.models.registry import build
from napari_unlearn.models.residual import Bottleneck

FIRST = "conv1.weight"
LANDMARK = "layer1.0.conv1.weight"
LAST = "conv_seg.6.weight"
PREFIX = "module."
GRID = (56, 448, 448)
"""Slices, rows and columns to which MedicalNet resizes subjects."""
COUNTER = "num_batches_tracked"
FRESH = "fresh_keys"
"""Figure on the card of a network that is not whole: how many of its keys were drawn afresh."""


@dataclass(frozen=True)
class Adoption:
    """Which weights of a file a network took over."""

    source: str
    """Name of the file."""
    taken: tuple[str, ...]
    """Keys now in the network, without the prefix "module."; an adapted one is among them."""
    left: tuple[str, ...]
    """Keys of the file that the network has no place for."""
    fresh: tuple[str, ...]
    """Keys of the network that were drawn at random."""
    file_channels: int
    """Input channels of the file's first convolution."""
    channels: int
    """Those of the network; other than the file's, the convolution was adapted."""

    @property
    def summary(self) -> str:
        """All of it in one sentence."""
        adapted = ""
        if self.channels != self.file_channels:
            adapted = (
                f" ('{FIRST}' adapted from {_counted(self.file_channels, 'input channel')} "
                f"to {self.channels})"
            )
        return (
            f"{self.source}: {_counted(len(self.taken), 'key')} taken{adapted}, "
            f"{_named(self.left)} left in the file, {_named(self.fresh)} freshly drawn."
        )


def is_medicalnet(keys: Collection[str]) -> bool:
    """Whether weights are named as those of a residual network, which no VarNet's are."""
    return LANDMARK in keys or PREFIX + LANDMARK in keys


def depth_of(keys: Iterable[str]) -> int | None:
    """Depth of a residual network by the names of its weights; None if there is none such."""
    keys = [key.removeprefix(PREFIX) for key in keys]
    bottleneck = "layer1.0.conv3.weight" in keys
    for depth, (kind, counts) in BLOCKS.items():
        if counts == _counts(keys) and (kind is Bottleneck) == bottleneck:
            return depth
    return None


def _counts(keys: Iterable[str]) -> tuple[int, ...]:
    """Blocks of the four layers."""
    keys = list(keys)
    return tuple(
        len({key.split(".")[1] for key in keys if key.startswith(f"layer{place}.")})
        for place in (1, 2, 3, 4)
    )


def convert_medicalnet(
    path: Path | str,
    in_channels: int | None = None,
    classes: int | None = None,
    stem_stride: int = 4,
    checkpointing: bool = False,
    seed: int = 0,
    named: Mapping[str, Tensor] | None = None,
) -> tuple[nn.Module, Card, Adoption]:
    """Read a Med3D network saved by MedicalNet (`resnet_50_23dataset.pth` and the like).

    Depth, width and kind of shortcut are inferred from keys and shapes. Several input channels
    share the first convolution, w_c = sum over the file's channels / channels, so that equal
    contrasts give the file's response. A decoder is taken if the file has one; of other classes
    than asked for, its last convolution is left and drawn afresh.

    Args:
        path: Of the file; nothing in it is executed.
        in_channels: Contrasts; None takes the file's.
        classes: Background included; None takes the file's decoder's, else the network's default.
        stem_stride: As in `Med3D`; the weights do not depend on it.
        checkpointing: As in `Med3D`.
        seed: Of what is drawn afresh.
        named: What `read_torch_weights` found in the file, if that is known already.

    Raises:
        ModelError: Not such a file, damaged, or holding objects other than weights.
    """
    path = Path(path)
    named = read_torch_weights(path) if named is None else named
    weights = {key.removeprefix(PREFIX): value for key, value in named.items()}
    parameters = _parameters(weights, path.name)
    given = {"in_channels": in_channels, "classes": classes}
    parameters.update({name: size for name, size in given.items() if size is not None})
    parameters.update({"stem_stride": stem_stride, "checkpointing": checkpointing})
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = build("med3d", parameters)
    except (RuntimeError, ValueError, TypeError, ArithmeticError, MemoryError) as error:
        raise ModelError(
            f"{path.name}: no Med3D has layers of these shapes ({reason(error)})."
        ) from error
    own = model.state_dict()
    file_channels = weights[FIRST].shape[1]
    weights[FIRST] = _spread(weights[FIRST], own[FIRST].shape[1])
    taken = {
        key: weights[key].to(value.dtype)
        for key, value in own.items()
        if key in weights and weights[key].shape == value.shape
    }
    lost = [key for key in own if key not in taken and not _may_lack(key)]
    if lost:
        raise ModelError(f"{path.name}: not a MedicalNet file, weights '{lost[0]}' do not fit.")
    model.load_state_dict({**own, **taken})
    adoption = Adoption(
        source=path.name,
        taken=tuple(taken),
        left=tuple(key for key in weights if key not in taken),
        # A counter without a file begins at 0, which is no draw.
        fresh=tuple(key for key in own if key not in taken and not key.endswith(COUNTER)),
        file_channels=file_channels,
        channels=own[FIRST].shape[1],
    )
    card = Card(
        architecture="med3d",
        parameters=parameters,
        title=path.stem,
        volumes=Volumes(channels=(), classes=own[LAST].shape[0], shape=GRID),
        metrics={FRESH: float(len(adoption.fresh))} if adoption.fresh else {},
        remark=adoption.summary,
    )
    return model, card, adoption


def _may_lack(key: str) -> bool:
    return key.startswith("conv_seg.") or key.endswith(COUNTER)


def _parameters(weights: Mapping[str, Tensor], name: str) -> dict[str, int | float | bool | str]:
    """What the shapes say of the network."""
    for key in (FIRST, LANDMARK, "layer4.0.conv1.weight"):
        if key not in weights or weights[key].ndim != 5:
            raise ModelError(
                f"{name}: not a MedicalNet file, it has no 3D weights '{key}' "
                f"(found: {', '.join(map(shortened, sorted(weights)[:3])) or 'nothing'})."
            )
    depth = depth_of(weights)
    if depth is None:
        raise ModelError(
            f"{name}: layers of {', '.join(map(str, _counts(weights)))} blocks are none of depth "
            f"{', '.join(map(str, BLOCKS))}."
        )
    parameters: dict[str, int | float | bool | str] = {
        "depth": depth,
        "in_channels": weights[FIRST].shape[1],
        "width": weights[FIRST].shape[0],
        "widest": weights["layer4.0.conv1.weight"].shape[0],
        "shortcut": "B" if "layer2.0.downsample.0.weight" in weights else "A",
    }
    last = weights.get(LAST)
    if last is not None and last.ndim == 5:
        parameters["classes"] = last.shape[0]
    return parameters


def _spread(weight: Tensor, channels: int) -> Tensor:
    """The convolution's weights for another number of input channels, with the same sum."""
    if weight.shape[1] == channels:
        return weight
    return (weight.sum(1, keepdim=True) / channels).repeat(1, channels, 1, 1, 1)


def _counted(count: int, thing: str) -> str:
    return f"{count} {thing}{'' if count == 1 else 's'}"


def _named(keys: Iterable[str]) -> str:
    """How many, and of which parts: "16 (conv_seg)"."""
    keys = list(keys)
    if not keys:
        return "none"
    return f"{len(keys)} ({', '.join(sorted({key.split('.')[0] for key in keys}))})"
