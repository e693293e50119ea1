"""How long work looks in a terminal: bars that read the same events as the window."""

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from napari_unlearn.cancel import CancelToken
from napari_unlearn.errors import Cancelled, UnlearnError
from napari_unlearn.evaluation.comparison import Compared, CompareEvent, Comparison, Reconstructed
from napari_unlearn.evaluation.responsibility import Asked, Responsibility
from napari_unlearn.evaluation.suspicion import Suspicion
from napari_unlearn.heap import keep_freed_memory
from napari_unlearn.runs.queue import Ended, Told
from napari_unlearn.unlearning.events import (
    Alarm,
    EpochEnd,
    Finished,
    Paused,
    Preparing,
    Saved,
    Started,
    Step,
)
from napari_unlearn.unlearning.job import Job

if TYPE_CHECKING:
    from napari_unlearn.audit.audit import Audit, AuditEvent
    from napari_unlearn.audit.self_test import Check
    from napari_unlearn.evaluation.self_test import SelfTestEvent, SelfTestResult
    from napari_unlearn.evaluation.windows import Windowed
    from napari_unlearn.study.stages import StudyEvent

T = TypeVar("T")

# Of several processes that torchrun started the first one tells.
ERR = Console(stderr=True, quiet=os.environ.get("RANK", "0") != "0")


