"""One network in a process of its own: it waits for an order, carries it out, says what it took."""

import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Literal

from napari_unlearn.errors import UnlearnError, reason
from napari_unlearn.heap import keep_freed_memory

_CONTEXT = multiprocessing.get_context("spawn")
_PATIENCE = 5.0  # seconds that a lane has to leave when nobody needs it

Order = Literal[
    "forward", "step", "peak", "output", "fp32 output", "gradient", "exact gradient", "shares"
]


@dataclass(frozen=True)
class Setting:
    """What every lane of a race has in common."""

    size: str
    weights: Path
    threads: int
    device: str = "cpu"
    precision: Literal["fp32", "bf16"] = "fp32"
    compiled: bool = False
    """Whether our U-Nets go through torch.compile."""


class Lane:
    """The near end of the process."""

    def __init__(self, contender: str, setting: Setting) -> None:
        self._near, far = _CONTEXT.Pipe()
        arguments = (far, contender, setting)
        self._process = _CONTEXT.Process(target=_work, args=arguments, daemon=True)
        with _environment(setting.threads):
            self._process.start()
        far.close()
        self.name = contender
        self._receive()

    def ask(self, order: Order) -> Any:
        """Have an order carried out.

        Raises:
            UnlearnError: It failed.
        """
        self._near.send(order)
        return self._receive()

    def close(self) -> None:
        """End the process."""
        self._near.close()
        self._process.join(_PATIENCE)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    def _receive(self) -> Any:
        try:
            answer = self._near.recv()
        except EOFError:
            raise UnlearnError(
                f"The process of {self.name} ended without a word; memory may have run out."
            ) from None
        if isinstance(answer, Exception):
            raise UnlearnError(f"{self.name} cannot be measured: {answer}")
        return answer


@contextmanager
def lanes(contenders: list[str], setting: Setting) -> Iterator[list[Lane]]:
    """Start processes one after the other, and end them."""
    started: list[Lane] = []
    try:
        for name in contenders:
            started.append(Lane(name, setting))
        yield started
    finally:
        for lane in started:
            lane.close()


@contextmanager
def _environment(threads: int) -> Iterator[None]:
    """Set what a process reads when it imports torch; the main module is not imported anew."""
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    main = sys.modules["__main__"]
    os.environ.update(dict.fromkeys(names, str(threads)))
    sys.modules["__main__"] = type(sys)("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def _work(link: Connection, contender: str, setting: Setting) -> None:
    """Everything that happens in the process."""
    from napari_unlearn.benchmarks.contenders import CONTENDERS

    try:
        if CONTENDERS[contender].advised:
            keep_freed_memory()
        from napari_unlearn.benchmarks.measure import Bench

        bench = Bench(CONTENDERS[contender], setting)
        link.send("ready")
        while True:
            link.send(bench.carry_out(link.recv()))
    except EOFError:
        return
    except Exception as error:  # told by the parent, in its own process
        link.send(UnlearnError(f"{type(error).__name__}: {reason(error)}"))


def computing_in(precision: str, device: str) -> AbstractContextManager[Any]:
    """What a network of that precision computes in."""
    import torch

    return torch.autocast(device, torch.bfloat16) if precision == "bf16" else nullcontext()


def timed(work: Callable[[], object], wait: Callable[[], object]) -> float:
    """Seconds that work takes until the device has done it."""
    wait()
    began = time.perf_counter()
    work()
    wait()
    return time.perf_counter() - began
