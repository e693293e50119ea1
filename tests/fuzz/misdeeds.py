"""What a reader must not do, for the fuzzer to be tried on."""

import ctypes
import os
import time
from pathlib import Path

from napari_unlearn.errors import UnlearnError


def hangs(path: Path) -> None:
    """Never comes back."""
    time.sleep(60)


def crashes(path: Path) -> None:
    """Reads where there is no memory."""
    ctypes.string_at(0)


def raises(path: Path) -> None:
    """An error that no user understands."""
    raise KeyError(path.name)


def fills_the_memory(path: Path) -> None:
    """More than a reader may take."""
    bytearray(3 * 2**30)


def writes(path: Path) -> None:
    """A file where it is."""
    Path("canary").write_text("here")
    Path("canary").unlink()


def leaves_a_file(path: Path) -> None:
    """A file beside the input."""
    (path.parent / "canary").write_text("here")


def executes(path: Path) -> None:
    """Another program."""
    os.system("true")


def prints(path: Path) -> None:
    """To the terminal, past Python."""
    os.write(1, b"hello")


def says_two_lines(path: Path) -> None:
    """No full stop."""
    raise UnlearnError(f"{path}: bad\nvery bad")


def says_too_much(path: Path) -> None:
    """More than anybody reads."""
    raise UnlearnError(f"{path}: {'bad ' * 100}.")


def says_nothing_of_the_file(path: Path) -> None:
    """Which of a thousand files was it?"""
    raise UnlearnError("It is damaged.")


def quotes_a_class(path: Path) -> None:
    """Words of a programmer."""
    raise UnlearnError(f"{path}: unexpected {int!s}.")
