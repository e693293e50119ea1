"""Damage to where a file lies: links, pipes, devices, permissions."""

import os
import shutil
import socket
import stat
from pathlib import Path
from random import Random

from tests.fuzz.kind import Change


def _gone(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def missing(path: Path, rng: Random) -> str:
    """Not there."""
    _gone(path)
    return "taken away"


def linked_to_itself(path: Path, rng: Random) -> str:
    """A loop of links."""
    _gone(path)
    path.symlink_to(path.name)
    return "a link to itself"


def dangling(path: Path, rng: Random) -> str:
    """A link to nothing."""
    _gone(path)
    path.symlink_to("nowhere")
    return "a link to nothing"


def linked_up(path: Path, rng: Random) -> str:
    """Two links in the folder that lead back to it: every step down doubles the paths."""
    for name in ("again", "and-again"):
        (path.parent / name).symlink_to(path.parent, target_is_directory=True)
    return "two links back to its own folder beside it"


def pipe(path: Path, rng: Random) -> str:
    """A pipe that nobody writes to."""
    _gone(path)
    os.mkfifo(path)
    return "a pipe without an end"


def plug(path: Path, rng: Random) -> str:
    """A socket."""
    _gone(path)
    with socket.socket(socket.AF_UNIX) as own:
        here = Path.cwd()
        os.chdir(path.parent)  # the name of a socket must be short
        try:
            own.bind(path.name)
        finally:
            os.chdir(here)
    return "a socket"


def device(path: Path, rng: Random) -> str:
    """A device without end."""
    _gone(path)
    target = rng.choice(["/dev/zero", "/dev/random", "/dev/null", "/dev/full"])
    path.symlink_to(target)
    return f"a link to {target}"


def folder(path: Path, rng: Random) -> str:
    """A folder of that name, with a folder in it."""
    _gone(path)
    (path / "inside").mkdir(parents=True)
    return "a folder instead"


def forbidden(path: Path, rng: Random) -> str:
    """Not for this user."""
    path.chmod(0)
    return "no permission"


def forbidden_folder(path: Path, rng: Random) -> str:
    """The folder it lies in is not for this user."""
    path.parent.chmod(rng.choice([0, stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH]))
    return "no permission for its folder"


PLACES: tuple[Change, ...] = (
    *(missing, linked_to_itself, dangling, linked_up, pipe, plug, device, folder),
    *(forbidden, forbidden_folder),
)
