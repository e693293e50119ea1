"""A TOML file of settings, and what is wrong with it: file, key, value, what is accepted."""

import json
import re
import tomllib
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from napari_unlearn.errors import UnlearnError, WrongUse, reason

MOST_BYTES = 1 << 20
_MOST_SHOWN = 60
_MOST_DOTS = 200
"""Outside quotes, in a line; what tomllib needs grows with the square of a key's parts."""
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")
_KINDS = {"integer": "whole number", "number": "number"}

Line = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]*$")]
Text = Annotated[
    str,
    Field(
        pattern=r"^ *[^\x00-\x20\x7f][^\x00-\x1f\x7f]*$",
        json_schema_extra={"accepted": "text of one line"},
    ),
]
Place = Annotated[
    Text, Field(json_schema_extra={"accepted": "the path of a file or folder, or a pattern"})
]


class Section(BaseModel):
    """A table of the file: unknown keys, NaN and values of another type are mistakes."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


def file_in(path: Path, name: str) -> Path:
    """The file itself, or the one of that name in a folder.

    Raises:
        UnlearnError: if it may not be looked at.
    """
    try:
        return path / name if path.is_dir() else path
    except OSError as error:
        raise UnlearnError(f"{path}: cannot be read ({error.strerror}).") from error


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a TOML file.

    Raises:
        WrongUse: if it is a folder, too large, or not TOML.
        UnlearnError: if it is missing or may not be read.
    """
    try:
        if path.exists() and not path.is_file():
            raise WrongUse(f"{path}: not a file; accepted: a TOML file, see the README's example.")
        with path.open("rb") as stream:
            content = stream.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        raise UnlearnError(f"{path}: cannot be read ({reason(error)}).") from error
    if len(content) > MOST_BYTES:
        raise WrongUse(
            f"{path}: larger than {MOST_BYTES >> 20} MiB; accepted: a TOML file of a few lines."
        )
    try:
        text = content.decode("utf-8-sig")
        if any(_QUOTED.sub("", line).count(".") > _MOST_DOTS for line in text.splitlines()):
            raise ValueError(f"a key of more than {_MOST_DOTS} parts")
        return tomllib.loads(text)
    except UnicodeDecodeError as error:
        raise WrongUse(f"{path}: not a TOML file (byte {error.start} is not UTF-8).") from error
    except (ValueError, RecursionError) as error:
        raise WrongUse(f"{path}: not a TOML file ({reason(error)}).") from error


def wrong_value(path: Path, key: str, value: object, accepted: str) -> WrongUse:
    """The error that says which key has which value, and what it may have."""
    return WrongUse(f"{path}: key '{key}' is {shown(value)}; accepted: {accepted}.")


def first_mistake(path: Path, schema: dict[str, Any], error: ValidationError) -> WrongUse:
    """The first of pydantic's complaints about a file's tables as one sentence.

    Args:
        path: Of the file.
        schema: JSON schema of what the file may say, to tell what is accepted.
        error: What pydantic says.
    """
    mistake = error.errors()[0]
    entry, loc = _entry(schema, mistake["loc"])
    key = _dotted(loc)
    if mistake["type"] == "missing":
        return WrongUse(f"{path}: key '{key}' is missing; accepted: {_accepted(schema, entry)}.")
    if mistake["type"] == "extra_forbidden":
        return _unknown(path, loc, mistake["input"], schema, entry)
    own = str(mistake.get("ctx", {}).get("error", ""))
    return wrong_value(path, key, mistake["input"], own or _accepted(schema, entry))


