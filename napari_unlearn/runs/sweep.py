"""Strategies times retain fractions times values of parameters: the runs of a sweep."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

from napari_unlearn.errors import UnlearnError
from napari_unlearn.experiment import Experiment
from napari_unlearn.runs.order import Order
from napari_unlearn.unlearning.parameters import Number
from napari_unlearn.unlearning.record import CHECKPOINT, METRICS, has_settings
from napari_unlearn.unlearning.resume import has_progress
from napari_unlearn.unlearning.strategies import find_strategy
from napari_unlearn.unlearning.strategy import Strategy


def sweep(
    template: Order,
    strategies: Iterable[str],
    fractions: Sequence[float] = (),
    values: Mapping[str, Sequence[Number]] | None = None,
) -> list[Order]:
    """One order for every combination that makes a difference.

    Names of runs are STRATEGY, STRATEGY+PARAMETER=VALUE for values other than the strategy's
    default, and @FRACTION behind them for fractions other than the experiment's, as
    `evaluation.paper_runs` reads them. A parameter that a strategy does not have, and the
    fraction where the strategy reads no or all retain samples, make no further runs.

    Args:
        template: Whatever all have in common; its strategy is not looked at.
        strategies: Names.
        fractions: Shares of the retain set in (0, 1]; none takes the experiment's.
        values: By parameter.

    Raises:
        UnlearnError: if a strategy is unknown, no strategy has a parameter, or a value is out
            of range.
    """
    experiment = Experiment.load(template.experiment)
    usual = experiment.unlearning.retain_fraction
    for fraction in fractions:
        if not 0 < fraction <= 1:
            raise UnlearnError(
                f"A retain fraction of {100 * fraction:g} % makes no sense; "
                "accepted: above 0 to 100 %."
            )
    chosen = [find_strategy(name, experiment.task) for name in strategies]
    values = values or {}
    known = {parameter.name for strategy in chosen for parameter in strategy.parameters}
    for name in values:
        if name not in known:
            names = ", ".join(strategy.name for strategy in chosen)
            raise UnlearnError(f"None of the strategies {names} has a parameter '{name}'.")
    orders: dict[str, Order] = {}
    for strategy in chosen:
        matters = "retain" in strategy.reads and not strategy.whole_retain_set
        shares = list(fractions) if matters and fractions else [usual]
        for share, setting in product(shares, _settings(strategy, values)):
            name = _name(strategy, setting, share if share != usual else None)
            orders[name] = replace(
                template,
                strategy=strategy.name,
                values=setting,
                retain_fraction=share if matters else None,
                run_name=name,
            )
    return list(orders.values())


def left_to_do(orders: Iterable[Order], again: bool = False) -> tuple[list[Order], list[str]]:
    """The orders that are not finished yet, unfinished ones to be resumed; remarks on others.

    Args:
        orders: Of a sweep.
        again: Start all of them afresh.
    """
    todo: list[Order] = []
    remarks: list[str] = []
    for order in orders:
        if again:
            todo.append(order)
            continue
        folder = Experiment.load(order.experiment).run_folder(order.run)
        if has_progress(folder):
            todo.append(replace(order, resume=True))
        elif not (folder / CHECKPOINT).exists():
            todo.append(order)
        elif _fits(order, folder):
            remarks.append(f"{order.run}: already finished, skipped.")
        else:
            remarks.append(
                f"{order.run}: skipped, {folder} holds a finished run with other settings; "
                "--again replaces it."
            )
    return todo, remarks


def command(order: Order, threads: int | None = None) -> list[str]:
    """The words of a command line that carries out an order by itself, on any machine.

    Its program is this Python, so that the environment is the same; paths are absolute.

    Args:
        order: Of a sweep: parents, members and previews are not among the words.
        threads: CPU threads; None leaves them to torch.
    """
    words = [sys.executable, "-m", "napari_unlearn", "unlearn", str(order.experiment.resolve())]
    words += ["--strategy", order.strategy, "--name", order.run, "--device", order.device]
    for name, value in order.values.items():
        words += ["--set", f"{name}={value!r}"]
    options = {
        "--retain-fraction": order.retain_fraction,
        "--epochs": order.epochs,
        "--steps": order.steps,
        "--guard": None if order.guard is None else order.guard.limit,
        "--threads": threads,
    }
    for option, number in options.items():
        if number is not None:
            words += [option, repr(number)]
    return [*words, "--resume"] if order.resume else words


def _settings(
    strategy: Strategy, values: Mapping[str, Sequence[Number]]
) -> list[dict[str, Number]]:
    """Every combination of the values of the parameters that the strategy has."""
    own = {parameter.name for parameter in strategy.parameters}
    names = [name for name in values if name in own]
    found = [
        dict(zip(names, combination, strict=True))
        for combination in product(*(values[name] for name in names))
    ]
    for setting in found:
        strategy.with_parameters(setting)  # refuses a value out of range before any run
    return found


def _name(strategy: Strategy, setting: Mapping[str, Number], fraction: float | None) -> str:
    defaults = {parameter.name: parameter.value for parameter in strategy.parameters}
    parts = [f"+{name}={value:g}" for name, value in setting.items() if value != defaults[name]]
    share = "" if fraction is None else f"@{fraction:g}"
    return strategy.name + "".join(parts) + share


def _fits(order: Order, folder: Path) -> bool:
    """Whether a finished run was made with an order's settings; True if nobody can tell."""
    try:
        noted = json.loads((folder / METRICS).read_text(encoding="utf-8"))["settings"]
        return has_settings(order.job(), noted)
    except (OSError, ValueError, KeyError, TypeError, UnlearnError):
        return True
