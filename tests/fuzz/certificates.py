"""Certificates, ledgers and audits, and what can be wrong with them."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

from napari_unlearn.certificate.content import Certificate, LedgerEntry, fingerprint_of, to_json
from napari_unlearn.certificate.ledger import FIRST, hash_of
from napari_unlearn.certificate.page import to_page
from tests.fuzz.kind import Change, Kind
from tests.fuzz.texts import spoil, spoil_json

SAMPLE = Path(__file__).parents[2] / "sample_data" / "certificate"
HOSTILE = (
    *(
        "</script><script>alert(1)</script>",
        "{{ 7 * 7 }}",
        "{% for x in c %}",
        "<img src=x>",
        "&#0;",
    ),
    *("\x1b[2J\x1b[31m", "\u202egnp.exe", "a\nDIFFERS: nothing", "\x00", "A" * 10**5, ""),
    *("../../canary", "9999-99-99", "2026-11-22", "psnr", "0" * 64, "supported"),
)
_PAGE_HEAD = '<script type="application/json" id="certificate">'


def _texts(entry: Any) -> list[tuple[Any, Any]]:
    """Every text in a table, by what holds it and where."""
    items = entry.items() if isinstance(entry, dict) else enumerate(entry)
    found: list[tuple[Any, Any]] = []
    for key, inner in items:
        if isinstance(inner, str):
            found.append((entry, key))
        elif isinstance(inner, dict | list):
            found += _texts(inner)
    return found


def _hostile(table: Any, rng: Random) -> str:
    container, key = rng.choice(_texts(table))
    value = container[key] = rng.choice(HOSTILE)
    return f"{key} = {value[:30]!r}"


def _emptied(table: Any, rng: Random) -> str:
    lists = [key for key in table if isinstance(table[key], list | dict)]
    key = rng.choice(lists)
    table[key] = type(table[key])()
    return f"{key} emptied"


def _resealed(table: dict[str, Any]) -> dict[str, Any]:
    """With the fingerprint that fits, so that whatever comes behind it is reached."""
    made = Certificate.model_validate_json(json.dumps(table))
    return made.model_copy(update={"fingerprint": fingerprint_of(made)}).model_dump(mode="json")


def odd_certificate(folder: Path, rng: Random) -> str:
    """A value that cannot be, hostile words, or nothing, under a fingerprint that fits or not."""
    table = json.loads((folder / "report.json").read_text())
    done = [rng.choice((spoil, _hostile, _hostile, _emptied))(table, rng)]
    if rng.random() < 0.6:
        try:
            table = _resealed(table)
            done.append("resealed")
        except ValueError:  # no certificate any more
            pass
    text = json.dumps(table)
    (folder / "report.json").write_text(text)
    page = (folder / "report.html").read_text()
    if rng.random() < 0.5 and done[-1] == "resealed":
        try:
            page = to_page(Certificate.model_validate_json(text), ())
        except Exception:  # what cannot be drawn is put in beside what was drawn before
            done.append("not drawn")
    front, _, rest = page.partition(_PAGE_HEAD)
    held = text.replace("<", "\\u003c") if rng.random() < 0.8 else text
    whole = front + _PAGE_HEAD + held + rest[rest.index("</script>") :]
    (folder / "report.html").write_text(whole, errors="surrogatepass")
    return ", ".join(done)


def odd_page(folder: Path, rng: Random) -> str:
    """Several certificates in one page, none, pictures that are none."""
    path = folder / "report.html"
    page = path.read_text()
    picture = '<img id="chart" src="data:image/png;base64,'
    forms: dict[str, Callable[[], str]] = {
        "twice": lambda: page.replace(_PAGE_HEAD, _PAGE_HEAD + "{}</script>" + _PAGE_HEAD),
        "begun without end": lambda: page.replace("</script>", ""),
        "begun very often": lambda: "<!doctype html>" + _PAGE_HEAD * 200_000,
        "a page alone": lambda: "<!doctype html>",
        "spaces before": lambda: " \n" * 10**6 + page,
        "a picture without end": lambda: page.replace("<h2>", picture + "A" * 10**6 + "<h2>", 1),
        "many pictures": lambda: page + (picture + 'AAAA" ') * 10**5,
        "a picture of odd length": lambda: page + picture + 'AAAAA"',
        "capitals": lambda: page.upper(),
        "a frame": lambda: page.replace("<body>", "<body><iframe src=x>"),
    }
    name = rng.choice(list(forms))
    path.write_text(forms[name]())
    return name


def odd_ledger(folder: Path, rng: Random) -> str:
    """Lines of odd values, under hashes that fit or not; many; mixed."""
    path = folder / "ledger.jsonl"
    lines = path.read_text().splitlines()
    how = rng.choice(["value", "value", "words", "words", "mixed", "many", "one long line", "long"])
    if how in ("value", "words"):
        table = json.loads(rng.choice(lines))
        done = (spoil if how == "value" else _hostile)(table, rng)
        path.write_text("\n".join(chain([*map(json.loads, lines), table])) + "\n")
        return f"a line with {done}"
    forms = {
        "mixed": lines[::-1],
        "many": chain([json.loads(lines[0]) for _ in range(3000)]),
        "one long line": ["x" * 2**22],
        "long": ["\n" * 10**6],
    }
    path.write_text("\n".join(forms[how]) + "\n")
    return how


def chain(tables: list[Any]) -> list[str]:
    """Lines that follow one another, as far as they are entries at all."""
    lines, previous = [], FIRST
    for number, table in enumerate(tables, start=1):
        try:
            told = LedgerEntry.model_validate_json(json.dumps(table))
        except ValueError:
            lines.append(json.dumps(table))
            continue
        told = told.model_copy(update={"number": number, "previous": previous})
        previous = hash_of(told)
        lines.append(told.model_copy(update={"hash": previous}).model_dump_json())
    return lines


def odd_audit(folder: Path, rng: Random) -> str:
    """A value that cannot be, hostile words, nothing, or very much."""
    path = folder / "runs" / "audit.json"
    how = rng.choice(["value", "words", "words", "emptied", "many"])
    if how == "value":
        return spoil_json(path, rng)
    table = json.loads(path.read_text())
    if how == "many":
        table["runs"] = table["runs"] * 300
        done = "many runs"
    else:
        done = (_hostile if how == "words" else _emptied)(table, rng)
    path.write_text(json.dumps(table))
    return done


def kinds(folder: Path) -> list[Kind]:
    """Good files: the certificate of the sample data about models of a few bytes."""
    files = _files()
    own: dict[str, tuple[str, tuple[str, ...], tuple[Change, ...]]] = {
        "certificate": ("report.json", ("certificate", "verify"), (odd_certificate,)),
        "page": ("report.html", ("certificate", "verify"), (odd_certificate, odd_page)),
        "ledger": ("ledger.jsonl", ("ledger",), (odd_ledger,)),
        "audit": ("runs/audit.json", ("audit", "audit told"), (odd_audit,)),
        "verified": ("report.html", ("verify",), (odd_ledger, odd_audit)),
    }
    found = [Kind(name, files, *each) for name, each in own.items()]
    return [*found[:-1], replace(found[-1], hurt="ledger.jsonl")]


def _files() -> dict[str, bytes]:
    made = json.loads((SAMPLE / "certificate.json").read_text())
    told = json.loads((SAMPLE / "runs" / "audit.json").read_text())
    weights = {name: f"weights of {name}".encode() for name in ("original", "acquired-lines")}
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in weights.items()}
    for role in ("child", "parent", "original"):
        made[role]["sha256"] = hashes[made[role]["run"]]
    made |= {"oracle": None, "pictures": [], "figures": made["figures"][:8], "settings": {}}
    made = {name: value for name, value in made.items() if name in Certificate.model_fields}
    made["forgotten"] = made["forgotten"][:2]
    for each in made["sets"]:
        each |= {"scans": each["scans"][:2], "at_hand": False}
    told["runs"] = [run for run in told["runs"] if run["name"] in hashes]
    for run in told["runs"]:
        run |= {"sha256": hashes[run["name"]], "losses": {"forget": [0.1]}}
    audit = json.dumps(told, indent=1).encode()
    made["audit"]["models"] = [{"run": name, "sha256": each} for name, each in hashes.items()]
    made["audit"]["figures"] = made["audit"]["figures"][:2]
    made["audit"]["file"] = hashlib.sha256(audit).hexdigest()
    for line in made["ledger"]:
        line |= {"forgotten": line["forgotten"][:2], "forgotten_sha256": ["0" * 64] * 2}
        line |= {"child": hashes["acquired-lines"], "parent": hashes["original"]}
    lines = chain(made["ledger"])
    made["ledger"] = [json.loads(line) for line in lines]
    experiment = (SAMPLE / "experiment.toml").read_bytes().partition(b"[checkpoints]")[0]
    made["experiment"]["sha256"] = hashlib.sha256(experiment).hexdigest()
    whole = Certificate.model_validate(_resealed(made))
    return {
        "experiment.toml": experiment,
        "report.json": to_json(whole).encode(),
        "report.html": to_page(whole, ()).encode(),
        "ledger.jsonl": ("\n".join(lines) + "\n").encode(),
        "runs/audit.json": audit,
        **{f"runs/{name}/checkpoint.safetensors": each for name, each in weights.items()},
    }
