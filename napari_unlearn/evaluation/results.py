"""Evaluations on disk and in words: JSON with every sample, Markdown made of it."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from napari_unlearn.atomic import write_whole
from napari_unlearn.bounded import read_text
from napari_unlearn.evaluation.error import EvaluationError
from napari_unlearn.evaluation.relearn import Relearned
from napari_unlearn.evaluation.table import RunResult, Sample
from napari_unlearn.models.card import Card

_SAMPLES = TypeAdapter(tuple[Sample, ...])
_RELEARNED = TypeAdapter(Relearned)
QUANTITIES = {
    "psnr": "PSNR [dB]",
    "ssim": "SSIM",
    "agreement": "~oracle [dB]",
    "fault": "invented fault",
    "highlighted": "highlighted [mm²]",
    "in_tissue": "tissue wrong",
}

INVENTED = 0.5
"""Amplitude of the planted fault from which on a slice counts as showing it."""

PLAIN = 0.25
"""Share of the tissue of interest from which on a slice counts as plainly wrong."""


def write_results(path: Path, name: str, results: Iterable[RunResult], command: str = "") -> None:
    """Per-sample values and averages as JSON, so that any table can be computed again.

    Args:
        path: of the file.
        name: of the experiment.
        results: one per run.
        command: that makes these figures again.

    Raises:
        UnlearnError: if the file cannot be written.
    """
    runs: dict[str, dict[str, object]] = {}
    for result in results:
        averages = {
            set_name: {
                quantity: float(result.values(set_name, quantity).mean())
                for quantity in (*QUANTITIES, "nmse")
                if result.values(set_name, quantity).size
            }
            for set_name in result.sets
        }
        runs[result.name] = {
            "averages": averages,
            "card": result.card.model_dump(),
            "samples": [asdict(sample) for sample in result.samples],
        }
        if result.relearned is not None:
            runs[result.name]["relearned"] = asdict(result.relearned)
    about = {"experiment": name, "command": command, "runs": runs}
    write_whole(path, json.dumps(about, indent=1).encode())


def read_results(path: Path) -> list[RunResult]:
    """What `write_results` wrote.

    Raises:
        EvaluationError: if it is not such a file.
    """
    try:
        runs = json.loads(read_text(path))["runs"]
        return [
            RunResult(
                name,
                Card.model_validate(run["card"]),
                _SAMPLES.validate_python(run["samples"]),
                _relearned(run.get("relearned")),
            )
            for name, run in runs.items()
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise EvaluationError(f"{path}: not a file of evaluation results.") from error


def _relearned(about: dict | None) -> Relearned | None:
    if about is None:
        return None
    return _RELEARNED.validate_python(about)


def format_table(results: Sequence[RunResult]) -> str:
    """Mean ± sd over slices as one Markdown table per test set, one row per run."""
    blocks = []
    for name in results[0].sets:
        shown = {
            key: title
            for key, title in QUANTITIES.items()
            if any(result.values(name, key).size for result in results)
        }
        count = results[0].values(name, "psnr").size
        rows = [[f"{name} ({count} slices)", *shown.values()], ["---"] * (len(shown) + 1)]
        rows += [
            [result.name, *(_cell(result.values(name, key)) for key in shown)] for result in results
        ]
        blocks.append(_markdown(rows))
    cost = [["cost", "steps", "seconds"], ["---"] * 3]
    for result in results:
        figures = result.card.metrics
        cost.append(
            [result.name, *(f"{figures.get(key, float('nan')):.0f}" for key in cost[0][1:])]
        )
    return "\n\n".join([*blocks, _markdown(cost)])


def _cell(values: NDArray[np.float64]) -> str:
    if not values.size:
        return ""
    digits = 3 if abs(values.mean()) < 2 else 2
    return f"{values.mean():.{digits}f} ± {values.std():.{digits}f}"


def _markdown(rows: list[list[str]]) -> str:
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def how_often(results: Sequence[RunResult]) -> str:
    """On how many slices the planted fault, or plainly wrong tissue, is seen; Markdown."""
    counted = {
        "fault": (INVENTED, f"fault invented (amplitude > {INVENTED:g})"),
        "in_tissue": (PLAIN, f"over {PLAIN:.0%} of the tissue wrong"),
    }
    heads, columns = ["slices"], []
    for name in results[0].sets:
        for key, (limit, title) in counted.items():
            if results[0].values(name, key).size:
                heads.append(f"{name}: {title}")
                columns.append((name, key, limit))
    rows = [heads, ["---"] * len(heads)]
    for result in results:
        row = [result.name]
        for name, key, limit in columns:
            values = result.values(name, key)
            row.append(f"{int((values > limit).sum())} of {values.size}")
        rows.append(row)
    return _markdown(rows)
