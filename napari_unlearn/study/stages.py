"""What every study is made of: an experiment per seed, stages of pieces side by side, a report."""

import json
import os
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from napari_unlearn import __version__
from napari_unlearn.atomic import write_whole
from napari_unlearn.cancel import CancelToken
from napari_unlearn.errors import UnlearnError
from napari_unlearn.evaluation.study_report import StudyReport
from napari_unlearn.experiment import FILE, Experiment
from napari_unlearn.models.card import Card
from napari_unlearn.runs.background import Work, in_child
from napari_unlearn.runs.side_by_side import side_by_side
from napari_unlearn.simulation import simulate_protocol
from napari_unlearn.study.diary import Diary
from napari_unlearn.study.pieces import Judgement, PieceDone, Run, carry_out_runs
from napari_unlearn.unlearning.strategy import Strategy

BUNDLES = 4
"""Child processes per job and stage, at most: the more, the less waits for the last one."""
WORTH = 300.0
"""Passes over a sample that a child process must be worth: each pays for its imports."""
NEVER = 10**6
"""Epochs between two measurements of a run that stands in no table by epoch."""
REPORT = "results"

Costly = tuple[float, Run | Judgement]
"""A piece and what it costs, in passes over a sample."""
Pieces = Callable[[Sequence[Path]], Sequence[Costly]]
"""Those of a stage, for the folders of the seeds; asked when the stage begins."""
Judge = Callable[[Judgement, CancelToken], Iterator[PieceDone]]


@dataclass(frozen=True)
class StudyPlan:
    """How large a study."""

    seeds: int = 3
    scale: float = 1.0
    strategies: tuple[str, ...] | None = None
    """None takes all; for studies in miniature."""
    changes: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    """Keys of the experiment file that differ, by table; likewise."""

    def __post_init__(self) -> None:
        """Refuse a study without a seed.

        Raises:
            UnlearnError: naming the number.
        """
        if self.seeds < 1:
            raise UnlearnError(f"A study of {self.seeds} seeds trains nothing; at least 1.")

    def command(self, jobs: int, *options: str) -> str:
        """What is typed to do it again."""
        words = ["napari-unlearn study DIR", *options, f"--seeds {self.seeds} --jobs {jobs}"]
        return " ".join(words if self.scale == 1 else [*words, f"--scale {self.scale:g}"])


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


StudyEvent = StageBegan | PieceDone | StudyDone


def carry_out_study(
    folder: Path,
    protocol: str,
    plan: StudyPlan,
    *,
    trainings: Pieces,
    unlearnings: Pieces,
    judge: Judge,
    report: Callable[[Sequence[Path], Sequence[str]], StudyReport],
    jobs: int,
    cancel: CancelToken | None,
) -> Iterator[StudyEvent]:
    """Simulate, train, unlearn, judge and report; the pieces of a stage in children side by side.

    Args:
        folder: of the study; seed k becomes the experiment `seed-k`.
        protocol: that is simulated, once for all seeds.
        plan: how large.
        trainings: originals and oracles.
        unlearnings: everything that starts from an original.
        judge: what a child does with a judgement; an importable function.
        report: of the folders of the seeds and the problems of runs that failed.
        jobs: child processes side by side; each has one torch thread if there are several.
        cancel: stops the runs in hand and keeps what they have.

    Raises:
        UnlearnError: if the folder holds another study, a training fails, or the work is
            stopped. An unlearning that fails is a line of the report instead.
    """
    token = cancel or CancelToken()
    diary = Diary.open(folder, protocol, plan.scale, plan.changes)

    yield StageBegan("simulate", 1)
    with diary.timed("simulate"):
        seeds = seed_folders(folder, protocol, plan, token)

    problems: dict[str, str] = {}
    stages = (("train", trainings), ("unlearn", unlearnings), ("judge", judgements))
    for stage, pieces_of in stages:
        pieces = pieces_of(seeds)
        works = [
            partial(in_child, work, threads=threads_of(jobs))
            for work in bundled(pieces, jobs, judge)
        ]
        yield StageBegan(stage, len(pieces))
        with diary.timed(stage):
            for event in side_by_side(works, jobs, token):
                if isinstance(event, PieceDone):
                    if event.problem:
                        problems[event.name] = event.problem
                    yield event
            token.check()
        if stage == "train" and problems:
            raise UnlearnError(next(iter(problems.values())))

    yield StageBegan("report", 1)
    with diary.timed("report"):
        whole = report(seeds, tuple(problems.values()))
    yield write_report(folder, whole, diary)


