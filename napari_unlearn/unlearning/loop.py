"""The one loop that trains originals and oracles and that unlearns."""

import time
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from napari_unlearn.cancel import CancelToken
from napari_unlearn.errors import UnlearnError
from napari_unlearn.evaluation.out_of_memory import memory_said
from napari_unlearn.unlearning.claim import claimed
from napari_unlearn.unlearning.engine import Engine
from napari_unlearn.unlearning.events import (
    Alarm,
    EpochEnd,
    Event,
    Finished,
    Preview,
    Saved,
    Started,
    Step,
)
from napari_unlearn.unlearning.job import Job
from napari_unlearn.unlearning.measure import measure
from napari_unlearn.unlearning.pausing import wait_if_paused
from napari_unlearn.unlearning.preparation import prepare
from napari_unlearn.unlearning.record import Record
from napari_unlearn.unlearning.resume import Progress, job_key, load_progress, save_progress
from napari_unlearn.unlearning.samples import SampleSet
from napari_unlearn.unlearning.watch import Watch

EVENT_SECONDS = 0.1
PREVIEW_SECONDS = 0.5


def train(job: Job, cancel: CancelToken | None = None, resume: bool = False) -> Iterator[Event]:
    """Run a job and tell what happens: Started, Preparing, Step, EpochEnd, Saved, Finished...

    Under torchrun all its processes call this and share every step's samples; the first one
    writes the files, all tell the events.

    Deterministic for a seed on one machine. A paused token makes it write a resume file and
    wait between two steps or two evaluated slices. Cancelling stops after the step in hand
    and keeps a whole checkpoint and a resume file; aborting keeps neither, and leaves an
    earlier checkpoint of the folder as it was; closing the generator keeps what is written.
    Cancelling while masks are drawn up or weights edited writes nothing. A guard's alarm ends
    the run with its best epoch, or with nothing if no epoch was within the limit.

    Raises:
        UnlearnError: if the loss is no longer finite, files cannot be read or written, memory
            runs out in whatever way a step is taken, or another process is at work on the run.
    """
    # Before the folder is claimed: a job that cannot begin leaves no folder behind.
    engine = Engine(job)
    with claimed(job.folder if engine.ranks.first else None):
        yield from _work(_Run(job, engine, cancel or CancelToken(), resume))


def _work(run: "_Run") -> Iterator[Event]:
    """All of a job in a folder that nobody else works in."""
    job = run.job
    yield run.record.tell(
        Started(job.strategy.title, job.total_steps, run.engine.device_name, run.step)
    )
    if run.remark:
        yield Alarm(run.remark)
    if not (yield from run.prepare()):
        yield Alarm("Stopped before the first step; nothing was written.")
        yield from run.discard()
        return
    yield from run.take_steps()
    if run.cancel.aborted:
        yield Alarm(f"Aborted after {run.step} of {job.total_steps} steps; nothing was kept.")
        yield from run.discard()
        return
    if run.alarm and not (run.watch and run.watch.best):
        yield from run.discard()
        return
    yield from run.finish()


