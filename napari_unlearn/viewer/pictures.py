"""What the tiles show, before any window exists: images, captions, limits, outlines."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from napari_unlearn.evaluation.comparison import ArmResult, Comparison, Region
from napari_unlearn.evaluation.disagreement import disagreement
from napari_unlearn.evaluation.hallucination import DEFAULT_MODE, find_mode
from napari_unlearn.mri.scan import Header
from napari_unlearn.viewer.marks import (
    COLOURS,
    NEUTRAL,
    Mark,
    marks_of,
    tally,
    worst_colour,
)

Content = Literal["reconstruction", "error", "change"]

_ENOUGH = 2**19
"""Values of which a percentile takes a few milliseconds, and is as good as that of all."""


@dataclass(frozen=True, eq=False)
class Picture:
    """One tile."""

    content: Content
    image: NDArray[np.float32]
    """(slices, rows, columns)"""
    caption: str
    """Short, and different from every other tile's: it names the layer."""
    limits: tuple[float, float]
    """Values shown as black and as white."""
    regions: tuple[Region, ...] = ()
    highlights: NDArray[np.uint8] | None = None
    """Per pixel the kind of region, same shape as the image."""
    neutral: bool = False
    """Outlines name places rather than verdicts (on the reference)."""
    named: bool = True
    """Whether words say what became of the largest regions; on the original they would not yet
    be true."""
    verdict: str = ""
    """Counts of the regions by kind, written below the image."""
    verdict_colour: str = NEUTRAL
    metadata: Mapping[str, object] = field(default_factory=dict)
    """Where the image comes from: file, slices, model, mask, voxel-to-scanner affine."""
    like: "Picture | None" = None
    """Another picture that has the same outlines."""

    @cached_property
    def marks(self) -> list[Mark]:
        """The outlines; they take so long that a worker had better ask first."""
        if self.like is not None:
            return self.like.marks
        return marks_of(self.regions, self.highlights, neutral=self.neutral, named=self.named)

    @property
    def is_grey(self) -> bool:
        """Whether it shares its window and level with the other pictures of the scan."""
        return self.content == "reconstruction"


@dataclass(frozen=True, eq=False)
class Board:
    """All tiles: reconstructions above, what is wrong with them below (may be empty)."""

    header: Header
    upper: tuple[Picture, ...]
    lower: tuple[Picture, ...] = ()

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """Row by row."""
        return *self.upper, *self.lower

    @property
    def contents(self) -> tuple[Content, ...]:
        """What the tiles show, row by row: their layers differ accordingly."""
        return tuple(picture.content for picture in self.pictures)

    @property
    def first_arm(self) -> int:
        """Number of the first upper tile that is a model's: 1 after a reference, else 0."""
        return int(bool(self.lower) and self.lower[0].content == "change")

    def outlined(self) -> "Board":
        """This board, with all outlines made: for a worker."""
        for picture in self.pictures:
            _ = picture.marks
        return self


def reference_alone(header: Header, reference: NDArray[np.float32], name: str) -> Board:
    """Show the reference, (slices, rows, columns), while no model has run."""
    return Board(header, (_reference(header, reference, name),))


