"""The pictures of a certificate: what the models make of one scan, and the figures as a chart."""

import hashlib
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import matplotlib
from matplotlib.figure import Figure as Drawing

from napari_unlearn.cancel import CancelToken
from napari_unlearn.certificate.content import Figure, PictureEntry
from napari_unlearn.certificate.measure import BY_KEY
from napari_unlearn.certificate.models import Family
from napari_unlearn.evaluation.compare import Arm, compare
from napari_unlearn.evaluation.comparison import Compared
from napari_unlearn.evaluation.figures import draw_figure
from napari_unlearn.evaluation.paper_style import GREY, INK
from napari_unlearn.experiment import Experiment
from napari_unlearn.pseudonym import Pseudonyms

_DPI = 100
_CHARTED = ("agreement", "psnr", "dice")
_BEFORE, _AFTER, _ORACLE = "Before forgetting", "After forgetting", "Never saw the data"
_COLOURS = {_BEFORE: "#d55e00", _AFTER: "#009e73", _ORACLE: INK}
_MARKERS = {_BEFORE: "o", _AFTER: "D", _ORACLE: "s"}


@dataclass(frozen=True)
class Picture:
    """A picture as it stands in the page."""

    name: str
    kind: Literal["png", "svg+xml"]
    data: bytes
    caption: str

    @property
    def entry(self) -> PictureEntry:
        """What the JSON says of it."""
        digest = hashlib.sha256(self.data).hexdigest()
        return PictureEntry(name=self.name, caption=self.caption, sha256=digest)


def captions_of(family: Family) -> dict[str, str]:
    """What runs are called for people, by name."""
    oracle = {family.oracle.run: _ORACLE} if family.oracle is not None else {}
    before = {family.parent.run: _BEFORE} if family.parent is not None else {}
    return {**before, family.child.run: _AFTER, **oracle}


def example(
    experiment: Experiment, family: Family, samples: Any, device: str, names: Pseudonyms
) -> Iterator[tuple[int, int] | Picture]:
    """One scan as each model reconstructs it, over the errors; its name a pseudonym.

    Args:
        experiment: Of reconstructions.
        family: Whose models.
        samples: The set whose first scan is shown.
        device: As `resolve_device` takes it.
        names: Of scans.

    Raises:
        UnlearnError: if the scan or a model is unusable.
    """
    roles: Mapping[str, Any] = {_BEFORE: "original", _AFTER: "unlearned", _ORACLE: "oracle"}
    paths: Mapping[str, Path] = family.paths
    arms = [
        Arm(caption, roles[caption], paths[run]) for run, caption in captions_of(family).items()
    ]
    scan = samples.scans[0]
    for event in compare(
        scan, arms, sampling=experiment.mask_rule, device=device, cancel=CancelToken()
    ):
        if not isinstance(event, Compared):
            yield event.done, event.total
            continue
        header = event.comparison.header
        called = names.of("scan", header.name)
        known = replace(event.comparison, header=replace(header, name=called, patient=""))
        drawn = to_png(draw_figure(known))
        yield Picture(
            "example",
            "png",
            drawn,
            "One scan that no model was trained on. Upper row: the reference image, then what each "
            "model makes of the same undersampled measurement. Lower row: where each is wrong, "
            "brighter is more; outlines mark what is plainly wrong.",
        )


def chart(
    figures: Sequence[Figure], captions: Mapping[str, str], sets: Sequence[str]
) -> Picture | None:
    """The main figures with their intervals; None if there are none."""
    shown = [
        (name, key)
        for key in _CHARTED
        for name in sets
        if any(f.set == name and f.quantity == key and f.run in captions for f in figures)
    ]
    if not shown:
        return None
    order = list(reversed(list(captions.items())))
    drawing = Drawing(figsize=(7.2, 0.4 + 0.85 * len(shown)), layout="constrained")
    axes = drawing.subplots(len(shown), 1, squeeze=False)[:, 0]
    for place, (name, key) in zip(axes, shown, strict=True):
        there = {f.run for f in figures if (f.set, f.quantity) == (name, key)}
        rows = [(run, caption) for run, caption in order if run in there]
        for height, (run, caption) in enumerate(rows):
            found = [f for f in figures if (f.run, f.set, f.quantity) == (run, name, key)]
            for figure in found:
                style = {"color": _COLOURS[caption], "marker": _MARKERS[caption]}
                if figure.low is not None and figure.high is not None:
                    place.plot([figure.low, figure.high], [height] * 2, color=_COLOURS[caption])
                place.plot([figure.mean], [height], linestyle="", markersize=6, **style)
        place.set_yticks(range(len(rows)), [caption for _, caption in rows], fontsize=8)
        place.set_ylim(-0.6, len(rows) - 0.4)
        place.set_title(f"{BY_KEY[key].title}, set “{name}”", fontsize=9, loc="left")
        place.tick_params(axis="x", labelsize=8)
        place.spines[["top", "right"]].set_visible(False)
        place.grid(axis="x", color="#dddddd", linewidth=0.6)
        place.tick_params(axis="y", colors=GREY)
    return Picture(
        "chart",
        "svg+xml",
        _svg(drawing),
        "Means over all images or volumes of a set, with the range in which the mean lies with "
        "95 % certainty (over patients). On what was withdrawn the green diamond should lie near "
        "the black square of the model that never saw the data; on what was to be kept, near the "
        "orange circle of the model before. Of likeness to the oracle more is better.",
    )


def to_png(drawing: Drawing) -> bytes:
    """A drawing as a small PNG."""
    from PIL import Image

    stream = io.BytesIO()
    drawing.savefig(stream, format="png", dpi=_DPI, facecolor="white")
    image = Image.open(io.BytesIO(stream.getvalue())).convert("RGB")
    small = io.BytesIO()
    # 256 colours are enough for grey images and one colour scale, at a third of the size.
    image.quantize(256, dither=Image.Dither.NONE).save(small, "PNG", optimize=True)
    return small.getvalue()


def _svg(drawing: Drawing) -> bytes:
    stream = io.BytesIO()
    # The same figures give the same bytes, on any day.
    with matplotlib.rc_context({"svg.hashsalt": "certificate", "svg.fonttype": "path"}):
        drawing.savefig(stream, format="svg", metadata={"Date": None})
    return stream.getvalue()
