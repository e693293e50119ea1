"""Several processes that make one model together, as torchrun starts them; usually just one.

Every process holds the whole network and computes its own samples of a step; gradients are then
summed over all (data parallelism). Not torch's DistributedDataParallel, which wants one forward
call per backward pass and the same weights used by all of them: a strategy asks its network up to
three times in a step, partly by other methods than `forward`, and some weights not at all.
"""

import atexit
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache, partial
from types import FrameType
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from napari_unlearn.errors import Cancelled, UnlearnError, WrongUse

T = TypeVar("T")

PATIENCE = timedelta(minutes=10)
"""Longest wait for another process at one meeting point; a dead one is noticed at once."""
FIRST_SPEAKS = 10.0
"""Seconds in which the first process can say what all of them find wrong before they have met."""
GO_ON = "What was saved is kept, and --resume goes on from there."
LOST = f"Another process of this run is gone, which ended it. {GO_ON}"
TOLD_TO_STOP = (
    f"The run was told to stop (SIGTERM), as when another of its processes is gone. {GO_ON}"
)
LAUNCHER = "NAPARI_UNLEARN_LAUNCHER"
"""Set for processes whose launcher says itself that one of them is gone or all were interrupted."""


class LostProcess(UnlearnError):
    """A process of the run died, or did not come within `PATIENCE`."""


@dataclass(frozen=True)
class Ranks:
    """This process among those of the run; alone, every meeting is over at once."""

    rank: int = 0
    count: int = 1
    store: "dist.Store | None" = None
    """Where they can leave a word for each other, even once one of them is gone."""

    @property
    def first(self) -> bool:
        """Whether this is the one that writes files and tells what happens."""
        return self.rank == 0

    def share(self, samples: int) -> range:
        """Which of a step's samples are this process's, an equal part of them in a row.

        Raises:
            WrongUse: if they cannot be shared equally.
        """
        if samples % self.count:
            raise WrongUse(
                f"A batch_size of {samples} cannot be shared by {self.count} processes; accepted: "
                f"multiples of {self.count} in the experiment file, or another number of processes."
            )
        each = samples // self.count
        return range(self.rank * each, (self.rank + 1) * each)

    def add_up(self, tensors: Sequence[Tensor]) -> None:
        """Replace tensors of one type and device by their sums over all processes.

        Raises:
            LostProcess: if a process is gone, here and below.
        """
        if self.count == 1 or not tensors:
            return
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        _meet(lambda: dist.all_reduce(flat))
        parts = flat.split([tensor.numel() for tensor in tensors])
        for tensor, part in zip(tensors, parts, strict=True):
            tensor.copy_(part.view_as(tensor))

    def take_from_first(self, tensors: Sequence[Tensor]) -> None:
        """Replace tensors by those of the first process."""
        if self.count == 1:
            return
        for tensor in tensors:
            sent = tensor.to(torch.uint8) if tensor.dtype == torch.bool else tensor
            _meet(partial(dist.broadcast, sent, 0))
            tensor.copy_(sent)

    def gathered(self, own: T) -> list[T]:
        """What every process has, in their order."""
        if self.count == 1:
            return [own]
        found: list[T | None] = [None] * self.count
        _meet(lambda: dist.all_gather_object(found, own))
        return found  # type: ignore[return-value]

    def any(self, *flags: bool) -> tuple[bool, ...]:
        """For each flag whether it is up anywhere."""
        if self.count == 1:
            return flags
        raised = torch.tensor(flags, dtype=torch.int32)
        _meet(lambda: dist.all_reduce(raised, dist.ReduceOp.MAX))
        return tuple(bool(flag) for flag in raised.tolist())

    def meet(self) -> None:
        """Wait until all are here."""
        self.any(False)


def together() -> bool:
    """Whether torchrun, or whoever sets its variables, started this process among others."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1 and "RANK" in os.environ


def local_device(name: str) -> str:
    """Which GPU a process takes if told "auto" or "cuda": the one of its place on the machine."""
    if together() and name in ("auto", "cuda") and torch.cuda.is_available():
        return f"cuda:{int(os.environ.get('LOCAL_RANK', '0')) % torch.cuda.device_count()}"
    return name


@cache
def join() -> Ranks:
    """Meet the other processes that torchrun started; alone without them.

    Small things travel by gloo, gradients on a GPU by NCCL.

    Raises:
        LostProcess: if the others do not come.
    """
    if not together():
        return Ranks()
    gpu = torch.cuda.is_available() and dist.is_nccl_available()
    backend = "cpu:gloo,cuda:nccl" if gpu else "gloo"
    try:
        store, rank, count = next(dist.rendezvous("env://", timeout=PATIENCE))
        dist.init_process_group(backend, store=store, rank=rank, world_size=count, timeout=PATIENCE)
    except (RuntimeError, ValueError) as error:
        raise LostProcess(
            "The processes of this run did not find each other; start them with torchrun, and "
            "give all machines the same --rdzv-endpoint."
        ) from error
    atexit.register(dist.destroy_process_group)
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _told_to_stop)
    ranks = Ranks(rank, count, store)
    ranks.meet()  # so that none goes away while another is still connecting to it
    return ranks


def leave(error: UnlearnError, say: Callable[[str], None], code: int) -> None:
    """End this process of several with an exit code; one of them says the sentence for all.

    At once: whoever waits for a dead process in another thread would keep the interpreter.
    """
    told = LAUNCHER in os.environ and isinstance(error, LostProcess | Cancelled)
    if not told and not dist.is_initialized() and os.environ["RANK"] != "0":
        time.sleep(FIRST_SPEAKS)  # its end ends this one too
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if not told and _speaks():
        say(str(error))
    sys.stdout.flush()
    os._exit(code)


def _speaks() -> bool:
    """Whether nobody has spoken yet; before the processes have met, that cannot be known."""
    store = join().store if dist.is_initialized() else None
    if store is None:
        return True
    try:
        return store.add("spoken", 1) == 1
    except RuntimeError:  # whoever kept the store is gone
        return True


def _told_to_stop(number: int, frame: FrameType | None) -> None:
    raise LostProcess(TOLD_TO_STOP)


def _meet(call: Callable[[], object]) -> None:
    try:
        call()
    except RuntimeError as error:
        raise LostProcess(LOST) from error
