"""A comparison as rows of a table, for the screen, the clipboard and CSV files."""

import csv
import io
import math
from collections import Counter

from napari_unlearn.evaluation.comparison import ArmResult, Comparison, Region

COLUMNS = ("Model", "PSNR", "SSIM", "NMSE", "removed", "remaining", "introduced")


def metric_rows(comparison: Comparison, index: int | None) -> list[tuple[str, ...]]:
    """One row per arm: PSNR [dB], SSIM, NMSE and counts of regions.

    Args:
        comparison: Finished.
        index: Slice, or None for the whole volume.
    """
    return [_row(arm, index) for arm in comparison.arms]


def _row(arm: ArmResult, index: int | None) -> tuple[str, ...]:
    quality = arm.quality
    if index is not None:
        quality = arm.slice_quality[index] if index < len(arm.slice_quality) else None
    figures = ("–", "–", "–")
    if quality is not None:
        figures = (f"{quality.psnr:.1f}", f"{quality.ssim:.3f}", f"{quality.nmse:.4f}")
    counts = Counter(
        region.kind for region in arm.regions if index is None or region.slice == index
    )
    kinds = (counts["removed"], counts["remaining"], counts["introduced"])
    return (arm.name, *figures, *(str(count) for count in kinds))


def listed_regions(comparison: Comparison) -> list[tuple[ArmResult, Region]]:
    """All regions, the largest first; the original's are listed once, by the arm that judges."""
    judged = [arm for arm in comparison.arms if arm.role != "original"] or comparison.arms
    pairs = [(arm, region) for arm in judged for region in arm.regions]
    return sorted(pairs, key=lambda pair: -pair[1].area)


def error_text(region: Region) -> str:
    """Mean signed error, per cent of the maximum, e.g. "+12 %"; a dash without a reference."""
    return f"{100 * region.mean_error:+.0f} %" if math.isfinite(region.mean_error) else "–"


def polarity_text(region: Region) -> str:
    """Invented structure, "brighter" or "darker", or "lost" structure; a dash if unknown."""
    return "–" if region.polarity == "unknown" else region.polarity


def place_text(region: Region) -> str:
    """Centre from the scanner's origin, e.g. "R 12 · A 30 · I 5" [mm]; a dash if unknown."""
    if region.place is None:
        return "–"
    sides = (("L", "R"), ("P", "A"), ("I", "S"))
    parts = zip(region.place, sides, strict=True)
    return " · ".join(f"{towards[value >= 0]} {abs(value):.0f}" for value, towards in parts)


def as_text(rows: list[tuple[str, ...]], delimiter: str) -> str:
    """Table with its header, tab-separated for a spreadsheet or comma-separated for a file."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=delimiter, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(rows)
    return buffer.getvalue()
