"""Checkpoints, adapters and resume files in safetensors, and what can be wrong with them."""

import json
from pathlib import Path
from random import Random
from typing import Any

import torch
from safetensors.torch import save

from napari_unlearn.models.adapter_file import AdapterCard, Adapters, save_adapters
from napari_unlearn.models.card import Card
from napari_unlearn.models.checkpoint import save_checkpoint, sha256
from napari_unlearn.models.lora import attach_adapters
from napari_unlearn.models.registry import build
from napari_unlearn.unlearning.resume import FILE, Progress, save_progress
from tests.fuzz.kind import Change, Kind

TINY = {"cascades": 1, "channels": 2, "pools": 1, "sens_channels": 2, "sens_pools": 1}
MED3D = {"depth": 10, "in_channels": 1, "classes": 4, "width": 2, "widest": 8}
_ODD: tuple[Any, ...] = (
    *(None, True, -1, 0, 1, 3, 10**6, 10**9, 2**31, 2**63, 10**30, 10**400, 1.5, 1e300),
    *("", "x", "../../../canary", "/canary", "\x00", "a\nb\x1b[31m", "A" * 10**5),
    *([], {}, [[1]], {"a": {"b": 1}}, ["1", "2"], float("nan"), float("inf")),
)


def _files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.safetensors"))


def _parts(path: Path) -> tuple[dict[str, Any], bytes]:
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def _join(path: Path, header: object, body: bytes, length: int | None = None) -> None:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes((len(text) if length is None else length).to_bytes(8, "little") + text + body)


def _leaf(rng: Random, entry: Any) -> tuple[Any, Any]:
    """A container somewhere inside, and a key or index of it."""
    keys = list(entry) if isinstance(entry, dict) else list(range(len(entry)))
    if not keys:
        return entry, "new" if isinstance(entry, dict) else None
    key = rng.choice(keys)
    inner = entry[key]
    if isinstance(inner, dict | list) and rng.random() < 0.7:
        return _leaf(rng, inner)
    return entry, key


def odd_entry(folder: Path, rng: Random) -> str:
    """A shape, type or place of a tensor that cannot be."""
    path = rng.choice(_files(folder))
    header, body = _parts(path)
    name = rng.choice([name for name in header if name != "__metadata__"])
    container, key = _leaf(rng, header[name])
    value = rng.choice((*_ODD, [2**40, 2**40], "F8_E4M3", "BF16", "BOOL", [0, 2**62], [8, 4]))
    if key is not None:
        container[key] = value
    _join(path, header, body)
    return f"{name}: {key} = {str(value)[:30]!r}"


def odd_card(folder: Path, rng: Random) -> str:
    """A value of the card that cannot be, or that leads elsewhere."""
    path = rng.choice(_files(folder))
    header, body = _parts(path)
    metadata = header.get("__metadata__", {})
    name = rng.choice(list(metadata) or ["card"])
    try:
        card = json.loads(metadata.get(name, "{}"))
    except ValueError:
        card = metadata[name]
    value = rng.choice(_ODD)
    key: object = ""
    if isinstance(card, dict):
        container, key = _leaf(rng, card)
        if rng.random() < 0.15:
            container, key = card, rng.choice(["__class__", "new", "architecture", "parameters"])
        container[key] = value
        metadata[name] = json.dumps(card)
    else:
        metadata[name] = value if isinstance(value, str) else json.dumps(value)
    header["__metadata__"] = metadata
    _join(path, header, body)
    return f"{name} {key} = {str(value)[:30]!r}"


def larger_network(folder: Path, rng: Random) -> str:
    """A card that claims a network of absurd size."""
    path = rng.choice(_files(folder))
    header, body = _parts(path)
    metadata = header.get("__metadata__", {})
    if "card" not in metadata:
        return "nothing"
    card = json.loads(metadata["card"])
    key = rng.choice(list(card["parameters"]))
    number = rng.choice([0, -1, 10, 63, 1000, 10**5, 10**7, 10**9, 2**40, 2**63, 1e9, True, "2"])
    card["parameters"][key] = number
    metadata["card"] = json.dumps(card)
    _join(path, header, body)
    return f"parameters.{key} = {number}"