class _Run:
    """A job under way: where it stands, and what there is to do next."""

    def __init__(self, job: Job, engine: Engine, cancel: CancelToken, resume: bool) -> None:
        self.engine = engine
        self.ranks, self.clock = engine.ranks, engine.clock
        self.asked = cancel
        self.cancel = cancel if self.ranks.count == 1 else CancelToken()
        """What was asked of all the processes, so that they stop after the same step."""
        self.key = job_key(Record(job).settings)
        found = None
        if resume and job.folder is not None:
            found = load_progress(job.folder, self.key, engine.plain, engine.optimizer)
        self._all_resume(found)
        if not self.ranks.first:  # one process writes and shows
            job = replace(job, folder=None, preview=None)
        self.job = job
        self.record = Record(job)
        self.record.start(resumed=found is not None)
        self.resumed = found is not None
        progress = found or Progress(0, 0.0, 0.0)
        self.remark = progress.remark
        """What was odd about the file that the run goes on from."""
        self.step, self.seconds = progress.step, progress.seconds
        self.epoch_loss, self.epoch_open = progress.epoch_loss, progress.epoch_open
        engine.restrict(progress.masks)
        self.passes, self.metrics = progress.passes, dict(progress.metrics)
        self.watch = progress.watch
        if progress.midway is not None:
            engine.keep_midway(progress.midway)
        self.alarm = ""
        """Why the guard ended the run."""
        self.before = 0.0
        """Seconds of the preparation, which tell nothing about those of a step."""

    def _all_resume(self, found: Progress | None) -> None:
        """Refuse to go on from different steps.

        Raises:
            UnlearnError: if not all processes see the same file to resume from.
        """
        steps = self.ranks.gathered(0 if found is None else found.step)
        if len(set(steps)) > 1:
            raise UnlearnError(
                f"The processes of this run would resume at different steps ({min(steps)} to "
                f"{max(steps)}); {self.engine.job.folder} must lie where all machines see it."
            )

    @property
    def epoch(self) -> int:
        """Of the last step, from 1; 0 before the first."""
        return (self.step - 1) // self.job.steps_per_epoch + 1

    def save(self) -> None:
        """Write the file to resume from."""
        if self.job.folder is None:
            return
        with self.clock.on("files"):
            self._save(self.job.folder)

    def _save(self, folder: Path) -> None:
        engine = self.engine
        progress = Progress(
            self.step,
            self.seconds,
            self.epoch_loss,
            self.passes,
            engine.masks,
            self.metrics,
            self.epoch_open,
            self.watch,
            engine.midway,
        )
        save_progress(folder, self.key, engine.plain, engine.optimizer, progress)

    def prepare(self) -> Generator[Event, None, bool]:
        """Draw up masks, edit weights, show the state before the first step; False: cancelled."""
        job = self.job
        if not self.resumed and job.guard is not None:
            metrics = yield from self.measured(job.watched)
            if self.cancel.cancelled:
                return False
            self.watch = Watch.begin(job.guard, metrics)
        if not self.resumed and job.strategy.prepares:
            prepared = yield from prepare(job.strategy, self.engine.bench, self.cancel)
            if prepared is None:
                return False
            self.engine.restrict(prepared.masks)
            self.passes = prepared.passes
            self.seconds = self.before = prepared.seconds
            self.clock.add("preparation", prepared.seconds)
            self.engine.agree()
            self.save()
        if self.step == 0:
            yield from self.show(epoch=0)
            if job.strategy.edit is not None:
                self.metrics = yield from self.measured(job.measured, self.save)
                whole = not self.cancel.cancelled
                yield self.record.tell(EpochEnd(0, 0.0, self.metrics, self.seconds))
                if whole:
                    yield from self.judge(0)
        return True

    def take_steps(self) -> Generator[Event, None, None]:
        """All the steps that are left, or those until someone stops them."""
        job, steps = self.job, self.job.total_steps
        if self.epoch_open:
            yield from self.end_epoch()
            if not self.alarm:
                self.save()
        told = previewed = saved = time.monotonic()
        while self.step < steps and not self.alarm:
            yield from wait_if_paused(self.cancel, self.step, self.save)
            if self.cancel.cancelled:
                return
            began = time.perf_counter()
            with self.clock.on("arithmetic"):
                value = self.engine.step(self.step)
            self.seconds += time.perf_counter() - began
            self.step += 1
            self.listen()
            self.epoch_loss += value
            for remark in self.engine.remarks():
                yield Alarm(remark)
            now = time.monotonic()
            if now - told >= EVENT_SECONDS or self.step in (1, steps):
                told = now
                left = (self.seconds - self.before) / self.step * (steps - self.step)
                yield Step(self.step, steps, self.epoch, value, self.seconds, left)
            ended = self.step % job.steps_per_epoch == 0 or self.step == steps
            if ended:
                yield from self.end_epoch()
            elif now - previewed >= PREVIEW_SECONDS:
                previewed = now
                yield from self.show()
            if self.alarm:
                return
            if ended or now - saved >= job.save_seconds:
                saved = now
                self.save()

    def listen(self) -> None:
        """Learn whether any process was asked to stop or to abort."""
        if self.ranks.count == 1:
            return
        cancelled, aborted = self.ranks.any(self.asked.cancelled, self.asked.aborted)
        if aborted:
            self.cancel.abort()
        elif cancelled:
            self.cancel.cancel()

    def end_epoch(self) -> Generator[Event, None, None]:
        """Show and measure what the epoch led to.

        Stopped meanwhile, the epoch stays open: a resumed run measures it first.
        """
        job = self.job
        self.epoch_open = True
        yield from self.show(self.epoch)
        self.metrics = {}
        if job.due(self.epoch, self.step):
            self.metrics = yield from self.measured(job.measured, self.save)
        whole = not self.cancel.cancelled
        count = (self.step - 1) % job.steps_per_epoch + 1
        yield self.record.tell(
            EpochEnd(self.epoch, self.epoch_loss / count, self.metrics, self.seconds)
        )
        if whole:
            self.epoch_open, self.epoch_loss = False, 0.0
            yield from self.judge(self.epoch)

    def measured(
        self, sets: Mapping[str, SampleSet], save: Callable[[], None] | None = None
    ) -> Generator[Event, None, dict[str, float]]:
        """The quality on these sets; nothing if cancelled."""
        engine, device = self.engine, self.engine.fabric.device
        with memory_said(f"measuring {self.job.card.title}", device):
            return (
                yield from measure(
                    self.job,
                    sets,
                    engine.model,
                    device,
                    self.cancel,
                    self.step,
                    save,
                    ranks=self.ranks,
                    clock=self.clock,
                )
            )

    def judge(self, epoch: int) -> Iterator[Alarm]:
        """Let the guard look at an epoch's figures."""
        if self.watch is None:
            return
        self.watch = self.watch.seen(epoch, self.metrics, self.engine.plain)
        if self.watch.guard.stops and not self.watch.within(self.metrics):
            self.alarm = self.watch.alarm(epoch, self.metrics)
            yield Alarm(self.alarm)

    def show(self, epoch: int | None = None) -> Iterator[Preview]:
        """The slice in view, if there is one."""
        if self.job.preview is not None:
            with self.clock.on("evaluation"):
                picture = self.engine.picture(self.job.preview)
            yield Preview(self.step, picture, epoch)

    def discard(self) -> Iterator[Event]:
        """Leave nothing of this run."""
        ended = self.record.tell(Finished(self.step, self.seconds, None, stopped=True))
        self.record.discard()
        yield ended

    def finish(self) -> Iterator[Event]:
        """Write checkpoint and figures: of the best epoch if the guard says so, else as it is."""
        job, watch = self.job, self.watch
        over = bool(self.alarm) or (self.step == job.total_steps and not self.epoch_open)
        chooses = watch is not None and watch.guard.keeps_best and not self.alarm
        words = watch.choice() if watch is not None and chooses else ""
        if not over:
            self.save()
            words = (
                f"Stopped after {self.step} of {job.total_steps} steps. "
                f"{words or 'The model so far is kept.'}"
            )
        if words:
            yield Alarm(words)
        metrics, kept = self.metrics, self.step
        best = watch.best if watch is not None and (chooses or self.alarm) else None
        if best is not None:
            best.restore(self.engine.plain)
            kept = min(best.epoch * job.steps_per_epoch, job.total_steps)
            metrics = {**best.metrics, "kept_epoch": float(best.epoch)}
        if self.passes:
            metrics = {**metrics, "preparation_passes": float(self.passes)}
        metrics = {**metrics, "passes": float(self.passes + job.passes_until(self.step))}
        shares = self.clock.shares
        with self.clock.on("files"):
            path = self.record.finish(
                self.engine.plain, metrics, self.step, self.seconds, over, shares
            )
        self.ranks.meet()  # nobody leaves before the files are there
        if path is not None:
            yield Saved(path, kept)
        stopped = bool(self.alarm) or not over
        yield self.record.tell(Finished(self.step, self.seconds, path, stopped, self.clock.shares))
