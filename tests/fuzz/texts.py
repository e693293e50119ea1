"""Experiments, reading studies and results: text files, and what can be wrong with them."""

import io
import json
import tomllib
from dataclasses import asdict
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from PIL import Image

from napari_unlearn.evaluation.overlap import StructureScore
from napari_unlearn.evaluation.results import write_results
from napari_unlearn.evaluation.subject_results import SubjectResult, SubjectScore, write_subjects
from napari_unlearn.evaluation.table import RunResult, Sample
from napari_unlearn.io.fastmri import write_fastmri
from napari_unlearn.models.card import Card
from napari_unlearn.reading.judgement import _check
from napari_unlearn.reading.reading import Reading
from napari_unlearn.reading.region import Region
from napari_unlearn.unlearning.events import EpochEnd, Step
from tests.experiment.file_text import toml
from tests.fuzz.kind import Change, Kind
from tests.fuzz.tensors import MED3D, TINY
from tests.io.test_fastmri import make_scan
from tests.reading.studies import write_study

PLACES = (
    *("../../etc/passwd", "/etc/passwd", "/", "~nobody-at-all/x", "~/x", ".", "", " ", "a\x00b"),
    *("/**/*", "**/*.h5", "/proc/**/*", "[", "[!", "{subject}", "*" * 300, "a/" * 3000, "x" * 300),
    *(
        "/dev/zero",
        "con",
        "\\\\server\\share",
        "file:///etc/passwd",
        "data/retain/../../../..",
        "../*",
    ),
    *("$HOME/x", "`touch canary`", "; touch canary", "\u202eh5.exe", "a\nb", "data/*/*"),
)
ODD: tuple[Any, ...] = (
    *(None, True, False, -1, 0, 1, 2, 10**6, 2**31, 2**63 - 1, 1.5, -0.0, 1e308, 1e-320),
    *(float("nan"), float("inf"), [], {}, [1, "a"], [[["a"]]], {"a": {"b": {}}}, "A" * 10**5),
    *PLACES,
)


def _leaf(rng: Random, entry: Any) -> tuple[Any, Any]:
    keys = list(entry) if isinstance(entry, dict) else list(range(len(entry)))
    key = rng.choice(keys)
    inner = entry[key]
    if isinstance(inner, dict | list) and inner and rng.random() < 0.8:
        return _leaf(rng, inner)
    return entry, key


def _written(table: dict[str, Any]) -> str:
    return "\n".join(f"{json.dumps(key)} = {toml(value)}" for key, value in table.items()) + "\n"


def _toml_file(folder: Path) -> Path:
    return next(path for path in sorted(folder.rglob("*.toml")))


def odd_value(folder: Path, rng: Random) -> str:
    """A value that the key does not take, or a path that leads elsewhere."""
    path = _toml_file(folder)
    table = tomllib.loads(path.read_text())
    container, key = _leaf(rng, table)
    value = rng.choice(ODD)
    if value is None:
        del container[key]
    else:
        container[key] = value
    path.write_text(_written(table), encoding="utf-8", errors="surrogatepass")
    return f"{key} = {str(value)[:30]!r}"


def odd_key(folder: Path, rng: Random) -> str:
    """A key that nobody knows, endless, or twice."""
    path = _toml_file(folder)
    text = path.read_text()
    key = rng.choice(
        ['"' + "k" * 10**5 + '"', '"a\\u001b[31m"', "name", '"__class__"', '""', "a.b.c"]
    )
    line = f"{key} = {toml(rng.choice(ODD[1:]))}\n"
    path.write_text(line + text if rng.random() < 0.5 else text + line, encoding="utf-8")
    return f"a key {key[:20]!r}"


def odd_text(folder: Path, rng: Random) -> str:
    """Nesting without end, numbers of ten thousand digits, another encoding."""
    path = _toml_file(folder)
    text = path.read_text()
    deep = rng.choice([100, 900, 100_000])
    forms = [
        "a = " + "[" * deep + "]" * deep + "\n" + text,
        "a = " + "{b=" * deep + "1" + "}" * deep + "\n" + text,
        "[" + ".".join(["a"] * deep) + "]\n",
        text + "\n[" + ".".join(["a"] * deep) + "]\nb = 1\n",
        "seed = " + "9" * 10_000 + "\n" + text.replace("seed", "other"),
        "seed = 1e" + "9" * 400 + "\n",
        "seed = 0x" + "f" * 5000 + "\n",
        "name = 1979-05-27T07:32:00Z\n" + text.replace("name", "other", 1),
        "#" * (1 << 20) + "\n" + text,
        text.replace("\n", "\r"),
        text.replace("=", "==", 1),
        "\ufeff" * 3 + text,
        "a.b = 1\na.b.c = 2\n",
        "".join(f"k{n} = {n}\n" for n in range(20_000)) + text,
        "[[x]]\n" * 50_000,
    ]
    chosen = rng.choice(forms)
    coding = rng.choice(["utf-8", "utf-8", "utf-16", "latin-1"])
    path.write_bytes(chosen.encode(coding, errors="replace"))
    return f"{chosen[:12]!r}... in {coding}"


