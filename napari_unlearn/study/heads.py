"""The study of subject-level unlearning from one call, on simulated heads.

Original and oracle of every training seed, which take equally many steps; on the first seed
every strategy at every budget, those of "To forget is to preserve" with a fixed decoder as
well; on the others the paper's strategies and ours. Like `study.study` it goes on where it was.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from napari_unlearn.cancel import CancelToken
from napari_unlearn.evaluation.error import EvaluationError
from napari_unlearn.evaluation.paper_style import save
from napari_unlearn.evaluation.subject_figure import draw_structures
from napari_unlearn.evaluation.subject_report import SubjectReport
from napari_unlearn.evaluation.subject_results import SubjectResult, read_subjects
from napari_unlearn.evaluation.subject_runs import ROLES, SIX, Variant
from napari_unlearn.evaluation.subject_tables import over_seeds, structure_tables
from napari_unlearn.experiment import Experiment
from napari_unlearn.phantoms.head_protocol import HEADS
from napari_unlearn.study.pieces import RESULTS, Run, judge_subjects_of_seed
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
from napari_unlearn.unlearning.strategy import Strategy

PROTOCOL = HEADS.name
STRATEGIES = strategies_for("segmentation")
BEST = "as-stranger"
"""The strategy of ours that is held to what the project asks for, named before the runs."""
EPOCHS = (20, 50)
"""The paper's budgets."""
ELSEWHERE = (20,)
"""Of the paper's strategies on the seeds after the first, to end within the hour."""
FIXED = "fix_decoder"
"""The parameter that fixes a decoder."""
FIGURE = "structures"


@dataclass(frozen=True)
class HeadsPlan(StudyPlan):
    """How large a study."""

    epochs: tuple[int, ...] = EPOCHS
    elsewhere: tuple[int, ...] = ELSEWHERE
    """Those of the paper's strategies on the seeds after the first."""


def study_heads(
    folder: Path, plan: HeadsPlan, jobs: int = 2, cancel: CancelToken | None = None
) -> Iterator[StudyEvent]:
    """The whole study, or go on with it; see `stages.carry_out_study`."""
    yield from carry_out_study(
        folder,
        PROTOCOL,
        plan,
        trainings=trainings,
        unlearnings=partial(unlearnings, plan=plan),
        judge=judge_subjects_of_seed,
        report=partial(_report, folder, plan, jobs),
        jobs=jobs,
        cancel=cancel,
    )


def trainings(seeds: Sequence[Path]) -> list[Costly]:
    """Original and oracle of every seed; by the protocol they take equally many steps."""
    experiment = Experiment.load(seeds[0])
    subjects = sum(len(experiment.samples(name)) for name in ("retain", "forget"))
    steps = float(experiment.training.epochs * subjects)
    return [(steps, Run(seed, role)) for seed in seeds for role in ROLES]


def unlearnings(seeds: Sequence[Path], plan: HeadsPlan) -> list[Costly]:
    """Every strategy at every budget on the first seed, the paper's and the best on the others.

    Those that only edit weights have no budget; one that differs from another in the retain
    set's share alone is left out where all of it is used anyway.
    """
    experiment = Experiment.load(seeds[0])
    retain, forget = (len(experiment.samples(name)) for name in ("retain", "forget"))
    share = experiment.unlearning.retain_fraction
    pieces: list[Costly] = []

    def add(seed: Path, variant: Variant) -> None:
        entry = STRATEGIES[variant.strategy]
        seen = max(forget if entry.forget else 0, share * retain if entry.retain else 0)
        run = Run(
            seed,
            variant.strategy,
            values=((FIXED, 1.0),) if variant.fixed else (),
            epochs=variant.epochs,
            run_name=variant.run,
            test_every=NEVER,
        )
        pieces.append(((variant.epochs or 1) * seen * passes_of(entry), run))

    def wanted(name: str) -> bool:
        # With the whole retain set at hand `full-ft` is `ft`.
        doubled = STRATEGIES[name].whole_retain_set and share == 1
        return not doubled and (plan.strategies is None or name in plan.strategies)

    for number, seed in enumerate(seeds):
        for name in filter(wanted, STRATEGIES if number == 0 else (*SIX, BEST)):
            entry = STRATEGIES[name]
            epochs = plan.epochs if number == 0 or name == BEST else plan.elsewhere
            budgets: tuple[int | None, ...] = epochs if entry.trains else (None,)
            for count in budgets:
                add(seed, Variant(name, count))
                if number == 0 and name in (*SIX, BEST) and _can_be_fixed(entry):
                    add(seed, Variant(name, count, fixed=True))
    return pieces


def _can_be_fixed(strategy: Strategy) -> bool:
    return any(parameter.name == FIXED for parameter in strategy.parameters)


def draw(folder: Path, results: Sequence[SubjectResult], plan: HeadsPlan) -> list[Path]:
    """The structures of the forget subjects as PNG and SVG: the paper's best, and ours."""
    last = max(plan.epochs)
    shown = ["original", "oracle", *(Variant(name, last).run for name in ("noisy-label", BEST))]
    with suppress(EvaluationError):
        figure = draw_structures(results, shown)
        return [save(figure, folder / f"{FIGURE}.{kind}") for kind in ("png", "svg")]
    return []


def _report(
    folder: Path, plan: HeadsPlan, jobs: int, seeds: Sequence[Path], problems: Sequence[str]
) -> SubjectReport:
    results = [read_subjects(seed / RESULTS) for seed in seeds]
    draw(folder, results[0], plan)
    return SubjectReport(
        command=plan.command(jobs, f"--protocol {PROTOCOL}"),
        machine=machine(jobs),
        versions=versions(results[0][0].card),
        seeds=tuple(range(plan.seeds)),
        best=BEST,
        figures=over_seeds(results),
        problems=tuple(problems),
        tables=structure_tables(results[0]),
    )
