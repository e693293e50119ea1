"""What a run leaves on disk: checkpoint with card, events, metrics, one JSON line each."""

import hashlib
import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import cast

import torch
from torch import nn

from napari_unlearn import __version__
from napari_unlearn.atomic import write_whole
from napari_unlearn.errors import UnlearnError
from napari_unlearn.models.adapter_file import ADAPTERS, AdapterCard, Adapters, save_adapters
from napari_unlearn.models.card import Card
from napari_unlearn.models.checkpoint import read_card, save_checkpoint, sha256
from napari_unlearn.unlearning.events import Event
from napari_unlearn.unlearning.job import Job
from napari_unlearn.unlearning.resume import forget_progress
from napari_unlearn.unlearning.samples import SampleSet

CHECKPOINT, EVENTS, METRICS = "checkpoint.safetensors", "events.jsonl", "metrics.json"
EARLIER = ".earlier.events.jsonl"
"""Events of the folder's checkpoint while a new run is under way, in case that is aborted."""


class Record:
    """Keeps the files of one run."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.parent_hash = "" if job.parent is None else sha256(job.parent)
        self.parent_card = (
            read_card(job.parent) if job.parent is not None and job.strategy.adapts else None
        )
        """Of a run with adapters, whose file says what they were learnt on."""

    @property
    def settings(self) -> dict[str, object]:
        """Everything that decides the run's course."""
        job = self.job
        settings: dict[str, object] = {
            "strategy": job.strategy.name,
            "parameters": job.strategy.values,
            "network": [job.card.architecture, job.card.parameters],
            "parent": self.parent_hash,
            "steps": job.total_steps,
            "learning_rate": job.learning_rate,
            "gradient_clip": job.gradient_clip,
            "seed": job.seed,
            "precision": job.precision,
            "retain": data_hash(job.retain),
            "forget": data_hash(job.forget),
        }
        # What older runs do not have is left out, so that their resume files still fit.
        if is_dataclass(job.task) and not isinstance(job.task, type):
            settings["task"] = {"name": job.task.name, **asdict(job.task)}
        if job.card.volumes is not None:
            settings["volumes"] = job.card.volumes.model_dump()
        if job.batch_size != 1:
            settings["batch_size"] = job.batch_size
        if job.unseen is not None:
            settings["unseen"] = data_hash(job.unseen)
        if job.guard is not None:
            settings["guard"] = asdict(job.guard)
            settings["watched"] = {name: data_hash(kept) for name, kept in job.measured.items()}
        return settings

    def start(self, resumed: bool) -> None:
        """Make the folder; a run that starts afresh drops the old resume file.

        The events of an earlier checkpoint are put aside until there is a new one.

        Raises:
            UnlearnError: if the folder cannot be made.
        """
        folder = self.job.folder
        if folder is None:
            return
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if resumed:
                return
            forget_progress(folder)
            whole = (folder / CHECKPOINT).exists() and (folder / EVENTS).exists()
            if whole and not (folder / EARLIER).exists():
                (folder / EVENTS).replace(folder / EARLIER)
            (folder / EVENTS).unlink(missing_ok=True)
        except OSError as error:
            raise UnlearnError(f"{folder}: cannot be written ({error.strerror}).") from error

    def tell(self, event: Event) -> Event:
        """Note an event that is worth keeping, and pass it on.

        Raises:
            UnlearnError: if the disk refuses.
        """
        if self.job.folder is not None:
            path = self.job.folder / EVENTS
            line = {"event": type(event).__name__, **asdict(event)}
            try:
                with path.open("a") as stream:
                    stream.write(json.dumps(line, default=_plain) + "\n")
            except OSError as error:
                raise UnlearnError(f"{path}: cannot be written ({error.strerror}).") from error
        return event

    def discard(self) -> None:
        """Leave nothing to resume from, and the events of an earlier checkpoint if there is one.

        Raises:
            UnlearnError: if the disk refuses.
        """
        folder = self.job.folder
        if folder is None:
            return
        try:
            forget_progress(folder)
            if (folder / EARLIER).exists():
                (folder / EARLIER).replace(folder / EVENTS)
        except OSError as error:
            raise UnlearnError(f"{folder}: cannot be written ({error.strerror}).") from error

    def finish(
        self,
        model: nn.Module,
        metrics: dict[str, float],
        steps: int,
        seconds: float,
        over: bool,
        shares: Mapping[str, float],
    ) -> Path | None:
        """Write checkpoint and metrics; a run that is over needs no resume file any more.

        The checkpoint holds adapters merged into the weights; they lie beside it as well.
        """
        job = self.job
        if job.folder is None:
            return None
        figures = {**metrics, "steps": float(steps), "seconds": round(seconds, 2)}
        path = job.folder / CHECKPOINT
        card = self._card(figures)
        (job.folder / ADAPTERS).unlink(missing_ok=True)
        save_checkpoint(path, model, card)
        if self.parent_card is not None:
            self._save_adapters(model, self.parent_card, card)
        times = {part: round(share, 4) for part, share in shares.items()}
        about = {"settings": self.settings, "metrics": figures, "shares_of_time": times}
        text = json.dumps(about, indent=2, default=str)
        write_whole(job.folder / METRICS, text.encode())
        (job.folder / EARLIER).unlink(missing_ok=True)
        if over:
            forget_progress(job.folder)
        return path

    def _save_adapters(self, model: nn.Module, before: Card, after: Card) -> None:
        folder, scope = cast(Path, self.job.folder), self.job.strategy.adapters
        card = AdapterCard(
            parent=self.parent_hash,
            merged=sha256(folder / CHECKPOINT),
            strategy=self.job.strategy.name,
            rank=scope.lora_rank,
            alpha=scope.lora_alpha,
            before=before,
            after=after,
        )
        save_adapters(folder / ADAPTERS, Adapters.of(model, card))

    def _card(self, figures: dict[str, float]) -> Card:
        job = self.job
        about = next(samples.about for samples in (job.retain, job.forget) if samples)
        return job.card.model_copy(
            update={
                "strategy": "" if job.strategy.name == "train" else job.strategy.name,
                "strategy_parameters": job.strategy.values,
                "seed": job.seed,
                "parent": self.parent_hash,
                "data_hash": data_hash(job.retain, job.forget),
                **about,
                "metrics": figures,
                "versions": {
                    "napari-unlearn": __version__,
                    "torch": torch.__version__,
                    "python": platform.python_version(),
                },
            }
        )


def _plain(value: object) -> str:
    """Only a file's name: the folders of one's machine, which may name people, are no event."""
    return value.name if isinstance(value, Path) else str(value)


def has_settings(job: Job, noted: object) -> bool:
    """Whether settings read from a `metrics.json` are those of a job, as JSON would hold them."""
    return noted == json.loads(json.dumps(Record(job).settings, default=str))


def data_hash(*sets: SampleSet | None) -> str:
    """SHA-256 over what the sets say of their samples, in order."""
    digest = hashlib.sha256()
    for samples in sets:
        for line in samples.lines if samples else ():
            digest.update(line.encode())
    return digest.hexdigest()