def waiting(
    header: Header,
    reference: NDArray[np.float32] | None,
    reference_name: str,
    names: Sequence[str],
    before: Comparison | None = None,
    mode: str = DEFAULT_MODE,
) -> Board:
    """Lay out tiles for models that are about to run; images may be written into.

    Pictures of models of the same name in a comparison `before` of the scan stand in, under
    the name of its map; without one, the maps to come are those of a mode of hallucination.
    """
    shape = (header.slices, header.image_rows, header.image_columns)
    grey = (0.0, 1.0) if reference is None else (0.0, brightest(reference))
    worst = 0.2
    blank = np.zeros(shape, np.float32)
    images, wrong = {name: np.zeros(shape, np.float32) for name in names}, {}
    if before is not None and before.header == header:
        arms_before = [arm for arm in before.arms if arm.images.shape == shape]
        images |= {arm.name: arm.images.copy() for arm in arms_before if arm.name in images}
        wrong = _maps(before, arms_before)
        worst = error_limit(before) if wrong else worst
        mode = before.mode if wrong else mode
        if reference is None:
            grey = (0.0, max(brightest(image) for image in images.values()))
    arms = [Picture("reconstruction", images[name], f"{name} …", grey) for name in names]
    errors = [
        Picture("error", wrong.get(name, blank), map_caption(name, mode), (0.0, worst))
        for name in names
    ]
    look = find_mode(mode)
    if reference is None and look.name != "error" and not look.uses_reference:
        return Board(header, tuple(arms), tuple(errors))
    if reference is None:
        doubt = Picture("error", blank, "Disagreement", (0.0, 0.2))
        return Board(header, (*arms, doubt) if len(arms) > 1 else tuple(arms))
    return Board(
        header,
        (_reference(header, reference, reference_name), *arms),
        (Picture("change", blank, "Change", (-worst, worst)), *errors),
    )


def finished(comparison: Comparison) -> Board:
    """Show a comparison; an arm that serves as reference is shown once.

    Without a reference the models' disagreement stands beside them, or their maps below.
    """
    header, reference = comparison.header, comparison.reference
    arms = [arm for arm in comparison.arms if arm.name != comparison.reference_name]
    if reference is None:
        top = max(brightest(arm.images) for arm in arms)
        shown = [_reconstruction(comparison, arm, (0.0, top)) for arm in arms]
        if _maps(comparison, arms):
            worst = error_limit(comparison)
            return Board(header, tuple(shown), _errors(comparison, shown, arms, worst))
        doubt = [_disagreement(comparison)] if len(arms) > 1 else []
        return Board(header, (*shown, *doubt))
    grey = (0.0, brightest(reference))
    worst = error_limit(comparison)
    original = next((arm for arm in arms if arm.role == "original"), None)
    shown = [_reconstruction(comparison, arm, grey) for arm in arms]
    return Board(
        header,
        (_reference(header, reference, comparison.reference_name, original), *shown),
        (_change(comparison), *_errors(comparison, shown, arms, worst)),
    )


def brightest(volume: NDArray[np.float32]) -> float:
    """Upper grey limit: bright fat may saturate, a lone bright voxel must not rule."""
    return float(np.percentile(sample(volume), 99.8)) or 1.0


