"""What a study found, in words: the paper's findings, our best against the paper's, the goals."""

from collections.abc import Sequence
from dataclasses import dataclass

from napari_unlearn.evaluation.nearness import (
    BY_KEY,
    CRITERIA,
    Figures,
    mean_over_seeds,
    seeds_nearer,
)
from napari_unlearn.evaluation.paper_runs import label

PAPER_STRATEGIES = ("ft", "full-ft", "ga", "ga-l1", "nl", "ga-l1-ft", "nl-ft")
"""Those of Xue et al., Erase to Enhance, MIDL 2024."""

CLEARLY = 3.0
"""PSNR [dB] from which on a loss counts as plain; the paper's oracle is 4.8 dB worse on knees."""

GOALS = (
    ("gap_retain_psnr", 0.3, False),
    ("gap_forget_psnr", 0.3, False),
    ("gap_ssim", 0.02, False),
    ("agreement", 25.0, True),
    ("relearn_ratio", 0.8, True),
    ("oracle_steps", 10.0, False),
)
"""Measure, limit, and whether it is to be at least (or at most) that."""


@dataclass(frozen=True)
class Finding:
    """A claim, and the training seeds in which it holds."""

    claim: str
    holds: tuple[bool, ...]
    """One per seed in which it could be judged."""
    evidence: str

    @property
    def text(self) -> str:
        """Such as "The oracle ... : holds in 2 of 3 seeds (+0.39 ± 0.10 dB)."."""
        count, total = sum(self.holds), len(self.holds)
        if not total:
            return f"{self.claim}: cannot be judged ({self.evidence})."
        if total == 1:
            verdict = "holds" if count else "does not hold"
        else:
            verdict = f"holds in {count} of {total} seeds" if count else "does not hold in any seed"
        return f"{self.claim}: {verdict} ({self.evidence})."


def paper_findings(figures: Figures) -> list[Finding]:
    """Whether this study saw what the paper saw."""
    brain, knee = "retain_psnr", "forget_psnr"
    found = [
        _difference(
            figures,
            "The oracle is at least as good as the original on brains",
            ("oracle", "original", brain),
            at_least=0,
        ),
        _difference(
            figures,
            f"The oracle is clearly worse than the original on knees (by {CLEARLY:g} dB or more)",
            ("original", "oracle", knee),
            at_least=CLEARLY,
        ),
        _remembers(figures),
    ]
    for alone in ("ga-l1", "nl"):
        claim = f"{label(alone)} alone destroys (brains lose {CLEARLY:g} dB or more)"
        found.append(_difference(figures, claim, ("original", alone, brain), at_least=CLEARLY))
    return [*found, *(_recovers(figures, alone) for alone in ("ga-l1", "nl"))]


def best_against_paper(figures: Figures, best: str) -> list[Finding]:
    """For each criterion, whether `best` is nearer to the oracle than every paper strategy."""
    found = []
    rivals = [name for name in PAPER_STRATEGIES if name in figures]
    for key in CRITERIA:
        measure = BY_KEY[key]
        own = figures.get(best, {}).get(key, [])
        seeds = [
            number
            for number, cell in enumerate(own)
            if cell is not None and any(figures[name][key][number] for name in rivals)
        ]
        holds = tuple(all(_nearer(figures, best, r, key, n) for r in rivals) for n in seeds)
        nearest = _nearest(figures, rivals, key)
        words = [f"{measure.title} {_mean(figures, best, key)}"]
        if nearest is not None:
            words.append(f"the paper's nearest, {label(nearest)}, {_mean(figures, nearest, key)}")
        claim = (
            f"{label(best)} is nearer to the oracle than every strategy of the paper "
            f"in {measure.title}"
        )
        found.append(Finding(claim, holds, "; ".join(words)))
    return found


def goals_reached(figures: Figures, best: str) -> list[Finding]:
    """Which of the figures that this project set itself are reached."""
    found = []
    for key, limit, at_least in GOALS:
        measure = BY_KEY[key]
        cells = [cell for cell in figures.get(best, {}).get(key, []) if cell is not None]
        holds = tuple(c.value >= limit if at_least else c.value <= limit for c in cells)
        sign = "≥" if at_least else "≤"
        claim = f"{measure.title} {sign} {limit:g}"
        found.append(Finding(claim, holds, _mean(figures, best, key)))
    return found


def _values(figures: Figures, run: str, key: str) -> list[float | None]:
    cells = figures.get(run, {}).get(key, [])
    return [None if cell is None else cell.value for cell in cells]


def _mean(figures: Figures, run: str, key: str) -> str:
    cell = mean_over_seeds(figures.get(run, {}).get(key, []))
    return "not measured" if cell is None else cell.text(BY_KEY[key].digits)


def _difference(
    figures: Figures, claim: str, what: tuple[str, str, str], at_least: float
) -> Finding:
    """Whether one run exceeds another in a measure; `what` is (more, less, measure)."""
    more, less, key = what
    pairs = zip(_values(figures, more, key), _values(figures, less, key), strict=False)
    differences = [a - b for a, b in pairs if a is not None and b is not None]
    holds = tuple(difference >= at_least for difference in differences)
    words = f"{label(more)} {_mean(figures, more, key)}, {label(less)} {_mean(figures, less, key)}"
    return Finding(claim, holds, f"{words} dB")


def _remembers(figures: Figures) -> Finding:
    key = "forget_psnr"
    trios = zip(*(_values(figures, n, key) for n in ("ft", "original", "oracle")), strict=False)
    holds = tuple(
        abs(own - original) < abs(own - oracle)
        for own, original, oracle in trios
        if own is not None and original is not None and oracle is not None
    )
    names = ("original", "ft", "oracle")
    words = ", ".join(f"{label(name)} {_mean(figures, name, key)}" for name in names)
    claim = "FT does not forget (on knees it stays nearer to the original than to the oracle)"
    return Finding(claim, holds, f"{words} dB")


def _recovers(figures: Figures, alone: str) -> Finding:
    """Judged in the seeds in which there was a loss to recover from."""
    key, repaired = "retain_psnr", f"{alone}-ft"
    trios = zip(*(_values(figures, n, key) for n in (repaired, alone, "original")), strict=False)
    holds = tuple(
        own - low >= 0.5 * (whole - low)
        for own, low, whole in trios
        if own is not None and low is not None and whole is not None and whole - low >= CLEARLY
    )
    words = ", ".join(f"{label(name)} {_mean(figures, name, key)}" for name in (alone, repaired))
    claim = f"{label(repaired)} recovers (at least half of the brain PSNR that {label(alone)} lost)"
    return Finding(claim, holds, f"{words} dB")


def _nearer(figures: Figures, best: str, rival: str, key: str, seed: int) -> bool:
    """In one seed; a rival that was not measured there cannot be nearer."""
    one = {name: {key: [figures[name][key][seed]]} for name in (best, rival)}
    count, total = seeds_nearer(one, best, rival, key)
    return count == total


def _nearest(figures: Figures, rivals: Sequence[str], key: str) -> str | None:
    means = {name: mean_over_seeds(figures[name][key]) for name in rivals}
    known = {name: BY_KEY[key].distance(c.value) for name, c in means.items() if c is not None}
    return min(known, key=known.__getitem__) if known else None
