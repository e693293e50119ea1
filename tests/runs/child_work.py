"""Work that a child process can import."""

import os
import sys
import time
from pathlib import Path

import numpy as np

from napari_unlearn.errors import UnlearnError
from napari_unlearn.unlearning.events import Preview, Saved


def counting(token):
    yield from range(500)


def about_itself(token):
    """Its process, what it imported of the window, its threads."""
    window = {"napari", "qtpy", "PyQt6", "torch"} & set(sys.modules)
    import torch

    yield os.getpid(), window, torch.get_num_threads()


def ticking(token):
    """Tell the time until asked to stop; what remains of it says how it was asked."""
    yield os.getpid()
    while not token.cancelled:
        if token.paused:
            yield "paused"
            token.wait_while_paused()
            yield "resumed"
        time.sleep(0.02)
        yield "tick"
    yield "aborted" if token.aborted else "kept"


def checking(token):
    while True:
        time.sleep(0.02)
        token.check()
        yield "tick"


def leaving_a_note(note, token):
    """Write down how it ended, as a run that keeps what it has."""
    yield os.getpid()
    while not token.cancelled:
        time.sleep(0.02)
        yield "tick"
    Path(note).write_text("aborted" if token.aborted else "kept")


def deaf(token):
    yield os.getpid()
    time.sleep(600)


def mistaken(token):
    yield "before"
    raise UnlearnError("No such scan.")


def broken(token):
    yield {}["missing"]


def full(token):
    yield "before"
    raise MemoryError


def killed(token):
    yield Saved(Path("model.safetensors"), 7)
    yield os.getpid()
    time.sleep(600)


def unsendable(token):
    yield lambda: None


def pictures(count, token):
    for step in range(count):
        yield Preview(step, np.full((320, 320), step, np.float32), step if step % 10 == 0 else None)
