"""What a checkpoint file says about itself, found without running or importing anything."""

import io
import json
import math
import pickletools
import re
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_unlearn.errors import reason
from napari_unlearn.io.errors import ReadError

_MOST_HEADER = 2**24
"""Longest safetensors header and pickle that is looked at [bytes]."""
_TORCH_MAGIC = 0x1950A86A20F9469CFC6C
"""First number in files of torch.save before version 1.6."""
_LEGACY_PICKLES = 5

# What torch.load(weights_only=True) imports without being told to (torch 2.x,
# torch/_weights_only_unpickler.py); any other name in a pickle is code of a stranger.
_ALLOWED = re.compile(
    r"collections\.(OrderedDict|Counter)"
    r"|(builtins|__builtin__)\.(bytearray|set|complex)"
    r"|_codecs\.encode"
    r"|torch\.(Size|Tensor|device|\w*Storage|bool|b?float\w+|u?int\d+|complex\d+|q\w+)"
    r"|torch\.(storage\.(Typed|Untyped)Storage|nn\.parameter\.Parameter)"
    r"|torch\._utils\._rebuild_\w+"
    r"|torch\.(_tensor\._rebuild_from_type_v2|serialization\._get_layout)"
)
_TEXT = ("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "STRING", "BINSTRING")
_IMPORTS = ("INST", "EXT1", "EXT2", "EXT4")


@dataclass(frozen=True)
class SafetensorsHeader:
    """The JSON text at the start of a safetensors file."""

    tensors: int
    parameters: int
    """Numbers in all tensors."""
    card: dict[str, Any] | None
    """Our card, unvalidated; `models.checkpoint.read_card` validates."""


def read_safetensors_header(path: Path) -> SafetensorsHeader:
    """Read and check the header; tensors themselves are not read.

    Raises:
        ReadError: if the header is no JSON of the format, or the file is truncated.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= min(size - 8, _MOST_HEADER):
            raise ReadError(
                f"{path}: a truncated safetensors file; its header claims {length} of {size} bytes."
            )
        text = file.read(length)
    try:
        header = json.loads(text)
        metadata = header.pop("__metadata__", {})
        tensors = [(entry["shape"], entry["data_offsets"]) for entry in header.values()]
        end = max((offsets[1] for _, offsets in tensors), default=0)
        parameters = sum(math.prod(shape) for shape, _ in tensors)
        card = json.loads(metadata["card"]) if "card" in metadata else None
        broken = end > size - 8 - length
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError) as error:
        raise ReadError(f"{path}: not a safetensors file; its header is unusable.") from error
    if broken or not (card is None or isinstance(card, dict)):
        raise ReadError(
            f"{path}: a damaged safetensors file; its header claims {end} bytes of weights, "
            f"{size - 8 - length} are there."
        )
    return SafetensorsHeader(len(tensors), parameters, card)


def check_pytorch_file(path: Path) -> int:
    """Look through a file of torch.save without unpickling it; returns its number of tensors.

    Raises:
        ReadError: if loading it would import anything but torch's own tensors, or it is no
            file of torch.save.
    """
    try:
        pickles, tensors = _pickles(path)
        for content in pickles:
            _refuse_code(path, content)
    except (
        zipfile.BadZipFile,
        zlib.error,
        OSError,
        EOFError,
        ValueError,
        RuntimeError,
        IndexError,
        OverflowError,
    ) as error:
        raise ReadError(f"{path}: a damaged PyTorch pickle file ({reason(error)}).") from error
    return tensors


def pytorch_texts(path: Path) -> frozenset[str]:
    """Texts in the pickles of a file that `check_pytorch_file` let pass: its keys among them."""
    return frozenset(
        str(argument)
        for content in _pickles(path)[0]
        for opcode, argument, _ in pickletools.genops(content)
        if opcode.name in _TEXT
    )


def _pickles(path: Path) -> tuple[list[bytes], int]:
    """The pickles in a file and the number of tensors stored beside them."""
    with path.open("rb") as file:
        start = file.read(_MOST_HEADER)
    if not start.startswith(b"PK"):
        return _legacy_pickles(path, start), 0
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        found = [entry for entry in entries if entry.filename.endswith(".pkl")]
        if not any(entry.filename.endswith("/data.pkl") for entry in found):
            raise ReadError(f"{path}: a zip archive without PyTorch's data.pkl.")
        if any(entry.file_size > _MOST_HEADER for entry in found):
            raise ReadError(f"{path}: its pickle is larger than {_MOST_HEADER >> 20} MiB.")
        tensors = sum("/data/" in entry.filename for entry in entries)
        return [archive.read(entry) for entry in found], tensors


def _legacy_pickles(path: Path, content: bytes) -> list[bytes]:
    # Code is looked for before the form is: a hostile file should be called that.
    stream = io.BytesIO(content)
    pickles: list[bytes] = []
    first: list[object] = []
    while len(pickles) < _LEGACY_PICKLES:
        start = stream.tell()
        arguments = [argument for _, argument, _ in pickletools.genops(stream)]
        pickles.append(content[start : stream.tell()])
        _refuse_code(path, pickles[-1])
        first = first or arguments
        if _TORCH_MAGIC not in first:
            raise ReadError(f"{path}: a Python pickle, but none that torch.save wrote.")
    return pickles


def _refuse_code(path: Path, content: bytes) -> None:
    named, guessed = _imported_names(content)
    wanted = [name for name in named + guessed if not _ALLOWED.fullmatch(name)]
    if wanted:
        raise ReadError(
            f"{path}: a PyTorch pickle file with code in it (loading would call '{wanted[0]}'); "
            "refused, nothing was executed; only weights are accepted."
        )
    if guessed:
        raise ReadError(
            f"{path}: a PyTorch pickle file that decides only while loading what it calls; "
            "refused, nothing was executed; save the weights with torch.save's default protocol."
        )


def _imported_names(content: bytes) -> tuple[list[str], list[str]]:
    """Names that a pickle would import for certain, and those it builds while it runs.

    The latter (opcodes that torch refuses as well) can only be guessed from the texts before.
    """
    named: list[str] = []
    guessed: list[str] = []
    texts: list[str] = []
    for opcode, argument, _ in pickletools.genops(content):
        if opcode.name == "GLOBAL":
            named.append(str(argument).replace(" ", "."))
        elif opcode.name == "STACK_GLOBAL":
            guessed.append(".".join(texts[-2:]))
        elif opcode.name in _IMPORTS:
            guessed.append(str(argument).replace(" ", "."))
        elif opcode.name in _TEXT:
            texts.append(str(argument))
    return named, guessed