def sample(volume: NDArray[np.float32]) -> NDArray[np.float32]:
    """Enough values of a volume for its percentiles: all of a small one, else one in so many.

    The stride is odd, so that it does not meet the same column of every row.
    """
    return volume.reshape(-1)[:: max(1, volume.size // _ENOUGH) | 1]


def error_limit(comparison: Comparison) -> float:
    """Upper limit of all maps, a round number, so that maps can be compared."""
    maps = list(_maps(comparison, comparison.arms).values())
    return round_limit(max(_nearly_all(maps), 1.5 * comparison.threshold))


def round_limit(largest: float) -> float:
    """The first round number, as a limit of a map, that is not below a value."""
    steps = (0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.8)
    return next((step for step in steps if step >= largest), max(1.0, float(np.ceil(largest))))


def map_caption(name: str, mode: str) -> str:
    """What is written above the map of a model: its title and, but for errors, its unit."""
    return f"{name} {find_mode(mode).label}"


def _maps(comparison: Comparison, arms: Sequence[ArmResult]) -> dict[str, NDArray[np.float32]]:
    """The maps that are highlighted, by the name of the arm; only of arms that have one."""
    found = ((arm.name, comparison.marked(arm)) for arm in arms)
    return {name: values for name, values in found if values is not None}


def _nearly_all(maps: Sequence[NDArray[np.float32]]) -> float:
    return max((float(np.percentile(sample(each), 99.5)) for each in maps), default=0.0)


def _origin(header: Header, **more: object) -> dict[str, object]:
    return {
        "file": header.source,
        "slices": header.slices,
        "simulated": header.simulated,
        "affine": header.affine,
        **more,
    }


def _reference(
    header: Header, image: NDArray[np.float32], name: str, original: ArmResult | None = None
) -> Picture:
    """The reference, with the places where the original is false."""
    return Picture(
        "reconstruction",
        image,
        name,
        (0.0, brightest(image)),
        () if original is None else original.regions,
        None if original is None else original.highlights,
        neutral=True,
        metadata=_origin(header),
    )


def _reconstruction(comparison: Comparison, arm: ArmResult, limits: tuple[float, float]) -> Picture:
    quality = arm.quality
    original = arm.role == "original"
    figures = "" if quality is None else f" · {quality.psnr:.1f} dB · {quality.ssim:.2f}"
    return Picture(
        "reconstruction",
        arm.images,
        f"{arm.name}{figures}",
        limits,
        arm.regions,
        arm.highlights,
        named=not original,
        verdict=_verdict(comparison, arm),
        verdict_colour=COLOURS["remaining"]
        if original and arm.regions
        else worst_colour(arm.regions),
        metadata=_origin(comparison.header, model=arm.model, role=arm.role, mask=comparison.mask),
    )


def _verdict(comparison: Comparison, arm: ArmResult) -> str:
    if comparison.marked(arm) is None:
        return ""
    counts = tally(arm.regions)
    judged = any(other.role in ("unlearned", "oracle") for other in comparison.arms)
    if arm.role == "original" and arm.regions and judged:
        # its outlines say what became of its faults; below it they are faults first
        return f"{len(arm.regions)} false: {counts}"
    return counts


def _errors(
    comparison: Comparison, above: Sequence[Picture], arms: Sequence[ArmResult], worst: float
) -> tuple[Picture, ...]:
    """The maps below the reconstructions of some arms."""
    pairs = zip(above, arms, strict=True)
    return tuple(_error(comparison, arm, worst, picture) for picture, arm in pairs)


def _error(comparison: Comparison, arm: ArmResult, worst: float, like: Picture) -> Picture:
    values = comparison.marked(arm)
    return Picture(
        "error",
        np.zeros_like(arm.images) if values is None else values,
        map_caption(arm.name, comparison.mode),
        (0.0, worst),
        arm.regions,
        arm.highlights,
        named=arm.role != "original",
        metadata=_origin(comparison.header, model=arm.model, role=arm.role, mask=comparison.mask),
        like=like,
    )


def _disagreement(comparison: Comparison) -> Picture:
    arms = comparison.arms
    apart = disagreement([arm.images for arm in arms], comparison.maximum)
    limit = round_limit(float(np.percentile(sample(apart), 99.5)))
    return Picture(
        "error",
        apart,
        f"Disagreement of {len(arms)} models",
        (0.0, limit),
        metadata=_origin(comparison.header, mask=comparison.mask),
    )


def _change(comparison: Comparison) -> Picture:
    """Signed difference, unlearned minus original, as a fraction of the maximum."""
    worst = error_limit(comparison)
    if comparison.mode != "error":  # whose limit may be in another unit
        errors = [arm.errors for arm in comparison.arms if arm.errors is not None]
        worst = round_limit(_nearly_all(errors))
    before = next((arm for arm in comparison.arms if arm.role == "original"), None)
    after = next((arm for arm in comparison.arms if arm.role == "unlearned"), None)
    if before is None or after is None:
        reference = comparison.reference
        blank = np.zeros_like(comparison.arms[0].images if reference is None else reference)
        return Picture("change", blank, "No change to show", (-worst, worst))
    removed = tuple(region for region in after.regions if region.kind == "removed")
    return Picture(
        "change",
        (after.images - before.images) / comparison.maximum,
        f"{after.name} − {before.name}",
        (-worst, worst),
        removed,
        after.highlights,
        metadata=_origin(comparison.header, model=after.model, mask=comparison.mask),
    )
