"""Whether the files that a killed process left can be read to their end."""

import csv
import json
import zlib
from pathlib import Path

from PIL import Image
from safetensors import safe_open

from napari_unlearn.reading.journal import read_journal


def torn(folder: Path) -> list[str]:
    """What is wrong with the files below a folder, one line each.

    Files that are still being written are called `.part.NAME` and do not count.
    """
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.name.startswith("."):
            try:
                _read(path)
            except Exception as error:
                found.append(f"{path.name}: {type(error).__name__}: {error}")
    return found


def _read(path: Path) -> None:
    """Read a file as its readers do; whatever they raise is damage."""
    if path.suffix == ".safetensors":
        with safe_open(path, framework="np") as stream:
            for key in stream.keys():  # noqa: SIM118
                stream.get_tensor(key)
    elif path.suffix == ".json":
        json.loads(path.read_text())
    elif path.suffix == ".jsonl":
        # Lines are added one by one; only the last can be torn, and readers skip it.
        *lines, _ = path.read_text().split("\n")
        for line in lines:
            json.loads(line)
    elif path.name.startswith("reader-"):
        read_journal(path)
    elif path.suffix == ".csv":
        rows = list(csv.reader(path.read_text().splitlines()))
        if len({len(row) for row in rows}) > 1:
            raise ValueError("rows of different length")
    elif path.suffix == ".png":
        with Image.open(path) as picture:
            picture.load()
    elif path.suffix in (".pdf", ".svg", ".html"):
        end = {".pdf": b"%%EOF", ".svg": b"</svg>", ".html": b"</html>"}[path.suffix]
        if not path.read_bytes().rstrip().endswith(end):
            raise ValueError("ends in the middle")


def checksum(folder: Path, names: tuple[str, ...]) -> int:
    """CRC-32 over some files, to see that nobody changed them."""
    value = 0
    for name in names:
        value = zlib.crc32((folder / name).read_bytes(), value)
    return value