def bar() -> Progress:
    """A progress bar on standard error, so that figures on standard output stay clean."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=ERR,
        transient=not ERR.is_terminal,
    )


def track(title: str, items: Iterable[object]) -> int:
    """Draw every item, telling how many have come; their number."""
    count = 0
    with ERR.status(title) as status:
        for _ in items:
            count += 1
            status.update(f"{title}: {count}")
    return count


def run_job(job: Job, *, resume: bool = False, threads: int | None = None) -> None:
    """Train or unlearn in the terminal; Ctrl-C keeps what is there.

    Raises:
        Cancelled: if the run was interrupted.
    """
    import torch

    from napari_unlearn.unlearning.loop import train

    if threads is not None:
        torch.set_num_threads(threads)
    keep_freed_memory()
    cancel = CancelToken()
    try:
        with bar() as progress:
            line = progress.add_task(job.card.title, total=job.total_steps)
            for event in train(job, cancel, resume):
                match event:
                    case Started():
                        progress.console.print(f"{job.card.title} on {event.device}")
                    case Preparing():
                        remark = f"{job.card.title}, preparing {event.done}/{event.total}"
                        progress.update(line, description=remark)
                    case Paused():
                        title = job.card.title
                        progress.update(
                            line, description=title if event.resumed else f"{title}, paused"
                        )
                    case Step():
                        progress.update(line, description=job.card.title, completed=event.step)
                    case EpochEnd():
                        figures = "  ".join(
                            f"{name} {value:.4g}" for name, value in headline(event.metrics)
                        )
                        progress.console.print(
                            f"epoch {event.epoch}  loss {event.loss:.4f}  "
                            f"{event.seconds:.0f} s  {figures}"
                        )
                    case Alarm():
                        progress.console.print(event.message, style="yellow")
                    case Saved():
                        progress.console.print(f"{event.path} written.")
                    case Finished():
                        progress.update(line, completed=event.steps)
                        if event.shares:
                            progress.console.print(where_time_went(event))
    except KeyboardInterrupt as stop:
        raise Cancelled(
            "Interrupted; what was saved is kept, and --resume goes on from there."
        ) from stop


def where_time_went(event: Finished) -> str:
    """Steps, seconds and the share of each part of the work, e.g. "evaluation 12 %"."""
    parts = [f"{part} {100 * share:.0f} %" for part, share in event.shares.items() if share > 0.005]
    return f"{event.steps} steps in {event.seconds:.0f} s; of all the time {', '.join(parts)}."


def headline(metrics: Mapping[str, float]) -> list[tuple[str, float]]:
    """The figures that fit a line: means, not one for every structure ("held_dice_3")."""
    return [item for item in metrics.items() if not re.search(r"_dice_\d+$", item[0])]


def show_queue(events: Iterable[Told | Ended], runs: int) -> int:
    """Follow a queue to its end, a bar for each run under way; how many failed."""
    failed, lines = 0, dict[str, TaskID]()
    with bar() as progress:
        whole = progress.add_task("Runs", total=runs)
        for told in events:
            if isinstance(told, Ended):
                failed += told.outcome == "failed"
                style = {"finished": "green", "stopped": "yellow", "failed": "red"}[told.outcome]
                progress.console.print(f"{told.run}: {told.outcome}, {told.sentence}", style=style)
                if told.run in lines:
                    progress.remove_task(lines.pop(told.run))
                progress.advance(whole)
                continue
            match event := told.event:
                case Started():
                    lines[told.run] = progress.add_task(told.run, total=event.steps)
                case Preparing():
                    remark = f"{told.run}, preparing {event.done}/{event.total}"
                    progress.update(lines[told.run], description=remark)
                case Paused():
                    remark = told.run if event.resumed else f"{told.run}, paused"
                    progress.update(lines[told.run], description=remark)
                case Step():
                    progress.update(lines[told.run], description=told.run, completed=event.step)
    return failed


def show_comparison(events: Iterator[CompareEvent]) -> Comparison:
    """Follow a comparison to its end."""
    with bar() as progress:
        line = progress.add_task("Reconstructing", total=None)
        for event in events:
            match event:
                case Reconstructed():
                    progress.update(line, completed=event.done, total=event.total)
                case Compared():
                    return event.comparison
    raise UnlearnError("The comparison ended without a result.")


def show_evaluation(events: Iterator[tuple[int, int] | list[T]]) -> list[T]:
    """Follow an evaluation to its end."""
    return _counted("Evaluating", events)


def show_suspicion(events: Iterator[tuple[int, int] | Suspicion]) -> Suspicion:
    """Follow a search for suspicious scans to its end."""
    return _counted("Comparing with the measured lines", events)


def show_self_test(events: "Iterator[SelfTestEvent]") -> "SelfTestResult":
    """Follow a self-test of the maps to its end."""
    return _counted("Planting and looking", events)


def show_audit(events: "Iterator[AuditEvent]") -> "Audit":
    """Follow an audit to its end."""
    return _counted("Attacking", events)


def show_attacks(events: "Iterator[tuple[int, int] | list[Check]]") -> "list[Check]":
    """Follow a self-test of the attacks to its end."""
    return _counted("Attacking known models", events)


def show_responsible(events: Iterator[Asked | Responsibility]) -> Responsibility:
    """Follow a search for responsible training slices to its end."""
    counts = ((each.done, each.total) if isinstance(each, Asked) else each for each in events)
    return _counted("Asking the training slices", counts)


def show_reconstructions(events: Iterator[tuple[int, int] | T]) -> T:
    """Follow the making of images to its end."""
    return _counted("Reconstructing", events)


def show_windows(events: "Iterator[Windowed | T]", title: str) -> T:
    """Follow the labelling of a volume to its end."""
    from napari_unlearn.evaluation.windows import Windowed

    counts = ((each.done, each.total) if isinstance(each, Windowed) else each for each in events)
    return _counted(title, counts)


def _counted(title: str, events: Iterator[tuple[int, int] | T]) -> T:
    """Follow work that counts (done, total) until it yields its result."""
    with bar() as progress:
        line = progress.add_task(title, total=None)
        for event in events:
            if not isinstance(event, tuple):
                return event
            progress.update(line, completed=event[0], total=event[1])
    raise UnlearnError(f"{title}: ended without a result.")


def format_quality(comparison: Comparison, as_json: bool = False) -> str:
    """One line per arm: quality and what was invented."""
    rows = []
    for arm in comparison.arms:
        kinds = [region.kind for region in arm.regions]
        rows.append(
            {
                "name": arm.name,
                "role": arm.role,
                "psnr": None if arm.quality is None else round(arm.quality.psnr, 3),
                "ssim": None if arm.quality is None else round(arm.quality.ssim, 4),
                "nmse": None if arm.quality is None else round(arm.quality.nmse, 5),
                **{kind: kinds.count(kind) for kind in ("removed", "remaining", "introduced")},
                "seconds": round(arm.seconds, 2),
            }
        )
    if as_json:
        return json.dumps(rows)
    lines = [
        f"{'model':<24}{'PSNR':>8}{'SSIM':>8}{'removed':>9}{'remaining':>11}{'introduced':>12}"
    ]
    for row in rows:
        psnr = "" if row["psnr"] is None else f"{row['psnr']:.2f}"
        ssim = "" if row["ssim"] is None else f"{row['ssim']:.3f}"
        lines.append(
            f"{row['name']:<24}{psnr:>8}{ssim:>8}"
            f"{row['removed']:>9}{row['remaining']:>11}{row['introduced']:>12}"
        )
    return "\n".join(lines)


def show_study(begin: "Callable[[CancelToken], Iterator[StudyEvent]]") -> Path:
    """Follow a study to its end, a line per piece; the report.

    Args:
        begin: starts the study; the token stops it.

    Raises:
        UnlearnError: as the study; `Cancelled` if it was interrupted.
    """
    from napari_unlearn.study.pieces import PieceDone
    from napari_unlearn.study.stages import StageBegan, StudyDone

    cancel, done, pieces = CancelToken(), 0, 0
    try:
        for event in begin(cancel):
            match event:
                case StageBegan():
                    done, pieces = 0, event.pieces
                    ERR.print(f"{event.name}: {pieces}", style="bold")
                case PieceDone():
                    done += 1
                    how = "was there" if event.found else f"{event.seconds:.0f} s"
                    ERR.print(f"  {done}/{pieces} {event.name}: {event.problem or how}")
                case StudyDone():
                    return event.report
    except KeyboardInterrupt as stop:
        raise Cancelled("Interrupted; the same command goes on from here.") from stop
    raise UnlearnError("The study ended without a report.")
