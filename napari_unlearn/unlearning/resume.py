"""The file a killed run goes on from: weights and optimiser moments, no pickles."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from zlib import crc32

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from napari_unlearn.atomic import replacing
from napari_unlearn.bounded import open_file
from napari_unlearn.errors import UnlearnError, reason
from napari_unlearn.unlearning.guard import Guard
from napari_unlearn.unlearning.watch import Kept, Watch

FILE = "resume.safetensors"
EARLIER = "resume.earlier.safetensors"
"""The file before it, in case a disk damages the last one."""
_DAMAGE = (
    *(SafetensorError, KeyError, TypeError, ValueError, RuntimeError, AttributeError),
    *(OSError, OverflowError, RecursionError, MemoryError),
)


@dataclass(frozen=True)
class Progress:
    """How far a run had come."""

    step: int
    seconds: float
    epoch_loss: float
    """Sum of the losses of the unfinished epoch."""
    passes: int = 0
    """Samples passed before the first step, by scope and edit."""
    masks: Mapping[str, Tensor] = field(default_factory=dict)
    """The scope's masks by parameter."""
    metrics: Mapping[str, float] = field(default_factory=dict)
    """As last measured."""
    epoch_open: bool = False
    """The epoch's last step is taken, its end not yet measured."""
    watch: Watch | None = None
    """What the guard has seen."""
    midway: Mapping[str, Tensor] | None = None
    """Weights of the teacher that the network itself was, once there is one."""
    remark: str = ""
    """What was odd about the file, for the user to know."""


class Damaged(UnlearnError):
    """A file to resume from that is not as it was written."""


def save_progress(
    folder: Path,
    job_key: str,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    progress: Progress,
) -> None:
    """Write weights, Adam's moments and masks, named after the parameters they belong to.

    The file that was there is kept as the earlier one.

    Raises:
        UnlearnError: if it cannot be written; what was there stays.
    """
    tensors: dict[str, Tensor] = {
        f"model.{key}": value for key, value in model.state_dict().items()
    }
    for name, parameter in model.named_parameters():
        for key, value in optimizer.state.get(parameter, {}).items():
            tensors[f"{key}.{name}"] = torch.as_tensor(value)
    tensors.update({f"mask.{name}": mask for name, mask in progress.masks.items()})
    tensors.update({f"midway.{name}": value for name, value in (progress.midway or {}).items()})
    watch = progress.watch
    if watch is not None and watch.best is not None:
        tensors.update({f"best.{name}": value for name, value in watch.best.weights.items()})
    tensors = {key: value.detach().cpu().contiguous() for key, value in tensors.items()}
    about = {
        "job": job_key,
        "step": str(progress.step),
        "seconds": repr(progress.seconds),
        "epoch_loss": repr(progress.epoch_loss),
        "passes": str(progress.passes),
        "metrics": json.dumps(progress.metrics),
        "epoch_open": json.dumps(progress.epoch_open),
    }
    if watch is not None:
        about["watch"] = json.dumps(
            {
                "guard": asdict(watch.guard),
                "watched": watch.watched,
                "original": watch.original,
                "best": watch.best and {"epoch": watch.best.epoch, "metrics": watch.best.metrics},
            }
        )
    about["check"] = _check(tensors, about)
    with replacing(folder / FILE) as temporary:
        temporary.write_bytes(save(tensors, about))
        # Whole and the last thing that could fail: a full disk costs neither of the two.
        if (folder / FILE).exists():
            (folder / FILE).replace(folder / EARLIER)


def forget_progress(folder: Path) -> None:
    """Leave nothing to resume from.

    Raises:
        OSError: if the disk refuses.
    """
    for name in (EARLIER, FILE):
        (folder / name).unlink(missing_ok=True)


def has_progress(folder: Path) -> bool:
    """Whether there is something to resume from."""
    return (folder / FILE).exists() or (folder / EARLIER).exists()


