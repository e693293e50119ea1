"""Damage that needs no knowledge of a format."""

import os
import struct
from pathlib import Path
from random import Random

from tests.fuzz.kind import Change

NUMBERS = (0, 1, -1, 2**7, 2**15 - 1, 2**16 - 1, 2**31 - 1, 2**32 - 1, 2**63 - 1, -(2**63))
SPARSE = 2**36
"""Bytes that a file claims to have without taking up room."""


def _content(path: Path) -> bytearray:
    return bytearray(path.read_bytes()) if path.is_file() else bytearray()


def _place(content: bytes, rng: Random) -> int:
    """Somewhere in a file, half of the time near its front, where headers lie."""
    reach = len(content) if rng.random() < 0.5 else min(len(content), 600)
    return rng.randrange(max(reach, 1))


def truncated(path: Path, rng: Random) -> str:
    """Cut off."""
    content = _content(path)
    size = _place(content, rng)
    path.write_bytes(content[:size])
    return f"cut to {size} of {len(content)} bytes"


def flipped(path: Path, rng: Random) -> str:
    """A few bytes are others."""
    content = _content(path)
    count = rng.randrange(1, 9) if content else 0
    for _ in range(count):
        place = _place(content, rng)
        content[place] = rng.choice([0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)])
    path.write_bytes(content)
    return f"{count} bytes changed"


def bit_flipped(path: Path, rng: Random) -> str:
    """One bit, as a failing disk turns it over."""
    content = _content(path)
    place = _place(content, rng)
    if content:
        content[place] ^= 1 << rng.randrange(8)
    path.write_bytes(content)
    return f"a bit turned at {place}"


def numbered(path: Path, rng: Random) -> str:
    """A number of 2, 4 or 8 bytes that limits are made of."""
    content = _content(path)
    size, code = rng.choice([(2, "H"), (4, "I"), (8, "Q")])
    order, number = rng.choice("<>"), rng.choice(NUMBERS) % 2 ** (8 * size)
    place = _place(content, rng) // size * size
    content[place : place + size] = struct.pack(order + code, number)
    path.write_bytes(content)
    return f"{number} in {size} bytes at {place}"


def zeroed(path: Path, rng: Random) -> str:
    """A block of zeros, as a power cut leaves it."""
    content = _content(path)
    place, size = _place(content, rng), rng.choice([16, 512, 4096])
    size = min(size, len(content) - place)
    content[place : place + size] = bytes(size)
    path.write_bytes(content)
    return f"{size} zeros at {place}"


def doubled(path: Path, rng: Random) -> str:
    """A block twice."""
    content = _content(path)
    place, size = _place(content, rng), rng.randrange(1, 600)
    content[place:place] = content[place : place + size]
    path.write_bytes(content)
    return f"{size} bytes doubled at {place}"


def dropped(path: Path, rng: Random) -> str:
    """A block left out."""
    content = _content(path)
    place, size = _place(content, rng), rng.randrange(1, 600)
    del content[place : place + size]
    path.write_bytes(content)
    return f"{size} bytes left out at {place}"


def stuffed(path: Path, rng: Random) -> str:
    """Noise, or one character without end, put in between or behind."""
    content = _content(path)
    place = rng.choice([_place(content, rng), len(content)])
    more = rng.choice([rng.randbytes(300), b"A" * 2**17, b"\xff" * 5000, b"[" * 2**17, b"\0" * 64])
    content[place:place] = more
    path.write_bytes(content)
    return f"{len(more)} bytes of {more[:1]!r} put in at {place}"


def replaced(path: Path, rng: Random) -> str:
    """Something else altogether."""
    content = rng.choice(
        [
            *(b"", b"\0", b"\n", b"hello", rng.randbytes(1000), b"\0" * 10_000, b"{" * 9),
            *(b"\x89HDF\r\n\x1a\n", b"PK\x03\x04" + bytes(40), b"\x1f\x8b\x08" + bytes(30)),
            *(b"\x80\x02}q\x00.", bytes(128) + b"DICM", (2**62).to_bytes(8, "little") + b"{"),
            b"\x80\x04\x95" + b"\xff" * 8,
        ]
    )
    path.write_bytes(content)
    return f"replaced by {content[:12]!r} ({len(content)} bytes)"


def grown(path: Path, rng: Random) -> str:
    """Grown to 64 GiB without taking up room."""
    os.truncate(path, SPARSE)
    return "grown to 64 GiB of zeros"


DAMAGE: tuple[Change, ...] = (
    *(truncated, flipped, flipped, flipped, bit_flipped, bit_flipped, numbered, numbered),
    *(zeroed, doubled, dropped, stuffed, replaced),
    grown,
)