def bundled(pieces: Sequence[Costly], jobs: int, judge: Judge) -> list[Work]:
    """Works of about equal cost, the largest pieces first."""
    runs = [(cost, piece) for cost, piece in pieces if isinstance(piece, Run)]
    works: list[Work] = [
        partial(judge, piece) for _, piece in pieces if isinstance(piece, Judgement)
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


def judgements(seeds: Sequence[Path]) -> list[Costly]:
    """One per seed; the first has the most runs."""
    return [(1.0 / (number + 1), Judgement(seed)) for number, seed in enumerate(seeds)]


def passes_of(strategy: Strategy) -> float:
    """Passes over a sample per step, roughly; a teacher's answer is a third of one."""
    parts = sum(part is not None for part in (strategy.forget, strategy.retain))
    return max(1, parts) + len(strategy.teachers) / 3


def seed_folders(
    folder: Path,
    protocol: str,
    plan: StudyPlan,
    token: CancelToken,
) -> list[Path]:
    """Simulate what all seeds share, if it is not there, and write an experiment for each.

    Args:
        folder: of the study.
        protocol: that is simulated.
        plan: how many seeds; its scale is that of the protocol and of the steps of unlearning.
        token: looked at after each file.

    Raises:
        UnlearnError: if the folder cannot be written, or the work is stopped.
    """
    if not (folder / FILE).exists():
        for _ in simulate_protocol(folder, protocol, plan.scale):
            token.check()
    return [_seed_folder(folder, seed, plan) for seed in range(plan.seeds)]


def _seed_folder(folder: Path, seed: int, plan: StudyPlan) -> Path:
    base = Experiment.load(folder)
    table = base.model_dump(exclude_none=True)
    table["seed"] = seed
    root = Path(base.data.root)
    if not root.expanduser().is_absolute():
        table["data"]["root"] = (Path("..") / root).as_posix()
    if base.unlearning.steps is not None:
        table["unlearning"]["steps"] = max(1, round(base.unlearning.steps * plan.scale))
    for name, values in plan.changes.items():
        table[name].update(values)
    place = folder / f"seed-{seed}"
    text = toml(table)
    path = place / FILE
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        place.mkdir(parents=True, exist_ok=True)
        write_whole(path, text.encode())
    return place


def toml(table: Mapping[str, object], under: str = "") -> str:
    """A table as TOML; JSON's scalars and lists are TOML's as well."""
    plain = {key: value for key, value in table.items() if not isinstance(value, dict)}
    lines = [f"{key} = {json.dumps(value)}" for key, value in plain.items()]
    for key, value in table.items():
        if isinstance(value, dict):
            name = f"{under}{key}"
            lines += ["", f"[{name}]", toml(value, f"{name}.")]
    return "\n".join(lines).strip() + "\n"


def threads_of(jobs: int) -> int:
    """Of torch in each process: one if there are several, else every core."""
    return 1 if jobs > 1 else max(1, cores())


def cores() -> int:
    """Those that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS, Windows
        return os.cpu_count() or 1


def machine(jobs: int) -> str:
    """What a study ran on, in words."""
    several = f"{jobs} processes of {threads_of(jobs)} torch thread each"
    return f"{cores()} CPU cores ({platform.machine()}), {several if jobs > 1 else '1 process'}"


def versions(card: Card) -> dict[str, str]:
    """Of what a study was made with; a run's card knows torch's."""
    found = {"napari-unlearn": __version__, "Python": platform.python_version()}
    torch_version = card.versions.get("torch")
    return {**found, **({"torch": torch_version} if torch_version else {})}


def write_report(folder: Path, report: StudyReport, diary: Diary) -> StudyDone:
    """Write results.json and results.md, with the times of all stages."""
    whole = replace(report, seconds=dict(diary.seconds), sittings=diary.sittings)
    path = folder / f"{REPORT}.json"
    whole.write(path)
    write_whole(folder / f"{REPORT}.md", whole.markdown().encode())
    return StudyDone(path, whole.seconds)
