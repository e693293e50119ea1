"""The one loop that trains originals and oracles and that unlearns."""

import time
from collections.abc import Generator, Iterator

from torch import Tensor

from napari_unlearn.cancel import CancelToken
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

EVENT_SECONDS = 0.1
PREVIEW_SECONDS = 0.5


def train(job: Job, cancel: CancelToken | None = None, resume: bool = False) -> Iterator[Event]:
    """Run a job and tell what happens: Started, Preparing, Step, EpochEnd, Saved, Finished...

    Deterministic for a seed on one machine. A paused token makes it write a resume file and
    wait between two steps or two evaluated slices. Cancelling stops after the step in hand
    and keeps a whole checkpoint and a resume file; aborting keeps neither, and leaves an
    earlier checkpoint of the folder as it was; closing the generator keeps what is written.
    Cancelling while masks are drawn up or weights edited writes nothing.

    Raises:
        UnlearnError: if the loss is no longer finite, or files cannot be read or written.
    """
    run = _Run(job, cancel or CancelToken(), resume)
    yield run.record.tell(
        Started(job.strategy.title, job.total_steps, run.engine.device_name, run.step)
    )
    if not (yield from run.prepare()):
        yield Alarm("Stopped before the first step; nothing was written.")
        yield from run.discard()
        return
    yield from run.take_steps()
    if run.cancel.aborted:
        yield Alarm(f"Aborted after {run.step} of {job.total_steps} steps; nothing was kept.")
        yield from run.discard()
        return
    yield from run.finish()


class _Run:
    """A job under way: where it stands, and what there is to do next."""

    def __init__(self, job: Job, cancel: CancelToken, resume: bool) -> None:
        self.job, self.cancel = job, cancel
        self.engine = engine = Engine(job)
        self.record = Record(job)
        self.key = job_key(self.record.settings)
        found = None
        if resume and job.folder is not None:
            found = load_progress(job.folder, self.key, engine.plain, engine.optimizer)
        self.record.start(resumed=found is not None)
        self.resumed = found is not None
        progress = found or Progress(0, 0.0, 0.0)
        self.step, self.seconds = progress.step, progress.seconds
        self.epoch_loss, self.epoch_open = progress.epoch_loss, progress.epoch_open
        self.masks: dict[str, Tensor] = dict(progress.masks)
        self.passes, self.metrics = progress.passes, dict(progress.metrics)
        self.before = 0.0
        """Seconds of the preparation, which tell nothing about those of a step."""

    @property
    def epoch(self) -> int:
        """Of the last step, from 1; 0 before the first."""
        return (self.step - 1) // self.job.steps_per_epoch + 1

    def save(self) -> None:
        """Write the file to resume from."""
        if self.job.folder is None:
            return
        engine = self.engine
        progress = Progress(
            self.step,
            self.seconds,
            self.epoch_loss,
            self.passes,
            self.masks,
            self.metrics,
            self.epoch_open,
        )
        save_progress(self.job.folder, self.key, engine.plain, engine.optimizer, progress)

    def prepare(self) -> Generator[Event, None, bool]:
        """Draw up masks, edit weights, show the state before the first step; False: cancelled."""
        job = self.job
        if not self.resumed and job.strategy.prepares:
            prepared = yield from prepare(job.strategy, self.engine.bench, self.cancel)
            if prepared is None:
                return False
            self.masks, self.passes = prepared.masks, prepared.passes
            self.seconds = self.before = prepared.seconds
            self.save()
        if self.step == 0:
            yield from self.show(epoch=0)
            if job.strategy.edit is not None:
                yield from self.measure()
                yield self.record.tell(EpochEnd(0, 0.0, self.metrics, self.seconds))
        return True

    def take_steps(self) -> Generator[Event, None, None]:
        """All the steps that are left, or those until someone stops them."""
        job, steps = self.job, self.job.total_steps
        if self.epoch_open:
            yield from self.end_epoch()
        told = previewed = saved = time.monotonic()
        while self.step < steps:
            yield from wait_if_paused(self.cancel, self.step, self.save)
            if self.cancel.cancelled:
                return
            began = time.perf_counter()
            value = self.engine.step(self.step, self.masks)
            self.seconds += time.perf_counter() - began
            self.step += 1
            self.epoch_loss += value
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
            if ended or now - saved >= job.save_seconds:
                saved = now
                self.save()

    def end_epoch(self) -> Generator[Event, None, None]:
        """Show and measure what the epoch led to.

        Stopped meanwhile, the epoch stays open: a resumed run measures it first.
        """
        job = self.job
        self.epoch_open = True
        yield from self.show(self.epoch)
        due = self.step == job.total_steps or self.epoch % job.test_every == 0
        self.metrics = {}
        if due:
            yield from self.measure()
        count = (self.step - 1) % job.steps_per_epoch + 1
        yield self.record.tell(
            EpochEnd(self.epoch, self.epoch_loss / count, self.metrics, self.seconds)
        )
        if not self.cancel.cancelled:
            self.epoch_open, self.epoch_loss = False, 0.0

    def measure(self) -> Generator[Event, None, None]:
        """Put the quality on the held-out sets into `metrics`; nothing if cancelled."""
        engine = self.engine
        self.metrics = yield from measure(
            self.job, engine.model, engine.fabric.device, self.cancel, self.step, self.save
        )

    def show(self, epoch: int | None = None) -> Iterator[Preview]:
        """The slice in view, if there is one."""
        if self.job.preview is not None:
            yield Preview(self.step, self.engine.picture(self.job.preview), epoch)

    def discard(self) -> Iterator[Event]:
        """Leave nothing of this run."""
        ended = self.record.tell(Finished(self.step, self.seconds, None, stopped=True))
        self.record.discard()
        yield ended

    def finish(self) -> Iterator[Event]:
        """Write checkpoint and figures."""
        stopped = self.step < self.job.total_steps
        if stopped:
            self.save()
            yield Alarm(
                f"Stopped after {self.step} of {self.job.total_steps} steps; "
                "the model so far is kept."
            )
        metrics = self.metrics
        if self.passes:
            metrics = {**metrics, "preparation_passes": float(self.passes)}
        path = self.record.finish(self.engine.plain, metrics, self.step, self.seconds)
        if path is not None:
            yield Saved(path, self.step)
        yield self.record.tell(Finished(self.step, self.seconds, path, stopped))