def shown(value: object) -> str:
    """A value roughly as TOML writes it, on one line, not too long."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return _short(f"a table with {', '.join(map(repr, value)) or 'nothing in it'}")
    return _short(repr(value) if isinstance(value, str | list | int | float) else f"'{value}'")


def _unknown(
    path: Path, loc: Sequence[str | int], value: object, schema: dict[str, Any], table: dict
) -> WrongUse:
    """There is no such key; the nearest known one, here or in another table, may be meant."""
    name, prefix = str(loc[-1]), "".join(f"{part}." for part in loc[:-1])
    here = list(table.get("properties", {}))
    elsewhere = {known.rpartition(".")[2]: known for known in _known_keys(schema)}
    near = [elsewhere[name]] if name in elsewhere else []
    near = near or [prefix + found for found in get_close_matches(name, here, 1)]
    near = near or [elsewhere[found] for found in get_close_matches(name, elsewhere, 1)]
    meant = f"did you mean '{near[0]}'; " if near else ""
    return WrongUse(
        f"{path}: there is no key '{_dotted(loc)}' (here {shown(value)}); {meant}accepted: "
        f"{', '.join(here)}."
    )


def _known_keys(schema: dict[str, Any], entry: dict[str, Any] | None = None) -> Iterator[str]:
    """Every key of a JSON schema's tables, dotted, tables included."""
    for name, found in _resolved(schema, entry or schema).get("properties", {}).items():
        yield name
        yield from (f"{name}.{deeper}" for deeper in _known_keys(schema, found))


def _dotted(loc: Sequence[str | int]) -> str:
    text = ""
    for part in loc:
        text += f"[{part}]" if isinstance(part, int) else f".{_short(part)}"
    return text.removeprefix(".")


def _short(text: str) -> str:
    """A text on one line and not too long, as it is if it is so already."""
    text = text if text.isprintable() else repr(text)[1:-1]
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}..."


def _entry(
    schema: dict[str, Any], loc: Sequence[str | int]
) -> tuple[dict[str, Any], list[str | int]]:
    """The schema of a place, and the place without what only pydantic knows (union members).

    For a key that does not exist: the schema of its table.
    """
    entry, kept = schema, []
    for part in loc:
        entry = _resolved(schema, entry)
        if isinstance(part, int):
            entry = entry.get("items", {})
        elif part in entry.get("properties", {}):
            entry = entry["properties"][part]
        elif entry.get("type") == "object" and part != "[key]":
            values = entry.get("additionalProperties")
            entry = values if isinstance(values, dict) else entry
        else:
            continue
        kept.append(part)
    return _resolved(schema, entry), kept


def _resolved(schema: dict[str, Any], entry: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in entry:
        return schema["$defs"][entry["$ref"].rpartition("/")[2]]
    return entry


def _accepted(schema: dict[str, Any], entry: dict[str, Any]) -> str:
    """What a JSON schema accepts, in words."""
    entry = _resolved(schema, entry)
    kind = entry.get("type")
    if "accepted" in entry:
        return str(entry["accepted"])
    if "anyOf" in entry:
        kinds = [member for member in entry["anyOf"] if member.get("type") != "null"]
        return " or ".join(_accepted(schema, member) for member in kinds)
    if "enum" in entry or "const" in entry:
        return " or ".join(json.dumps(value) for value in entry.get("enum", [entry.get("const")]))
    if kind in _KINDS:
        return f"a {_KINDS[kind]}{_range(entry)}"
    if kind == "boolean":
        return "true or false"
    if kind == "array":
        count = "at least one" if entry.get("minItems") else "any number"
        return f"a list with {count} of: {_accepted(schema, entry['items'])}"
    if kind == "object":
        names = ", ".join(entry.get("properties", {}))
        return f"a table with the keys {names}" if names else "a table"
    return "text of one line"


def _range(entry: dict[str, Any]) -> str:
    words = {
        "minimum": "of at least",
        "exclusiveMinimum": "above",
        "maximum": "at most",
        "exclusiveMaximum": "below",
    }
    if "minimum" in entry and "maximum" in entry:
        return f" from {entry['minimum']:,} to {entry['maximum']:,}"
    limits = [f"{word} {entry[key]:,}" for key, word in words.items() if key in entry]
    return f" {' and '.join(limits)}" if limits else ""
