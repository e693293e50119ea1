"""What a study of heads found, in words: the paper's findings, and what ours is asked for."""

from collections.abc import Callable, Sequence

from napari_unlearn.evaluation.findings import Finding
from napari_unlearn.evaluation.grid import Cell
from napari_unlearn.evaluation.nearness import Figures
from napari_unlearn.evaluation.subject_runs import SIX, Variant, budgets, variant_of
from napari_unlearn.evaluation.subject_tables import BY_KEY, average

REMEMBERED = 0.15
"""Dice of the forget subjects that the original must have above the oracle for there to be
something to forget."""
FALL = 0.05
"""Dice from which on a loss counts as plain."""

WITHIN_DICE, RETAINED, WITHIN_AUC = 0.02, 99.0, 0.05
"""What our best is asked for: forget Dice and attack this near to the oracle's, this much kept
[% of the original's retain Dice]."""


def memorisation(figures: Figures) -> Finding:
    """Whether there was something to forget."""
    gaps = _values(figures, "original", "oracle_gap")
    claim = (
        "The original remembers its subjects (its forget Dice is above the oracle's by "
        f"{REMEMBERED:g} or more)"
    )
    return _judged(claim, gaps, lambda gap: gap >= REMEMBERED, _mean(figures, "original"))


def paper_findings(figures: Figures) -> list[Finding]:
    """Whether this study saw what "To forget is to preserve" saw, budget by budget."""
    epochs = budgets(figures)
    found = [memorisation(figures)]
    found += [_best_trade_off(figures, count) for count in epochs]
    if len(epochs) > 1:
        found += [
            _unstable(figures, n, epochs[0], epochs[-1]) for n in ("max-loss", "retain-label")
        ]
    found += [_little(figures, "random-encoder", count) for count in epochs]
    found += [_moderate(figures, count) for count in epochs[:1]]
    if len(epochs) > 1:
        found.append(_fixed_unstable(figures, epochs[0], epochs[-1]))
    return [*found, _upside_down(figures)]


def goals_reached(figures: Figures, best: str) -> list[Finding]:
    """Which of the figures that our best strategy is asked for are reached, at each budget."""
    found = []
    for run in figures:
        variant = variant_of(run)
        if variant.strategy == best and not variant.fixed:
            found += _goals(figures, run)
    return found


def _goals(figures: Figures, run: str) -> list[Finding]:
    label = variant_of(run).label
    limits: tuple[tuple[str, str, Callable[[float], bool]], ...] = (
        (
            "oracle_gap",
            f"forget Dice within {WITHIN_DICE:g} of the oracle's",
            lambda gap: abs(gap) <= WITHIN_DICE,
        ),
        (
            "retained",
            f"retain Dice at least {RETAINED:g} % of the original's",
            lambda share: share >= RETAINED,
        ),
        (
            "auc_gap",
            f"membership AUC within {WITHIN_AUC:g} of the oracle's",
            lambda gap: abs(gap) <= WITHIN_AUC,
        ),
    )
    found = [
        _judged(f"{label}: {words}", _values(figures, run, key), reached, _mean(figures, run, key))
        for key, words, reached in limits
    ]
    return [*found, _above_all(figures, run)]


def _above_all(figures: Figures, run: str) -> Finding:
    """Agreement with the oracle against the rows of every other strategy, and the original's."""
    own, key = variant_of(run), "agreement"
    rivals = [name for name in figures if variant_of(name).strategy != own.strategy]
    holds = tuple(
        value > max(others)
        for seed, value in enumerate(_values(figures, run, key))
        if value is not None and (others := _of_seed(figures, rivals, key, seed))
    )
    means = {n: cell.value for n in rivals if (cell := average(figures[n][key])) is not None}
    words = _mean(figures, run, key)
    if means:
        nearest = max(means, key=means.__getitem__)
        words += f"; nearest {variant_of(nearest).label} {_mean(figures, nearest, key)}"
    claim = (
        f"{own.label}: agreement with the oracle on the forget subjects above that of every other "
        "strategy and of the original"
    )
    return Finding(claim, holds, words)


def _best_trade_off(figures: Figures, epochs: int) -> Finding:
    """By the paper's own measure, the Dice gap; what that says of the oracle stands beside it."""
    key, own = "dice_gap", Variant("noisy-label", epochs).run
    others = [Variant(name, epochs).run for name in SIX if name != "noisy-label"]
    holds = tuple(
        value > max(peers)
        for seed, value in enumerate(_values(figures, own, key))
        if value is not None and (peers := _of_seed(figures, others, key, seed))
    )
    known = {n: cell.value for n in (own, *others) if (cell := _cell(figures, n, key)) is not None}
    words = [f"Dice gap {_mean(figures, own, key)}"]
    if known:
        best = max(known, key=known.__getitem__)
        if best != own:
            words.append(f"{variant_of(best).title} has {_mean(figures, best, key)}")
        words.append(f"forget Dice minus the oracle's {_mean(figures, own)}")
    claim = (
        f"Noisy Label has the best trade-off of the paper's strategies after {epochs} epochs "
        "(the largest Dice gap)"
    )
    return Finding(claim, holds, "; ".join(words))