def odd_header(folder: Path, rng: Random) -> str:
    """A header of an impossible length, nested without end, or with a key twice."""
    path = rng.choice(_files(folder))
    header, body = _parts(path)
    text = json.dumps(header).encode()
    lengths = [0, 1, 2, len(text) - 1, len(text) + 1, 2**24, 2**31, 2**40, 2**63, 2**64 - 1]
    deep = rng.choice([500, 100_000])
    texts = [
        b'{"a":' * deep + b"1" + b"}" * deep,
        b"[" * deep + b"]" * deep,
        text[:-1] + b"," + text[1:],
        text[:1] + b'"__metadata__":{"card":' + b"[" * deep + b"]" * deep + b"}," + text[1:],
        b'{"__metadata__":{"card":"' + b"x" * 10**6 + b'"}}',
        b'{"a":' + b"9" * 10_000 + b"}",
        b"{}" + b" " * 1000,
        b'{"\\ud800": {"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
        text.replace(b"F32", b"F32\\u0000"),
    ]
    if rng.random() < 0.4:
        length = rng.choice(lengths)
        _join(path, text, body, length)
        return f"a header of {length} bytes"
    chosen = rng.choice(texts)
    _join(path, chosen, body)
    return f"the header {chosen[:24]!r}, {len(chosen)} bytes"


def odd_weights(folder: Path, rng: Random) -> str:
    """NaN, infinity or garbage for weights."""
    path = rng.choice(_files(folder))
    header, body = _parts(path)
    what = rng.choice([b"\xff", b"\0\0\x80\x7f", rng.randbytes(8)])
    _join(path, header, (what * len(body))[: len(body)])
    return f"weights are {what!r} throughout"


def other_tensors(folder: Path, rng: Random) -> str:
    """Weights of another shape or type, too many of them, or none."""
    path = rng.choice(_files(folder))
    header, _ = _parts(path)
    metadata = header.get("__metadata__", {})
    types = (torch.float16, torch.int8, torch.bool, torch.float64, torch.int64, torch.bfloat16)
    names = [name for name in header if name != "__metadata__"]
    tensors = {name: torch.zeros([int(n) for n in header[name]["shape"]]) for name in names}
    name = rng.choice(names)
    how = rng.choice(["type", "shape", "more", "fewer", "none", "scalar"])
    if how == "type":
        tensors[name] = tensors[name].to(rng.choice(types))
    elif how == "shape":
        tensors[name] = torch.zeros([rng.choice([0, 1, 2, 3]) for _ in range(rng.randrange(5))])
    elif how == "more":
        tensors[rng.choice(["x", "../up", "a.A", "a.B", "mask.x", "", name + "."])] = torch.ones(2)
    elif how == "fewer":
        del tensors[name]
    elif how == "scalar":
        tensors[name] = torch.tensor(1.0)
    else:
        tensors = {}
    path.write_bytes(save(tensors, {key: str(value) for key, value in metadata.items()}))
    return f"weights '{name}': {how}"


_CHANGES: tuple[Change, ...] = (
    *(odd_entry, odd_entry, odd_card, odd_card, odd_card, larger_network, odd_header),
    *(odd_weights, other_tensors, other_tensors),
)


def kinds(folder: Path) -> list[Kind]:
    """Good files, made in a folder."""
    model, card = build("varnet", TINY), Card(architecture="varnet", parameters=TINY, title="a")
    parent = folder / "parent.safetensors"
    save_checkpoint(parent, model, card)
    heads = folder / "heads.safetensors"
    save_checkpoint(heads, build("med3d", MED3D), Card(architecture="med3d", parameters=MED3D))
    attach_adapters(model, 2, 2.0, 0)
    for name, weight in model.named_parameters():
        if name.endswith(".B"):
            torch.nn.init.ones_(weight)
    about = AdapterCard(
        parent=sha256(parent),
        merged=sha256(parent),
        strategy="ft",
        rank=2,
        alpha=2.0,
        before=card,
        after=card,
    )
    save_adapters(folder / "adapters.safetensors", Adapters.of(model, about))
    plain = build("varnet", TINY)
    optimizer = torch.optim.Adam(plain.parameters())
    plain(
        torch.ones(1, 2, 8, 8, dtype=torch.complex64), torch.ones(1, 8).bool(), 4
    ).sum().backward()
    optimizer.step()
    save_progress(folder, "job", plain, optimizer, Progress(3, 1.0, 0.5, metrics={"a": 1.0}))
    adapters = {
        "runs/a/adapters.safetensors": (folder / "adapters.safetensors").read_bytes(),
        "runs/original/checkpoint.safetensors": parent.read_bytes(),
    }
    model_file = "m.safetensors"
    doors = ("model", "model", "info")
    return [
        Kind("checkpoint", {model_file: parent.read_bytes()}, model_file, doors, _CHANGES),
        Kind("med3d", {model_file: heads.read_bytes()}, model_file, doors, _CHANGES),
        Kind("adapters", adapters, "runs/a/adapters.safetensors", ("adapters", "info"), _CHANGES),
        Kind("resume", {FILE: (folder / FILE).read_bytes()}, FILE, ("resume",), _CHANGES),
    ]
