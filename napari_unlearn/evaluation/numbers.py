"""The numbers of a comparison as text: one JSON with everything, two CSV tables."""

import csv
import io
import json
import math
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from napari_unlearn import __version__
from napari_unlearn.evaluation.comparison import (
    KIND_VALUES,
    ArmResult,
    Comparison,
    ImageQuality,
)


def to_json(comparison: Comparison) -> str:
    """Everything but the images; slices count from 0, figures that are not finite are null."""
    header = comparison.header
    content = {
        "napari_unlearn": __version__,
        "scan": header.name,
        "patient": header.patient,
        "simulated": header.simulated,
        "slices": header.slices,
        "coils": header.coils,
        "matrix": [header.rows, header.columns],
        "image": [header.image_rows, header.image_columns],
        "voxel_size_mm": list(header.voxel_size),
        "acquired_columns": int(comparison.mask.sum()),
        "reference": comparison.reference_name,
        "maximum": comparison.maximum,
        "threshold": comparison.threshold,
        "threshold_from": comparison.threshold_from,
        "minimal_area_mm2": comparison.minimal_area,
        "map": comparison.mode,
        "lambda": comparison.lam,
        "remarks": list(comparison.remarks),
        "arms": [_arm(arm) for arm in comparison.arms],
    }
    return json.dumps(finite(content), indent=1, allow_nan=False) + "\n"


def metrics_csv(comparison: Comparison) -> str:
    """One line per arm for the volume and one per slice; highlighted areas in mm^2."""
    rows: list[list[object]] = []
    for arm in comparison.arms:
        measured = [(None, arm.quality), *enumerate(arm.slice_quality)]
        for index, quality in measured:
            figures = list(asdict(quality).values()) if quality else ["", "", ""]
            marked = list(_areas(arm, index).values()) if quality else ["", "", ""]
            place = "volume" if index is None else index
            rows.append([arm.name, arm.role, place, *figures, *marked])
    areas = [f"{kind}_mm2" for kind in KIND_VALUES]
    return _csv(["arm", "role", "slice", "psnr_db", "ssim", "nmse", *areas], rows)


def regions_csv(comparison: Comparison) -> str:
    """One line per highlighted region; places in pixels and RAS+ mm, errors as fractions.

    Errors are blank where there is no reference.
    """
    rows = [
        [
            *(arm.name, arm.role, r.label, r.kind, r.slice, *r.centre, *r.box),
            *(r.area, r.mean_error if math.isfinite(r.mean_error) else "", r.polarity),
            *(r.place or ("", "", "")),
        ]
        for arm in comparison.arms
        for r in arm.regions
    ]
    box = ["first_row", "first_column", "end_row", "end_column"]
    head = ["arm", "role", "region", "kind", "slice", "row", "column", *box]
    where = ["right_mm", "front_mm", "up_mm"]
    return _csv([*head, "area_mm2", "mean_error", "polarity", *where], rows)


def _arm(arm: ArmResult) -> dict[str, object]:
    return {
        "name": arm.name,
        "role": arm.role,
        # only the file's name: a shared result should not tell the folders of one's machine
        "model": Path(arm.model).name,
        "seconds": arm.seconds,
        "volume": _quality(arm.quality),
        "slice_quality": [_quality(quality) for quality in arm.slice_quality],
        "null_share": arm.null_share,
        "highlighted_mm2": _areas(arm) if arm.highlights is not None else None,
        "regions": [asdict(region) for region in arm.regions],
    }


def _quality(quality: ImageQuality | None) -> dict[str, float] | None:
    return None if quality is None else asdict(quality)


def _areas(arm: ArmResult, index: int | None = None) -> dict[str, float]:
    return {
        kind: sum((r.area for r in arm.regions if r.kind == kind and index in (None, r.slice)), 0.0)
        for kind in KIND_VALUES
    }


def finite(value: object) -> object:
    """Put null in place of figures that JSON does not know, at any depth."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return value


def _csv(head: list[str], rows: Iterable[Iterable[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    return text.getvalue()
