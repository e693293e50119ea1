"""The whole study of the paper from one call: simulate, train, unlearn, judge, report.

Every stage leaves files, and a stage that finds its files does not repeat it: a study that was
killed goes on where it was.
"""

import json
import os
import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from napari_unlearn import __version__
from napari_unlearn.atomic import write_whole
from napari_unlearn.cancel import CancelToken
from napari_unlearn.errors import UnlearnError
from napari_unlearn.evaluation.findings import PAPER_STRATEGIES
from napari_unlearn.evaluation.study_report import StudyReport
from napari_unlearn.experiment import FILE, Experiment
from napari_unlearn.phantoms.protocols import BRAIN_KNEE
from napari_unlearn.runs.background import Work, in_child
from napari_unlearn.runs.side_by_side import side_by_side
from napari_unlearn.simulation import simulate_protocol
from napari_unlearn.study.pieces import (
    RESULTS,
    Judgement,
    PieceDone,
    Run,
    carry_out_runs,
    judge_seed,
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
NEVER = 10**6
BUNDLES = 4
"""Child processes per job and stage, at most: the more, the less waits for the last one."""
WORTH = 300.0
"""Passes over a sample that a child process must be worth: each pays for its imports."""
STUDY, REPORT = "study.json", "results"
FIGURE_RUNS = ("original", "oracle", "nl-ft", BEST)


@dataclass(frozen=True)
class Plan:
    """How large a study."""

    seeds: int = 3
    scale: float = 1.0
    strategies: tuple[str, ...] | None = None
    """None takes all; for studies in miniature."""
    fractions: tuple[float, ...] = FRACTIONS
    changes: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    """Keys of the experiment file that differ, by table; likewise."""

    def __post_init__(self) -> None:
        """Refuse a study without a seed.

        Raises:
            UnlearnError: naming the number.
        """
        if self.seeds < 1:
            raise UnlearnError(f"A study of {self.seeds} seeds trains nothing; at least 1.")


@dataclass(frozen=True)
class StageBegan:
    """What comes next."""

    name: str
    pieces: int


@dataclass(frozen=True)
class StudyDone:
    """The report is written."""

    report: Path
    seconds: Mapping[str, float]


def study(
    folder: Path, plan: Plan, jobs: int = 2, cancel: CancelToken | None = None
) -> Iterator[StageBegan | PieceDone | StudyDone]:
    """Simulate, train, unlearn, judge and report, or go on with it.

    Args:
        folder: of the study; seed k becomes the experiment `seed-k`.
        plan: what it consists of.
        jobs: child processes side by side; each has one torch thread if there are several.
        cancel: stops the runs in hand and keeps what they have.

    Raises:
        UnlearnError: if the folder holds another study, a training fails, or the work is
            stopped. An unlearning that fails is a line of the report instead.
    """
    token = cancel or CancelToken()
    diary = _Diary.open(folder, plan)
    threads = 1 if jobs > 1 else max(1, _cores())

    yield StageBegan("simulate", 1)
    with diary.timed("simulate"):
        if not (folder / FILE).exists():
            for _ in simulate_protocol(folder, BRAIN_KNEE.name, plan.scale):
                token.check()
        seeds = [_seed_folder(folder, plan, seed) for seed in range(plan.seeds)]

    problems: dict[str, str] = {}
    stages: list[tuple[str, Callable[[], list[tuple[float, Run | Judgement]]]]] = [
        ("train", lambda: _trainings(seeds)),
        ("unlearn", lambda: _unlearnings(seeds, plan)),
        ("judge", lambda: [(1.0 / (n + 1), Judgement(seed)) for n, seed in enumerate(seeds)]),
    ]
    for name, list_pieces in stages:
        pieces = list_pieces()
        works = [partial(in_child, work, threads=threads) for work in _bundled(pieces, jobs)]
        yield StageBegan(name, len(pieces))
        with diary.timed(name):
            for event in side_by_side(works, jobs, token):
                if isinstance(event, PieceDone):
                    if event.problem:
                        problems[event.name] = event.problem
                    yield event
            token.check()
        if name == "train" and problems:
            raise UnlearnError(next(iter(problems.values())))

    yield StageBegan("report", 1)
    with diary.timed("report"):
        report = _report(folder, plan, seeds, jobs, threads, problems)
    path = _write_report(folder, report, diary)
    yield StudyDone(path, dict(diary.seconds))


def _trainings(seeds: Sequence[Path]) -> list[tuple[float, Run | Judgement]]:
    experiment = Experiment.load(seeds[0])
    oracle = experiment.training.epochs * len(experiment.samples("retain"))
    original = oracle + experiment.training.epochs * len(experiment.samples("forget"))
    roles = (("original", original), ("oracle", oracle))
    return [(float(steps), Run(seed, role)) for seed in seeds for role, steps in roles]


def _unlearnings(seeds: Sequence[Path], plan: Plan) -> list[tuple[float, Run | Judgement]]:
    """Every strategy and the sweep on the first seed, the paper's and ours on the others."""
    experiment = Experiment.load(seeds[0])
    retain = len(experiment.samples("retain"))
    forget = len(experiment.samples("forget"))
    own_steps = experiment.unlearning.steps or experiment.unlearning.epochs * retain
    share = experiment.unlearning.retain_fraction
    pieces: list[tuple[float, Run | Judgement]] = []

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
        pieces.append((steps * _passes(name), run))

    def wanted(name: str) -> bool:
        return plan.strategies is None or name in plan.strategies

    for number, seed in enumerate(seeds):
        others = STRATEGIES if number == 0 else OURS
        for name in filter(wanted, PAPER_STRATEGIES):
            paper(seed, name, None)
        for name in filter(wanted, others):
            if name not in PAPER_STRATEGIES:
                run = Run(seed, name, test_every=OTHERS_TEST_EVERY)
                pieces.append((own_steps * _passes(name), run))
    for name in filter(wanted, SWEPT):
        for fraction in plan.fractions:
            if (name, fraction) != ("ft", 1.0):
                paper(seeds[0], name, fraction)
    return pieces


def _passes(name: str) -> int:
    """Passes over a sample per step, roughly."""
    entry = STRATEGIES[name]
    return max(1, sum(part is not None for part in (entry.forget, entry.retain)))


def _bundled(pieces: Sequence[tuple[float, Run | Judgement]], jobs: int) -> list[Work]:
    """Works of about equal cost, the largest pieces first."""
    runs = [(cost, piece) for cost, piece in pieces if isinstance(piece, Run)]
    works: list[Work] = [
        partial(judge_seed, piece) for _, piece in pieces if isinstance(piece, Judgement)
    ]
    worth = int(sum(cost for cost, _ in runs) / WORTH)
    count = min(len(runs), BUNDLES * jobs, max(jobs, worth))
    bundles: list[list[Run]] = [[] for _ in range(count)]
    loads = [0.0] * len(bundles)
    for cost, run in sorted(runs, key=lambda pair: -pair[0]):
        place = loads.index(min(loads))
        loads[place] += cost
        bundles[place].append(run)
    return [*(partial(carry_out_runs, tuple(bundle)) for bundle in bundles), *works]


def _seed_folder(folder: Path, plan: Plan, seed: int) -> Path:
    """The experiment of one training seed, on the data that all share."""
    base = Experiment.load(folder)
    table = base.model_dump(exclude_none=True)
    table["seed"] = seed
    data = table["data"]
    for part in (data, data["tests"]):
        for key, patterns in part.items():
            if isinstance(patterns, list):
                part[key] = [f"../{pattern}" for pattern in patterns]
    if base.unlearning.steps is not None:
        table["unlearning"]["steps"] = max(1, round(base.unlearning.steps * plan.scale))
    for name, values in plan.changes.items():
        table[name].update(values)
    place = folder / f"seed-{seed}"
    text = _toml(table)
    path = place / FILE
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        place.mkdir(parents=True, exist_ok=True)
        write_whole(path, text.encode())
    return place


def _toml(table: Mapping[str, object], under: str = "") -> str:
    """A table as TOML; JSON's scalars and lists are TOML's as well."""
    plain = {key: value for key, value in table.items() if not isinstance(value, dict)}
    lines = [f"{key} = {json.dumps(value)}" for key, value in plain.items()]
    for key, value in table.items():
        if isinstance(value, dict):
            name = f"{under}{key}"
            lines += ["", f"[{name}]", _toml(value, f"{name}.")]
    return "\n".join(lines).strip() + "\n"


def _report(
    folder: Path,
    plan: Plan,
    seeds: Sequence[Path],
    jobs: int,
    threads: int,
    problems: Mapping[str, str],
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
    share, command = first.unlearning.retain_fraction, _command(plan, jobs)
    paper = folder / "paper"
    write_paper(paper, first.name, results[0], first.runs, default_fraction=share, command=command)
    shown = [name for name in FIGURE_RUNS if name in first.runs]
    scan = first.samples("forget_test").scans[0].header.name
    draw_figure_1(first, paper, scan, shown, "cpu")
    histories = {name: read_history(path) for name, path in first.runs.items()}
    versions = {"napari-unlearn": __version__, "Python": platform.python_version()}
    torch_version = results[0][0].card.versions.get("torch")
    return StudyReport(
        command=command,
        machine=f"{_cores()} CPU cores ({platform.machine()}), {jobs} "
        + (f"processes of {threads} torch thread each" if jobs > 1 else "process"),
        versions={**versions, **({"torch": torch_version} if torch_version else {})},
        seeds=tuple(range(plan.seeds)),
        best=BEST,
        figures=over_seeds(results),
        problems=tuple(problems.values()),
        tables=paper_markdown(results[0], histories, share),
    )


def _write_report(folder: Path, report: StudyReport, diary: "_Diary") -> Path:
    whole = replace(report, seconds=dict(diary.seconds), sittings=diary.sittings)
    path = folder / f"{REPORT}.json"
    whole.write(path)
    write_whole(folder / f"{REPORT}.md", whole.markdown().encode())
    return path


def _command(plan: Plan, jobs: int) -> str:
    words = f"napari-unlearn study DIR --seeds {plan.seeds} --jobs {jobs}"
    return words if plan.scale == 1 else f"{words} --scale {plan.scale:g}"


def _cores() -> int:
    """Those that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS, Windows
        return os.cpu_count() or 1


@dataclass
class _Diary:
    """What data a study is about and how long its stages took, over all sittings.

    Seeds, strategies and fractions may change from sitting to sitting: runs know themselves
    whether they are whole.
    """

    path: Path
    plan: dict[str, object]
    seconds: dict[str, float]
    sittings: int

    @classmethod
    def open(cls, folder: Path, plan: Plan) -> "_Diary":
        """Begin, or go on.

        Raises:
            UnlearnError: if the folder holds a study with another plan, or something else.
        """
        path = folder / STUDY
        wanted = {"scale": plan.scale, "changes": json.loads(json.dumps(plan.changes))}
        if not path.exists():
            if folder.is_file() or (folder.exists() and any(folder.iterdir())):
                raise UnlearnError(f"{folder}: holds something else; name a new folder.")
            folder.mkdir(parents=True, exist_ok=True)
            diary = cls(path, wanted, {}, 1)
            diary._write()
            return diary
        try:
            about = json.loads(path.read_text(encoding="utf-8"))
            diary = cls(path, about["plan"], about["seconds"], about["sittings"] + 1)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UnlearnError(f"{path}: damaged; name a new folder for the study.") from error
        if diary.plan != wanted:
            raise UnlearnError(
                f"{folder}: holds a study at scale {diary.plan.get('scale')} whose data this one "
                "cannot share; take that scale or name a new folder."
            )
        diary._write()
        return diary

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add what happens inside to a stage's seconds."""
        began = time.monotonic()
        try:
            yield
        finally:
            spent = self.seconds.get(stage, 0.0) + time.monotonic() - began
            self.seconds[stage] = round(spent, 1)
            self._write()

    def _write(self) -> None:
        about = {"plan": self.plan, "seconds": self.seconds, "sittings": self.sittings}
        write_whole(self.path, (json.dumps(about, indent=1) + "\n").encode())
