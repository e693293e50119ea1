"""Our VarNet and its peers, behind one call."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor, nn

from napari_unlearn.benchmarks.names import ADVISED, CHECKPOINTING, FASTMRI, MONAI, OURS
from napari_unlearn.benchmarks.sizes import Size, Slice
from napari_unlearn.models.convert import convert_fastmri, read_torch_weights
from napari_unlearn.models.registry import build
from napari_unlearn.models.varnet import VarNet


@dataclass(frozen=True)
class Contender:
    """A network that is measured."""

    name: str
    build: Callable[[Size, Path], "Runner"]
    """From a size and a file of weights in fastMRI's layout."""
    package: str = ""
    """That it comes from, if it is not ours."""
    needs: tuple[str, ...] = ()
    """Packages that importing it takes beside torch and what we need ourselves."""
    equal: bool = True
    """Whether it computes the same function of the same weights."""
    advised: bool = False
    """Whether its process keeps the memory it freed, as ours do (heap.py)."""

    @property
    def missing(self) -> str:
        """One sentence if it cannot be imported, else nothing."""
        absent = [name for name in (self.package, *self.needs) if name and not find_spec(name)]
        if not absent:
            return ""
        names = " ".join(_AT_THE_INDEX.get(name, name) for name in absent)
        return (
            f"{self.name} is left out, as {', '.join(absent)} cannot be imported; "
            f"pip install --no-deps {names}"
        )

    @property
    def version(self) -> str:
        """Of its package."""
        try:
            return version(self.package or "napari-unlearn")
        except PackageNotFoundError:
            return ""


@dataclass(frozen=True)
class Runner:
    """A network with its own way of being called."""

    model: nn.Module
    call: Callable[[nn.Module, Slice], Tensor]
    """(1, rows, columns)"""

    def __call__(self, data: Slice) -> Tensor:
        """Reconstruct a slice."""
        return self.call(self.model, data)


def _ours(checkpointing: bool) -> Callable[[Size, Path], Runner]:
    def make(size: Size, weights: Path) -> Runner:
        model, _ = convert_fastmri(weights)
        assert isinstance(model, VarNet)
        model.checkpointing = checkpointing
        return Runner(model, lambda net, x: net(x.kspace, x.lines, x.low_frequencies))

    return make


def _fastmri(size: Size, weights: Path) -> Runner:
    from fastmri.models.varnet import VarNet as Theirs

    model = Theirs(*size.parameters.values())
    model.load_state_dict(read_torch_weights(weights))
    return Runner(model, lambda net, x: net(*_as_they_expect(x), x.low_frequencies))


def _monai(size: Size, weights: Path) -> Runner:
    """Its U-Net has biases and always pools four times: a different network of nearly the size."""
    from monai.apps.reconstruction.networks.nets.coil_sensitivity_model import CoilSensitivityModel
    from monai.apps.reconstruction.networks.nets.complex_unet import ComplexUnet
    from monai.apps.reconstruction.networks.nets.varnet import VariationalNetworkModel

    torch.manual_seed(0)
    sensitivities = CoilSensitivityModel(features=_features(size.sens_channels, size.sens_pools))
    refinement = ComplexUnet(features=_features(size.channels, size.pools))
    model = VariationalNetworkModel(sensitivities, refinement, size.cascades)
    return Runner(model, lambda net, x: net(*_as_they_expect(x)))


def _features(channels: int, pools: int) -> tuple[int, ...]:
    """Of five levels and the last block; widths stop growing at the deepest of fewer levels."""
    return (*(channels * 2 ** min(level, pools) for level in range(5)), channels)


def _as_they_expect(data: Slice) -> tuple[Tensor, Tensor]:
    return torch.view_as_real(data.kspace), data.lines.view(1, 1, 1, -1, 1)


_FASTMRI_NEEDS = ("h5py", "pandas", "requests", "yaml")
_AT_THE_INDEX = {"fastmri": "fastmri==0.3.0", "yaml": "pyyaml"}
CONTENDERS = {
    each.name: each
    for each in (
        Contender(OURS, _ours(checkpointing=False), advised=True),
        Contender(CHECKPOINTING, _ours(checkpointing=True), advised=True),
        Contender(FASTMRI, _fastmri, "fastmri", _FASTMRI_NEEDS),
        Contender(ADVISED, _fastmri, "fastmri", _FASTMRI_NEEDS, advised=True),
        Contender(MONAI, _monai, "monai", ("einops",), equal=False),
    )
}


def write_weights(size: Size, path: Path) -> None:
    """Random weights, drawn from seed 0, in a file as fastMRI's are."""
    torch.manual_seed(0)
    torch.save(build("varnet", size.parameters).state_dict(), path)