def _unstable(figures: Figures, name: str, early: int, late: int) -> Finding:
    """Retain and forget Dice both fall plainly between two budgets."""
    before, after = (Variant(name, count).run for count in (early, late))
    falls = [_falls(figures, before, after, key) for key in ("retain_dice", "forget_dice")]
    lowest = [
        None if retain is None or forget is None else min(retain, forget)
        for retain, forget in zip(*falls, strict=True)
    ]
    words = [
        f"{BY_KEY[key].title} {_mean(figures, before, key)} to {_mean(figures, after, key)}"
        for key in ("retain_dice", "forget_dice")
    ]
    claim = (
        f"{Variant(name).title} is unstable later (from {early} to {late} epochs retain and forget "
        f"Dice both fall by {FALL:g} or more)"
    )
    return _judged(claim, lowest, lambda fall: fall >= FALL, ", ".join(words))


def _little(figures: Figures, name: str, epochs: int) -> Finding:
    run, key = Variant(name, epochs).run, "forget_dice"
    trios = zip(*(_values(figures, n, key) for n in (run, "original", "oracle")), strict=True)
    holds = tuple(
        abs(own - original) < abs(own - oracle)
        for own, original, oracle in trios
        if own is not None and original is not None and oracle is not None
    )
    words = ", ".join(
        f"{variant_of(n).title} {_mean(figures, n, key)}" for n in ("original", run, "oracle")
    )
    claim = (
        f"{Variant(name).title} forgets little after {epochs} epochs (its forget Dice stays nearer "
        "to the original's than to the oracle's)"
    )
    return Finding(claim, holds, words)


def _moderate(figures: Figures, epochs: int) -> Finding:
    """How many of the paper's strategies forget less with the decoder fixed than without."""
    differences = _fixed_against_free(figures, epochs)
    holds = tuple(2 * sum(d > 0 for d in own) > len(own) for own in differences if own)
    words = "; ".join(f"{sum(d > 0 for d in own)} of {len(own)}" for own in differences if own)
    claim = (
        f"Fix Decoder makes forgetting moderate after {epochs} epochs (most strategies keep more "
        "of the forget Dice with it than without)"
    )
    return Finding(claim, holds, words or "not measured")


def _fixed_unstable(figures: Figures, early: int, late: int) -> Finding:
    seeds = _seeds(figures)
    counts: list[tuple[int, int]] = []
    for seed in range(seeds):
        falls = [
            fall
            for name in SIX
            if (
                fall := _falls(
                    figures,
                    Variant(name, early, fixed=True).run,
                    Variant(name, late, fixed=True).run,
                    "forget_dice",
                )[seed]
            )
            is not None
        ]
        counts.append((sum(fall >= FALL for fall in falls), len(falls)))
    holds = tuple(2 * count > total for count, total in counts if total)
    words = "; ".join(f"{count} of {total}" for count, total in counts if total)
    claim = (
        f"Fix Decoder is unstable later (with it most strategies lose {FALL:g} or more of forget "
        f"Dice between {early} and {late} epochs)"
    )
    return Finding(claim, holds, words or "not measured")


def _upside_down(figures: Figures) -> Finding:
    """Forget subjects that end better than retain ones."""
    fixed = [n for n in figures if variant_of(n).fixed and variant_of(n).strategy in SIX]
    per_seed = [
        [n for n in fixed if (v := _values(figures, n, "dice_gap")[seed]) is not None and v < 0]
        for seed in range(_seeds(figures))
        if _of_seed(figures, fixed, "dice_gap", seed)
    ]
    names = ", ".join(dict.fromkeys(variant_of(n).label for own in per_seed for n in own))
    claim = "With Fix Decoder forget subjects sometimes end better than retain ones"
    holds = tuple(bool(own) for own in per_seed)
    return Finding(claim, holds, names or ("none" if per_seed else "not measured"))


def _fixed_against_free(figures: Figures, epochs: int) -> list[list[float]]:
    """By seed: forget Dice with the decoder fixed minus that without, of each strategy."""
    found: list[list[float]] = [[] for _ in range(_seeds(figures))]
    for name in SIX:
        pair = (Variant(name, epochs, fixed=True).run, Variant(name, epochs).run)
        for seed, difference in enumerate(_falls(figures, *pair, "forget_dice")):
            if difference is not None:
                found[seed].append(difference)
    return found


def _falls(figures: Figures, before: str, after: str, key: str) -> list[float | None]:
    """How much less one run has than another, by seed."""
    pairs = zip(_values(figures, before, key), _values(figures, after, key), strict=True)
    return [None if a is None or b is None else a - b for a, b in pairs]


def _values(figures: Figures, run: str, key: str) -> list[float | None]:
    cells = figures.get(run, {}).get(key) or [None] * _seeds(figures)
    return [None if cell is None else cell.value for cell in cells]


def _of_seed(figures: Figures, runs: Sequence[str], key: str, seed: int) -> list[float]:
    values = (_values(figures, run, key)[seed] for run in runs)
    return [value for value in values if value is not None]


def _seeds(figures: Figures) -> int:
    return max((len(cells) for own in figures.values() for cells in own.values()), default=0)


def _cell(figures: Figures, run: str, key: str) -> Cell | None:
    return average(figures.get(run, {}).get(key, []) or [None])


def _mean(figures: Figures, run: str, key: str = "oracle_gap") -> str:
    cell = _cell(figures, run, key)
    return "not measured" if cell is None else cell.text(BY_KEY[key].digits)


def _judged(
    claim: str, values: Sequence[float | None], reached: Callable[[float], bool], evidence: str
) -> Finding:
    holds = tuple(reached(value) for value in values if value is not None)
    return Finding(claim, holds, evidence)