_TOML: tuple[Change, ...] = (odd_value, odd_value, odd_value, odd_key, odd_text)


def odd_journal(folder: Path, rng: Random) -> str:
    """Cells that are no judgement, in lines whose checksums are right."""
    path = next(iter(sorted(folder.rglob("reader-*.csv"))))
    lines = path.read_bytes().rstrip(b"\n").split(b"\n")
    place = rng.randrange(1, len(lines))
    cells = lines[place].rpartition(b",")[0].split(b",", 8)
    column = rng.randrange(9)
    one = b'[{""shape"":""polygon"",""slice"":0,""pixels"":[[%s,1]],""mm"":[[0,1]],""area_mm2"":1}]'
    value = rng.choice(
        [
            *(b"", b"6", b"-1", b"1e999", b"nan", b"9" * 5000, b"x" * 10**5, b'"a""b"', b'"'),
            *(b"\xff", b"=cmd|' /C calc'!A0", b"\x00", b'"a\rb"', b'"{}"', b"null", b"true"),
            *(b"\xe2\x80\xae", b"1.5", b'"' + b"[" * 10**5 + b'"'),
            *(b'"' + one % corner + b'"' for corner in (b"9" * 400, b"1e999", b"NaN", b"null")),
        ]
    )
    column = 8 if value.startswith((b'"[', b'"{')) else column
    cells[column] = value
    body = b",".join(cells)
    lines[place] = body + b"," + _check(body)
    path.write_bytes(b"\n".join(lines) + b"\n")
    return f"line {place + 1}, column {column}: {value[:30]!r}"


def odd_lines(folder: Path, rng: Random) -> str:
    """Lines twice, torn, mixed, of another reader, or very many."""
    path = next(iter(sorted(folder.rglob("reader-*.csv"))))
    content = path.read_bytes()
    lines = content.split(b"\n")
    forms = {
        "no head": b"\n".join(lines[1:]),
        "head alone": lines[0],
        "head twice": lines[0] + b"\n" + content,
        "shuffled": b"\n".join([lines[0], *rng.sample(lines[1:], len(lines) - 1)]),
        "zeros behind": content + bytes(5000),
        "Windows": content.replace(b"\n", b"\r\n"),
        "torn": content[: -rng.randrange(1, 60)],
        "many": lines[0] + b"\n" + (lines[1] + b"\n") * 3000,
        "one long line": lines[0] + b"\n" + b"x" * 2**21,
        "a byte order mark": b"\xef\xbb\xbf" + content,
    }
    name = rng.choice(list(forms))
    path.write_bytes(forms[name])
    return name


def odd_json(folder: Path, rng: Random) -> str:
    """A value in a JSON file that is none of its kind; or nesting without end."""
    path = next(p for p in sorted(folder.rglob("*")) if p.suffix in (".json", ".geojson", ".jsonl"))
    return spoil_json(path, rng)


def spoil_json(path: Path, rng: Random) -> str:
    """The same, in a file of one's choice."""
    text = path.read_text()
    if rng.random() < 0.2:
        deep = rng.choice([500, 100_000])
        chosen = rng.choice(["[" * deep + "]" * deep, '{"a":' * deep + "1" + "}" * deep])
        chosen = rng.choice(
            [chosen, f'{{"runs": {chosen}}}', "9" * 10_000, "NaN", '"a"', "[]", "1"]
        )
        path.write_text(chosen)
        return f"{chosen[:20]!r}..."
    before, lines = "", text
    if path.suffix == ".jsonl":
        before, _, lines = text.rstrip("\n").rpartition("\n")
    table = json.loads(lines)
    said = spoil(table, rng)
    path.write_text((before + "\n" if before else "") + json.dumps(table))
    return said


def spoil(table: Any, rng: Random) -> str:
    """Put an odd value somewhere into a table or list."""
    container, key = _leaf(rng, table)
    value = container[key] = rng.choice((*ODD, 10**400))
    return f"{key} = {str(value)[:30]!r}"


def picture_bomb(folder: Path, rng: Random) -> str:
    """A picture of very many equal pixels, or of an odd type."""
    path = folder / "p.png"
    side = rng.choice([8000, 30_000])
    how = rng.choice(["bomb", "declared", "float", "palette", "many pages"])
    stream = io.BytesIO()
    if how == "bomb":
        Image.new("1", (side, side)).save(stream, "PNG")
    elif how == "declared":
        Image.new("L", (4, 4)).save(stream, "PNG")
        content = bytearray(stream.getvalue())
        content[16:24] = rng.choice([b"\xff" * 8, b"\0\0\xff\xff" * 2, bytes(8)])
        path.write_bytes(content)
        return "a declared size"
    elif how == "float":
        values = np.full((5, 5), rng.choice([np.nan, np.inf]), np.float32)
        Image.fromarray(values).save(stream, "TIFF")
    elif how == "palette":
        Image.new("P", (5, 5)).save(stream, "GIF")
    else:
        pages = [Image.new("L", (5, 5 + n % 2)) for n in range(40)]
        pages[0].save(stream, "TIFF", save_all=True, append_images=pages[1:])
    path.write_bytes(stream.getvalue())
    return how


