"""Experiment files as text, and the sentence that a mistake in one ends in."""

import json
import math

import pytest

from napari_unlearn.errors import WrongUse
from napari_unlearn.experiment import Experiment

DATA = {"retain": ["a"], "forget": ["b"], "tests": {"held": ["c"]}}
SOUND = {"name": "sound", "data": DATA}
HEADS = {
    "name": "heads",
    "task": "segmentation",
    "data": DATA,
    "model": {"architecture": "med3d"},
}
FILES = {"varnet": SOUND, "med3d": HEADS}


def toml(value):
    """A value as TOML writes it."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{toml(k)} = {toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    plain = isinstance(value, bool | int | float | str)
    return json.dumps(value, ensure_ascii=False) if plain else str(value)


def put(table, place, value):
    """A copy of a table of tables with one value set; None takes the key out."""
    name, *rest = place
    if rest:
        return {**table, name: put(table.get(name, {}), rest, value)}
    if value is None:
        return {key: kept for key, kept in table.items() if key != name}
    return {**table, name: value}


def load(folder, content):
    path = folder / "experiment.toml"
    if isinstance(content, dict):
        content = "\n".join(f"{toml(key)} = {toml(v)}" for key, v in content.items())
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return Experiment.load(folder)


def refusal(folder, content, place=()):
    """The sentence about a mistake, after looking that it is one."""
    with pytest.raises(WrongUse) as caught:
        load(folder, content)
    said = str(caught.value)
    assert said.startswith(f"{folder / 'experiment.toml'}: ")
    assert said.endswith(".")
    assert said.isprintable()
    assert len(said) < 600
    if place:
        assert "'" + ".".join(place) in said
        assert "accepted: " in said
    return said
