"""Which maps and threshold rules can be had, and what is said of them; before any window exists."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from napari_unlearn.errors import UnlearnError
from napari_unlearn.evaluation.hallucination import MODES, Mode, find_mode
from napari_unlearn.evaluation.thresholds import RULES
from napari_unlearn.viewer.tasks import Model, Opened

LEAST, MOST = 1e-4, 1.0
"""Lambda that can be chosen: what data give lies between them, too."""

_PER_DECADE = 100
STEPS = round(math.log10(MOST / LEAST) * _PER_DECADE)
"""Of a slider over lambda, from 0."""

_GIVES_KSPACE = ("varnet",)  # to ask the networks themselves would import torch
_RULE_TITLES = {"oracle": "oracle", "bhadra": "Bhadra", "authors": "authors'"}


@dataclass(frozen=True)
class Choice:
    """One entry of a list to choose from."""

    name: str
    title: str
    tip: str
    """What it is, or why it cannot be had."""
    available: bool = True


def map_choices(opened: Opened | None, models: Sequence[Model]) -> tuple[Choice, ...]:
    """Every map, and whether this scan and these models can give it; what is unknown can be."""
    found = []
    for mode in MODES.values():
        reason = why_not(mode, opened, models)
        tip = f"{mode.formula}\nUnit: {mode.unit}"
        title = mode.title[0].upper() + mode.title[1:]
        found.append(Choice(mode.name, title, reason or tip, not reason))
    return tuple(found)


def why_not(mode: Mode, opened: Opened | None, models: Sequence[Model]) -> str:
    """Why a map cannot be had, in one sentence; "" if it can.

    The error map always can: without a reference the models' disagreement takes its place.
    """
    if mode.name == "error":
        return ""
    oracle = any(model.role == "oracle" for model in models)
    if mode.uses_other and len(models) == 1:
        return "Needs a second model to disagree with."
    if opened is not None and not oracle:
        if "reference" in mode.needs and opened.reference is None:
            return "Needs a ground truth, or an oracle in its place; there is neither."
        if "truth" in mode.needs and opened.scan.acquired is not None:
            return (
                "Needs fully sampled k-space, or an oracle's in its place; this scan was acquired "
                "undersampled and no model is an oracle."
            )
    if mode.uses_kspace:
        mute = [model.name for model in models if not _gives_kspace(model.path)]
        if mute:
            return f"Needs the coils' k-space of every model, which {mute[0]} does not give."
    return ""


def rule_choices(mode: str) -> tuple[Choice, ...]:
    """Every threshold rule, and whether it can find one for a map."""
    found = []
    for rule in RULES.values():
        given = rule.name != "authors" or find_mode(mode).own_threshold is not None
        tip = rule.title if given else f"The authors of the {find_mode(mode).title} gave none."
        found.append(Choice(rule.name, _RULE_TITLES.get(rule.name, rule.name), tip, given))
    return tuple(found)


def rule_of(mode: str, rule: str | None) -> str:
    """The rule that finds the threshold of a map where `rule` was chosen."""
    if rule is not None:
        return rule
    return "oracle" if find_mode(mode).own_threshold is None else "authors"


def threshold_words(mode: str, threshold: float) -> str:
    """What is highlighted, e.g. "Highlight errors above 7.0 %"."""
    look = find_mode(mode)
    what = "errors" if mode == "error" else look.title
    if look.own_threshold is not None:  # of another unit than the maximum
        return f"Highlight {what} above {threshold:.2f}"
    return f"Highlight {what} above {100 * threshold:.1f} %"


def threshold_top(threshold: float) -> float:
    """Upper end of a slider over thresholds on which this one has room."""
    return next((top for top in (0.5, 1.0, 2.0, 5.0) if 1.2 * threshold <= top), 2 * threshold)


def lambda_at(step: int) -> float:
    """Lambda at a step of the slider, which is logarithmic."""
    return float(LEAST * 10 ** (step / _PER_DECADE))


def step_of(lam: float) -> int:
    """The step nearest to a lambda, within the slider's range."""
    return round(math.log10(min(max(lam, LEAST), MOST) / LEAST) * _PER_DECADE)


def shares_words(names: Sequence[str], shares: Sequence[float | None]) -> str:
    """Null share of every arm that has one, e.g. "Null share: Original 4.1 % · Oracle 3.0 %"."""
    known = [
        f"{name} {100 * share:.1f} %"
        for name, share in zip(names, shares, strict=True)
        if share is not None
    ]
    return f"Null share: {' · '.join(known)}" if known else ""


def _gives_kspace(path: Path) -> bool:
    """Whether a model gives the coils' k-space; one that does not say so is asked when it runs."""
    try:
        architecture = _architecture(path, path.stat().st_mtime)
    except (OSError, UnlearnError):
        return True
    return architecture is None or architecture in _GIVES_KSPACE


@lru_cache(maxsize=64)
def _architecture(path: Path, _changed: float) -> str | None:
    from napari_unlearn.io.checkpoint_file import read_safetensors_header

    if path.suffix != ".safetensors":
        return None
    card = read_safetensors_header(path).card
    return None if card is None else str(card.get("architecture", "")) or None
