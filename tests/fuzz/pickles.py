"""PyTorch files, and everything that a stranger can hide in one."""

import io
import pickle
import struct
import zipfile
from pathlib import Path
from random import Random

import torch

from napari_unlearn.models.registry import build
from tests.fuzz.kind import Change, Kind
from tests.fuzz.tensors import MED3D, TINY

CALLS = (
    ("posix", "system"),
    ("os", "system"),
    ("builtins", "eval"),
    ("builtins", "exec"),
    ("builtins", "getattr"),
    ("subprocess", "Popen"),
    ("pathlib", "Path"),
    ("torch", "load"),
    ("torch.utils.model_zoo", "load_url"),
    ("torch.hub", "load"),
    ("numpy", "load"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("collections", "OrderedDict"),
    ("torch._utils", "_rebuild_tensor_v2"),
    ("torch", "storage"),
    ("torch.nn.parameter", "Parameter"),
    ("napari_unlearn.atomic", "write_whole"),
    ("shutil", "rmtree"),
)
COMMAND = "touch canary"


class Call:
    """Pickles to a call of anything, with a command that leaves a file behind."""

    def __init__(self, module: str, name: str) -> None:
        self.what = (module, name)

    def pickled(self, protocol: int, how: str) -> bytes:
        """The opcodes that call it."""
        module, name = (part.encode() for part in self.what)
        text = COMMAND.encode()
        if how == "global":
            find = b"c" + module + b"\n" + name + b"\n"
        elif how == "stack":
            find = b"\x8c" + bytes([len(module)]) + module + b"\x8c" + bytes([len(name)]) + name
            find += b"\x93"
        elif how == "inst":
            return (
                b"\x80\x02(X"
                + struct.pack("<I", len(text))
                + text
                + b"i"
                + module
                + b"\n"
                + (name + b"\n.")
            )
        else:
            find = b"(\x8c" + bytes([len(module)]) + module + b"1c" + module + b"\n" + name + b"\n"
        argument = b"X" + struct.pack("<I", len(text)) + text
        return b"\x80" + bytes([protocol]) + find + argument + b"\x85R."


def _file(folder: Path) -> Path:
    return next(
        path for path in sorted(folder.iterdir()) if path.suffix in (".pt", ".ckpt", ".pth")
    )


def _entries(path: Path) -> list[tuple[str, bytes]]:
    with zipfile.ZipFile(path) as archive:
        return [(entry.filename, archive.read(entry)) for entry in archive.infolist()]


def _archive(path: Path, entries: list[tuple[str, bytes]], packed: bool = False) -> None:
    how = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
    with zipfile.ZipFile(path, "w", how, compresslevel=9) as archive:
        for name, content in entries:
            archive.writestr(zipfile.ZipInfo(name), content, how)


def _pickle_of(path: Path) -> bytes:
    return next(content for name, content in _entries(path) if name.endswith("data.pkl"))


def _with_pickle(path: Path, content: bytes) -> None:
    entries = [(n, content if n.endswith("data.pkl") else c) for n, c in _entries(path)]
    _archive(path, entries)


def hostile(folder: Path, rng: Random) -> str:
    """A call of something while loading."""
    path = _file(folder)
    call, how = Call(*rng.choice(CALLS)), rng.choice(["global", "stack", "inst", "pop"])
    content = call.pickled(rng.choice([0, 2, 4, 5]), how)
    if rng.random() < 0.5:
        _with_pickle(path, content)
    else:
        path.write_bytes(content)
    return f"a call of {'.'.join(call.what)} ({how})"


def opcodes(folder: Path, rng: Random) -> str:
    """Opcodes that ask for huge memory, nest without end, or go round in circles."""
    path = _file(folder)
    forms = {
        "a text of 4 GiB": b"\x80\x02X\xff\xff\xff\xff",
        "bytes of 2**62": b"\x80\x04\x8e" + struct.pack("<Q", 2**62),
        "a number of 2**31 bytes": b"\x80\x02\x8b" + struct.pack("<i", 2**31 - 1),
        "a negative number of bytes": b"\x80\x02\x8b" + struct.pack("<i", -5),
        "a memo at 2**32": b"\x80\x02Nr\xff\xff\xff\xff.",
        "lists in lists": b"\x80\x02" + b"]" * 50_000 + b"a" * 49_999 + b".",
        "a list in itself": b"\x80\x02]q\x00h\x00a.",
        "tuples in tuples": b"\x80\x02N" + b"\x85" * 50_000 + b".",
        "a frame of 2**63": b"\x80\x04\x95" + struct.pack("<Q", 2**63) + b"N.",
        "doubling": b"\x80\x02]q\x00" + b"(h\x00h\x00e" * 30 + b".",
        "nothing to take": b"\x80\x020000.",
        "a persistent id": b"\x80\x02X\x01\x00\x00\x00aQ.",
        "no end": b"\x80\x02N",
        "an extension": b"\x80\x02\x82\x01.",
        "a deep number": b"\x80\x02L" + b"9" * 10_000 + b"L\n.",
        "protocol 255": b"\x80\xffN.",
        "a plain dict": pickle.dumps({"state_dict": {"a": 1}}, 2),
        "a plain list": pickle.dumps([1, 2], 2),
    }
    name = rng.choice(list(forms))
    if rng.random() < 0.6:
        _with_pickle(path, forms[name])
    else:
        path.write_bytes(forms[name])
    return name


def patched_pickle(folder: Path, rng: Random) -> str:
    """A few bytes of the pickle are others; the archive around it is whole."""
    path = _file(folder)
    content = bytearray(_pickle_of(path))
    count = rng.randrange(1, 6)
    for _ in range(count):
        content[rng.randrange(len(content))] = rng.randrange(256)
    _with_pickle(path, bytes(content))
    return f"{count} bytes of the pickle changed"


def odd_archive(folder: Path, rng: Random) -> str:
    """Names that lead out of it, storages missing, packed, or of another size."""
    path = _file(folder)
    entries = _entries(path)
    root = entries[0][0].split("/")[0]
    how = rng.choice(
        ["up", "missing", "packed", "short", "twice", "bomb", "script", "many", "no byte order"]
    )
    if how == "up":
        entries += [("../../canary", b"x"), ("/canary", b"x"), (f"{root}/data/../../c", b"x")]
    elif how == "missing":
        entries = [e for e in entries if rng.random() < 0.7 or e[0].endswith("data.pkl")]
    elif how == "short":
        entries = [(n, c[: len(c) // 2] if "/data/" in n else c) for n, c in entries]
    elif how == "twice":
        entries += [e for e in entries if e[0].endswith("data.pkl")]
    elif how == "bomb":
        entries.append((f"{root}/data/999", bytes(2**27)))
    elif how == "script":
        entries += [(f"{root}/constants.pkl", b"\x80\x02)."), (f"{root}/code/a.py", b"import os")]
    elif how == "many":
        entries += [(f"{root}/data/{n + 1000}", b"") for n in range(5000)]
    else:
        entries = [e for e in entries if "byteorder" not in e[0] and "version" not in e[0]]
    _archive(path, entries, packed=how in ("packed", "bomb") or rng.random() < 0.2)
    return f"archive: {how}"


def odd_content(folder: Path, rng: Random) -> str:
    """Something else than named weights, saved by torch itself."""
    path = _file(folder)
    weights = torch.load(path, weights_only=True)
    inner = weights.get("state_dict", weights)
    name = rng.choice(list(inner))
    huge = torch.zeros(1).expand(2**20, 2**20)
    tensors = {
        "a tensor of 2**40 numbers in one": torch.as_strided(
            torch.zeros(1), (2**20, 2**20), (0, 0)
        ),
        "expanded": huge,
        "sparse": torch.sparse_coo_tensor(torch.tensor([[0], [0]]), torch.ones(1), (2**30, 2**30)),
        "quantised": torch.quantize_per_tensor(torch.zeros(3), 0.1, 0, torch.qint8),
        "meta": torch.empty(2**20, 2**20, device="meta"),
        "complex": inner[name].to(torch.complex64),
        "whole numbers": inner[name].to(torch.int8),
        "scalar": torch.tensor(1.0),
        "empty": torch.zeros(0, 3),
        "nan": torch.full_like(inner[name], float("nan")) if inner[name].ndim else torch.ones(2),
        "other axes": inner[name].reshape(-1),
        "text": "a text",
        "nested": {"a": {"b": torch.zeros(2)}},
    }
    what = rng.choice(list(tensors))
    inner[name] = tensors[what]
    if rng.random() < 0.2:
        inner = {str(k) + rng.choice([".x", "/../", "\n", "\x00"]): v for k, v in inner.items()}
    if rng.random() < 0.2:
        inner = rng.choice(
            [
                list(inner.values()),
                {1: 2},
                {},
                {"state_dict": []},
                3,
                {"state_dict": inner, "hyper_parameters": {"a": [1]}},
            ]
        )
    stream = io.BytesIO()
    torch.save(inner, stream, _use_new_zipfile_serialization=rng.random() < 0.8 or what == "meta")
    path.write_bytes(stream.getvalue())
    return f"'{name}' {what}"


def renamed(folder: Path, rng: Random) -> str:
    """Keys that claim another network: more cascades, pools or blocks than weights."""
    path = _file(folder)
    content = torch.load(path, weights_only=True)
    inner = content.get("state_dict", content)
    number = rng.choice(["9", "1000000000", "-1", "x", "", "0.0"])
    changed = {k.replace(".0.", f".{number}.", rng.choice([1, 1, 2])): v for k, v in inner.items()}
    if rng.random() < 0.5:
        changed = {**inner, **changed}
    torch.save(changed, path)
    return f"a number in the keys is '{number}'"


_CHANGES: tuple[Change, ...] = (
    *(hostile, hostile, opcodes, patched_pickle, patched_pickle, odd_archive, odd_content),
    *(odd_content, renamed),
)


def kinds(folder: Path) -> list[Kind]:
    """Good files, made in a folder."""
    state = build("varnet", TINY).state_dict()
    heads = {f"module.{k}": v for k, v in build("med3d", MED3D).state_dict().items()}

    def saved(content: object, **options: bool) -> bytes:
        stream = io.BytesIO()
        torch.save(content, stream, **options)
        return stream.getvalue()

    doors = ("model", "model", "info")
    lightning = saved({"state_dict": {f"varnet.{k}": v for k, v in state.items()}})
    return [
        Kind("fastmri-pt", {"m.pt": saved(state)}, "m.pt", doors, _CHANGES),
        Kind("lightning", {"m.ckpt": lightning}, "m.ckpt", doors, _CHANGES),
        Kind("medicalnet", {"m.pth": saved({"state_dict": heads})}, "m.pth", doors, _CHANGES),
        Kind(
            "legacy-pt",
            {"m.pt": saved(state, _use_new_zipfile_serialization=False)},
            "m.pt",
            doors,
            (),
        ),
    ]