def load_progress(
    folder: Path, job_key: str, model: nn.Module, optimizer: torch.optim.Optimizer
) -> Progress | None:
    """Put a run back to where it was; None if there is nothing to go on from.

    The file appears only after scope and edit have done their work: a run that finds one
    does not prepare again, one that was killed earlier starts again from the original. Of a
    damaged file the one before takes the place.

    Raises:
        UnlearnError: if the file belongs to another job, or both files are damaged.
    """
    path, earlier = folder / FILE, folder / EARLIER
    try:
        if not has_progress(folder):
            return None
        if path.exists():
            return _load(path, job_key, model, optimizer)
    except OSError as error:
        raise UnlearnError(f"{path}: cannot be read ({reason(error)}).") from error
    except Damaged:
        if not earlier.exists():
            raise
    progress = _load(earlier, job_key, model, optimizer)
    with suppress(OSError):  # or the next file would push the only good one out
        earlier.replace(path)
    return replace(
        progress,
        remark=f"{path}: missing or damaged; the run goes on from the file before it, step "
        f"{progress.step}.",
    )


def _load(path: Path, job_key: str, model: nn.Module, optimizer: torch.optim.Optimizer) -> Progress:
    try:
        open_file(path).close()
        with safe_open(path, framework="pt") as stream:
            about = stream.metadata() or {}
            tensors = {key: stream.get_tensor(key) for key in stream.keys()}  # noqa: SIM118
        if about.get("check", _check(tensors, about)) != _check(tensors, about):
            raise ValueError("another checksum")
        if about.get("job") != job_key:
            raise UnlearnError(
                f"{path}: belongs to a run with other settings; run without --resume to "
                "start afresh, or restore the settings."
            )
        return _restored(about, tensors, model, optimizer)
    except _DAMAGE as error:
        raise Damaged(
            f"{path}: damaged, the run cannot go on from it; run without --resume."
        ) from error


def _restored(
    about: Mapping[str, str],
    tensors: Mapping[str, Tensor],
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
) -> Progress:
    """Put weights and moments in place."""
    parameters = dict(model.named_parameters())
    device = next(model.parameters()).device
    progress = Progress(
        int(about["step"]),
        float(about["seconds"]),
        float(about["epoch_loss"]),
        int(about.get("passes", 0)),
        {key[5:]: mask.to(device) for key, mask in tensors.items() if key.startswith("mask.")},
        json.loads(about.get("metrics", "{}")),
        json.loads(about.get("epoch_open", "false")),
        _watch(json.loads(about.get("watch", "null")), tensors),
        {key[7:]: value for key, value in tensors.items() if key.startswith("midway.")} or None,
    )
    weights = {key[6:]: value for key, value in tensors.items() if key.startswith("model.")}
    model.load_state_dict(weights)
    optimizer.state.clear()
    for name, parameter in parameters.items():
        state = {
            key: tensors[f"{key}.{name}"]
            for key in ("step", "exp_avg", "exp_avg_sq")
            if f"{key}.{name}" in tensors
        }
        if state:
            # In the weight's own layout: a fused step takes numbers as they lie in memory.
            optimizer.state[parameter] = {
                key: value if key == "step" else torch.empty_like(parameter).copy_(value)
                for key, value in state.items()
            }
    return progress


def _check(tensors: Mapping[str, Tensor], about: Mapping[str, str]) -> str:
    """Checksum of all numbers and words: weights with a bit turned over look like any others."""
    words = {key: value for key, value in about.items() if key != "check"}
    found = crc32(json.dumps(words, sort_keys=True).encode())
    for name in sorted(tensors):
        numbers = tensors[name].reshape(-1).view(torch.uint8).numpy()
        found = crc32(numbers.data, crc32(name.encode(), found))
    return f"{found:08x}"


def _watch(noted: dict | None, tensors: Mapping[str, Tensor]) -> Watch | None:
    """The guard's watch as it was written down."""
    if noted is None:
        return None
    best = noted["best"]
    if best is not None:
        weights = {key[5:]: value for key, value in tensors.items() if key.startswith("best.")}
        best = Kept(best["epoch"], best["metrics"], weights)
    return Watch(Guard(**noted["guard"]), noted["watched"], noted["original"], best)


def job_key(description: dict[str, object]) -> str:
    """A stable text for everything that decides a run's course."""
    return json.dumps(description, sort_keys=True, default=str)