EXPERIMENT = {
    "name": "sound",
    "seed": 3,
    "data": {
        "root": "",
        "retain": ["data/retain"],
        "forget": ["data/forget/*.h5"],
        "tests": {"held": ["data/held"]},
        "scans": {"retain": 1},
    },
    "sampling": {"kind": "equispaced", "acceleration": 4, "center_fraction": 0.08},
    "model": {"architecture": "varnet", "parameters": TINY},
    "training": {"epochs": 2, "learning_rate": 1e-3, "parent": "", "test_every": 1},
    "unlearning": {"epochs": 1, "steps": 4, "retain_fraction": 0.5, "learning_rate": 1e-3},
    "evaluation": {"planted_fault": False, "tissue": "marrow"},
}
HEADS = {
    "name": "heads",
    "task": "segmentation",
    "data": {
        "root": "s",
        "retain": ["1"],
        "forget": ["*"],
        "images": {"T1": "{subject}/pre/reg_T1.nii.gz"},
        "labels": "{subject}/segm.nii.gz",
    },
    "preprocessing": {"shape": [16, 16, 16]},
    "model": {"architecture": "med3d", "parameters": MED3D},
}


def kinds(folder: Path) -> list[Kind]:
    """Good files, made in a folder."""
    scans = {}
    for name in ("retain", "forget", "held"):
        path = write_fastmri(
            folder / f"{name}.h5", make_scan(slices=1, rows=12, columns=10, image=(8, 8))
        )
        scans[f"data/{name}/{name}.h5"] = path.read_bytes()
    experiment = {"experiment.toml": _written(EXPERIMENT).encode(), **scans}
    heads = {"experiment.toml": _written(HEADS).encode()}
    study = _study(folder / "study")
    results = _results(folder)
    ring = [[1, 1], [6, 1], [6, 6]]
    feature = {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [ring]}}
    outline = json.dumps({"type": "FeatureCollection", "features": [feature]}).encode()
    stream = io.BytesIO()
    Image.new("L", (6, 5), 7).save(stream, "PNG")
    journal = next(name for name in study if name.endswith(".csv"))
    written = (odd_journal, odd_journal, odd_lines)
    return [
        Kind("experiment", experiment, "experiment.toml", ("experiment", "check"), _TOML),
        Kind("heads", heads, "experiment.toml", ("experiment", "check"), _TOML),
        Kind("reading", study, "reading.toml", ("reading", "reveal"), _TOML),
        Kind("journal", study, "reading.toml", ("reveal",), written, hurt=journal),
        Kind("results", {"r.json": results[0]}, "r.json", ("results",), (odd_json,)),
        Kind(
            "subject-results", {"r.json": results[1]}, "r.json", ("subject results",), (odd_json,)
        ),
        Kind("events", {"events.jsonl": results[2]}, "events.jsonl", ("history",), (odd_json,)),
        Kind("outline", {"o.geojson": outline}, "o.geojson", ("outline",), (odd_json,)),
        Kind("picture", {"p.png": stream.getvalue()}, "p.png", ("image",), (picture_bomb,)),
    ]


def _study(folder: Path) -> dict[str, bytes]:
    study = write_study(folder, cases=2)
    reading = Reading(study, "Anna")
    corners = [(1, 1), (5, 1), (5, 5)]
    reading.mark((Region.drawn("polygon", 0, corners, (1, 1, 1)),))
    while not reading.finished:
        reading.answer(3)
    reading.close()
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in files
        if path.suffix != ".lock"
    }


def _results(folder: Path) -> tuple[bytes, bytes, bytes]:
    card = Card(architecture="varnet", parameters=TINY)
    sample = Sample("held", "a", "", 0, 30.0, 0.9, 0.01, 30.0, None, None, None)
    write_results(folder / "r.json", "x", [RunResult("original", card, (sample,))])
    structure = StructureScore(1, "GM", 0.9, 1.0, 2.0, 2.0)
    score = SubjectScore("held", "1", 0.9, 0.9, 0.1, 1.0, (structure,))
    write_subjects(folder / "s.json", "x", [SubjectResult("original", card, (score,))])
    events = [Step(1, 2, 1, 0.5, 1.0, 1.0), EpochEnd(1, 0.5, {"held_psnr": 30.0}, 2.0)]
    lines = [json.dumps({"event": type(event).__name__, **asdict(event)}) for event in events]
    files = (folder / "r.json", folder / "s.json")
    return files[0].read_bytes(), files[1].read_bytes(), ("\n".join(lines) + "\n").encode()
