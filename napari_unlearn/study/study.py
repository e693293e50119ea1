"""The whole study of the paper from one call: simulate, train, unlearn, judge, report.

Every stage leaves files, and a stage that finds its files does not repeat it: a study that was
killed goes on where it was.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from napari_unlearn.cancel import CancelToken
from napari_unlearn.evaluation.findings import PAPER_STRATEGIES
from napari_unlearn.evaluation.study_report import StudyReport
from napari_unlearn.experiment import Experiment
from napari_unlearn.phantoms.protocols import BRAIN_KNEE
from napari_unlearn.study.pieces import RESULTS, Run, judge_seed
from napari_unlearn.study.stages import (
    NEVER,
    Costly,
    StudyEvent,
    StudyPlan,
    carry_out_study,
    machine,
    passes_of,
    versions,
)
from napari_unlearn.unlearning.strategies import strategies_for

STRATEGIES = strategies_for("reconstruction")
OURS = tuple(name for name, entry in STRATEGIES.items() if entry.paper == "this project")
BEST = "refit-ignorant"
"""The strategy of ours that is held against the paper's, named before the runs."""
PAPER_EPOCHS = 5
"""The paper's budget, 10 % of its training epochs, at a constant rate."""
SWEPT = ("ft", "nl-ft", "ga-l1-ft")
FRACTIONS = (0.01, 0.05, 0.2, 0.5, 1.0)
"""Of the retain set, beside the experiment's own; FT on all of it is Full FT."""
OTHERS_TEST_EVERY = 5
"""Epochs between two measurements of a strategy that stands in no table by epoch."""
FIGURE_RUNS = ("original", "oracle", "nl-ft", BEST)


@dataclass(frozen=True)
class Plan(StudyPlan):
    """How large a study."""

    fractions: tuple[float, ...] = FRACTIONS


def study(
    folder: Path, plan: Plan, jobs: int = 2, cancel: CancelToken | None = None
) -> Iterator[StudyEvent]:
    """The whole study, or go on with it; see `stages.carry_out_study`."""
    yield from carry_out_study(
        folder,
        BRAIN_KNEE.name,
        plan,
        trainings=_trainings,
        unlearnings=partial(_unlearnings, plan=plan),
        judge=judge_seed,
        report=partial(_report, folder, plan, jobs),
        jobs=jobs,
        cancel=cancel,
    )


def _trainings(seeds: Sequence[Path]) -> list[Costly]:
    experiment = Experiment.load(seeds[0])
    oracle = experiment.training.epochs * len(experiment.samples("retain"))
    original = oracle + experiment.training.epochs * len(experiment.samples("forget"))
    roles = (("original", original), ("oracle", oracle))
    return [(float(steps), Run(seed, role)) for seed in seeds for role, steps in roles]


def _unlearnings(seeds: Sequence[Path], plan: Plan) -> list[Costly]:
    """Every strategy and the sweep on the first seed, the paper's and ours on the others."""
    experiment = Experiment.load(seeds[0])
    retain = len(experiment.samples("retain"))
    forget = len(experiment.samples("forget"))
    own_steps = experiment.unlearning.steps or experiment.unlearning.epochs * retain
    share = experiment.unlearning.retain_fraction
    pieces: list[Costly] = []

    def paper(seed: Path, name: str, fraction: float | None) -> None:
        entry = STRATEGIES[name]
        swept = fraction is not None
        seen = 1.0 if entry.whole_retain_set else (fraction or share)
        steps = PAPER_EPOCHS * max(forget, seen * retain)
        run = Run(
            seed,
            name,
            values=(("decay", 0.0),),
            epochs=PAPER_EPOCHS,
            fraction=fraction,
            run_name=f"{name}@{fraction:g}" if swept else name,
            test_every=NEVER if swept else 1,
        )
        pieces.append((steps * passes_of(STRATEGIES[name]), run))

    def wanted(name: str) -> bool:
        return plan.strategies is None or name in plan.strategies

    for number, seed in enumerate(seeds):
        others = STRATEGIES if number == 0 else OURS
        for name in filter(wanted, PAPER_STRATEGIES):
            paper(seed, name, None)
        for name in filter(wanted, others):
            if name not in PAPER_STRATEGIES:
                run = Run(seed, name, test_every=OTHERS_TEST_EVERY)
                pieces.append((own_steps * passes_of(STRATEGIES[name]), run))
    for name in filter(wanted, SWEPT):
        for fraction in plan.fractions:
            if (name, fraction) != ("ft", 1.0):
                paper(seeds[0], name, fraction)
    return pieces


def _report(
    folder: Path, plan: Plan, jobs: int, seeds: Sequence[Path], problems: Sequence[str]
) -> StudyReport:
    """Tables and figures of the first seed as files, everything else in one report."""
    from napari_unlearn.evaluation.history import read_history
    from napari_unlearn.evaluation.nearness import over_seeds
    from napari_unlearn.evaluation.paper_figures import write_paper
    from napari_unlearn.evaluation.paper_tables import paper_markdown
    from napari_unlearn.evaluation.results import read_results
    from napari_unlearn.study.judge import draw_figure_1

    results = [read_results(seed / RESULTS) for seed in seeds]
    first = Experiment.load(seeds[0])
    share, command = first.unlearning.retain_fraction, plan.command(jobs)
    paper = folder / "paper"
    write_paper(paper, first.name, results[0], first.runs, default_fraction=share, command=command)
    shown = [name for name in FIGURE_RUNS if name in first.runs]
    scan = first.samples("forget_test").scans[0].header.name
    draw_figure_1(first, paper, scan, shown, "cpu")
    histories = {name: read_history(path) for name, path in first.runs.items()}
    return StudyReport(
        command=command,
        machine=machine(jobs),
        versions=versions(results[0][0].card),
        seeds=tuple(range(plan.seeds)),
        best=BEST,
        figures=over_seeds(results),
        problems=tuple(problems),
        tables=paper_markdown(results[0], histories, share),
    )
