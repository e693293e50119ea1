"""What a race found: tables to read, JSON to keep."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

from napari_unlearn.benchmarks.names import EXPLAINED, OURS
from napari_unlearn.benchmarks.sizes import SIZES


@dataclass(frozen=True)
class Spread:
    """Times of several rounds [s]."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, times: Iterable[float]) -> "Spread":
        """Of the rounds of one lane."""
        found = sorted(times)
        return cls(median(found), found[0], found[-1])


@dataclass(frozen=True)
class Entry:
    """Everything about one network at one size; None where it was not measured."""

    size: str
    contender: str
    forward: Spread | None = None
    step: Spread | None = None
    """Forward, 1 - SSIM, backward, Adam."""
    peak: int | None = None
    """Bytes of training: weights, gradient and moments among them, libraries not."""
    output_error: float | None = None
    """Relative difference of the image from fastMRI's."""
    gradient_error: float | None = None
    """Relative difference of the gradient of all weights from that in double precision."""
    forward_shares: Mapping[str, float] = field(default_factory=dict)
    step_shares: Mapping[str, float] = field(default_factory=dict)
    operations: int | None = None
    """Floating-point, of the products and convolutions of a step."""
    product_rate: float | None = None
    """Operations per second of a large matrix product on the same device."""

    @property
    def peak_share(self) -> float | None:
        """Operations per second of a step, as a fraction of a large matrix product's."""
        if self.step is None or not self.operations or not self.product_rate:
            return None
        return self.operations / self.step.median / self.product_rate


@dataclass(frozen=True)
class SpeedReport:
    """Everything, ready to be written down."""

    command: str
    """That repeats it."""
    about: Mapping[str, str | int]
    entries: tuple[Entry, ...]
    missing: tuple[str, ...] = ()
    """Sentences on peers that are not installed."""

    def json(self) -> str:
        """Everything, and the ratios."""
        ratios = [
            {"size": each.size, "contender": each.contender, **self.ratios(each)}
            for each in self.entries
        ]
        return json.dumps({**asdict(self), "ratios": ratios}, indent=1) + "\n"

    @classmethod
    def read(cls, text: str) -> "SpeedReport":
        """Read what `json` wrote."""
        content = json.loads(text)
        entries = tuple(_entry(each) for each in content["entries"])
        return cls(content["command"], content["about"], entries, tuple(content["missing"]))

    def ratios(self, entry: Entry) -> dict[str, float | None]:
        """How many times faster ours is, and which fraction of an entry's memory it takes."""
        ours = next(
            (x for x in self.entries if (x.size, x.contender) == (entry.size, OURS)), Entry("", "")
        )
        return {
            "forward": _ratio(_median(entry.forward), _median(ours.forward)),
            "step": _ratio(_median(entry.step), _median(ours.step)),
            "memory": _ratio(ours.peak, entry.peak),
        }

    def text(self) -> str:
        """Tables in Markdown, and how they were measured."""
        sizes = list(dict.fromkeys(each.size for each in self.entries))
        parts = [self._table(size) for size in sizes]
        parts += [self._where(size) for size in sizes if self._measured_shares(size)]
        about = ", ".join(f"{name} {value}" for name, value in self.about.items())
        parts += [f"Measured with {about}.", *self.missing]
        return "\n\n".join(part for part in parts if part)

    def _table(self, size: str) -> str:
        head = (
            "network", "forward [s]", "ours is faster", "training step [s]", "ours is faster",
            "peak [MiB]", "ours takes", "image differs", "gradient differs",
        )  # fmt: skip
        lines = [f"**{size}** ({SIZES[size].text})", "", _row(head), _row("---" for _ in head)]
        for each in self._of(size):
            ratios = self.ratios(each)
            other = each.contender != OURS
            cells = (
                each.contender,
                _time(each.forward),
                _times(ratios["forward"]) if other else "",
                _time(each.step),
                _times(ratios["step"]) if other else "",
                f"{each.peak / 2**20:.0f}" if each.peak is not None else "",
                _times(ratios["memory"]) if other else "",
                _small(each.output_error),
                _small(each.gradient_error),
            )
            lines.append(_row(cells))
        table = "\n".join(lines)
        rates = [
            f"{each.contender} {100 * each.peak_share:.0f} %"
            for each in self._of(size)
            if each.peak_share is not None
        ]
        if not rates:
            return table
        return f"{table}\n\nOf a large matrix product's rate a step reaches: {', '.join(rates)}."

    def _where(self, size: str) -> str:
        """Shares of the time, one column per network and pass."""
        found = self._measured_shares(size)
        columns = [(each, name) for name in ("forward", "step") for each in found]
        head = ("share [%]", *(f"{each.contender}, {name}" for each, name in columns))
        kinds = list(found[0].step_shares)
        lines = [f"Where the time goes, {size}:", "", _row(head), _row("---" for _ in head)]
        for kind in kinds:
            shares = [getattr(each, f"{name}_shares").get(kind, 0.0) for each, name in columns]
            lines.append(_row((kind, *(f"{100 * share:.0f}" for share in shares))))
        return "\n".join(lines)

    def _of(self, size: str) -> list[Entry]:
        return [each for each in self.entries if each.size == size]

    def _measured_shares(self, size: str) -> list[Entry]:
        """Of those that are explained; the others' are in the JSON."""
        explained = (each for each in self._of(size) if each.contender in EXPLAINED)
        return [each for each in explained if each.step_shares]


def _entry(content: dict[str, Any]) -> Entry:
    spreads = {
        name: Spread(**content[name]) for name in ("forward", "step") if content[name] is not None
    }
    return Entry(**{**content, **spreads})


def _median(spread: Spread | None) -> float | None:
    return None if spread is None else spread.median


def _ratio(above: float | None, below: float | None) -> float | None:
    return above / below if above is not None and below else None


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _time(spread: Spread | None) -> str:
    if spread is None:
        return ""
    return f"{spread.median:.3g} ({spread.least:.3g} to {spread.most:.3g})"


def _times(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:.2f}x"


def _small(value: float | None) -> str:
    return "" if value is None else f"{value:.1e}"
