"""Network, optimiser and teachers of a job on its device: one step, one picture at a time."""

import math
import traceback
from collections.abc import Iterator, Mapping
from copy import deepcopy
from functools import cache
from typing import Any

import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor

from napari_unlearn.errors import UnlearnError
from napari_unlearn.evaluation.out_of_memory import ran_out
from napari_unlearn.models.device import device_name, resolve_device
from napari_unlearn.models.lora import mask_adapters
from napari_unlearn.unlearning.context import Context, Draw
from napari_unlearn.unlearning.job import Job
from napari_unlearn.unlearning.preparation import restrain
from napari_unlearn.unlearning.samples import Sample
from napari_unlearn.unlearning.schedules import Weights
from napari_unlearn.unlearning.start import frozen_teachers, make_bench, start_model


class Engine:
    """What moves weights; it knows neither files nor events.

    Raises:
        UnlearnError: if the device is not there, or the parent cannot be used.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        device = resolve_device(job.device)
        self.device_name = device_name(device)
        self.fabric = Fabric(
            accelerator="cuda" if device.type == "cuda" else "cpu",
            devices=[device.index or 0] if device.type == "cuda" else 1,
            precision=job.precision,  # type: ignore[arg-type]
        )
        self.plain = start_model(job)
        """The network itself, with its own names of weights."""
        self.teachers = frozen_teachers(job, self.plain, self.fabric)
        self.bench = make_bench(job, self.plain, self.fabric)
        self.masks: dict[str, Tensor] = {}
        """By weight, True may move; no mask lets all of them move."""
        job.strategy.adapters.attach(self.plain, job.seed)
        moving = [weight for weight in self.plain.parameters() if weight.requires_grad]
        # One call for all weights; a gradient scaler has to see them before, so not with one.
        fused = job.precision != "16-mixed"
        self.optimizer = torch.optim.Adam(moving, lr=job.learning_rate, fused=fused)
        self.model, self._wrapped = self.fabric.setup(self.plain, self.optimizer)
        """The network in the job's precision."""
        if hasattr(self.plain, "kspace"):
            self.model.mark_forward_method("kspace")
        self.midway: dict[str, Tensor] | None = None
        """Weights of the teacher "midway", once it is there."""
        self._in_turn = False
        """Whether each objective is passed backwards before the next, as memory ran out."""
        self._remarks: list[str] = []
        self._kept: dict[int, Tensor] = {}
        """What an objective made once of a forget sample, by its place in the set."""

    def restrict(self, masks: Mapping[str, Tensor]) -> None:
        """Let only these weights move, by themselves or by their adapters."""
        self.masks = dict(masks)
        mask_adapters(self.plain, masks)

    def step(self, step: int) -> float:
        """Take step `step` (from 0) with the weights that may move; its loss.

        Raises:
            UnlearnError: if the loss is not finite, or memory runs out in whatever way.
        """
        job = self.job
        weights = job.strategy.schedule.at(step, job.total_steps)
        for group in self.optimizer.param_groups:
            group["lr"] = job.learning_rate * weights.rate
        if weights.forget and "midway" in job.strategy.teachers and self.midway is None:
            self.keep_midway(self.plain.state_dict())
        value = self._gradients(weights, step)
        restrain(self.bench, self.masks)
        self.fabric.clip_gradients(
            self.model, self._wrapped, max_norm=job.gradient_clip, error_if_nonfinite=False
        )
        self._wrapped.step()
        self._wrapped.zero_grad()
        return value

    def keep_midway(self, weights: Mapping[str, Tensor]) -> None:
        """Make a frozen network of these weights the teacher "midway"."""
        teacher = deepcopy(self.plain)
        teacher.load_state_dict(dict(weights))
        self.midway = {name: value.clone() for name, value in weights.items()}
        self.teachers["midway"] = self.fabric.setup_module(teacher.eval().requires_grad_(False))

    def picture(self, batch: Sample) -> NDArray[Any]:
        """What the model makes of a sample now, as its task shows it."""
        self.model.eval()
        with torch.no_grad():
            answer = self.job.task.predict(self.model, batch.to(self.fabric.device))
        self.model.train()
        return self.job.task.picture(answer)

    def remarks(self) -> list[str]:
        """What is done otherwise from now on as memory ran out; said once."""
        said, self._remarks = self._remarks, []
        return said

    def _gradients(self, weights: Weights, step: int) -> float:
        """Loss and gradients of a step; where memory runs out, again in a lighter way."""
        while True:
            try:
                return self._backward(weights, step)
            except (MemoryError, RuntimeError) as error:
                if not ran_out(error):
                    raise
                # The tensors that filled the memory live in the frames of the traceback.
                traceback.clear_frames(error.__traceback__)
                cause = error
            self._wrapped.zero_grad()
            if self.fabric.device.type == "cuda":
                torch.cuda.empty_cache()
            self._lighter(step, cause)

    def _lighter(self, step: int, cause: Exception) -> None:
        """Halve what a step keeps: no activations, then one objective at a time."""
        dense = [
            part for part in self.plain.modules() if getattr(part, "checkpointing", 1) is False
        ]
        how = ""
        if dense:
            for part in dense:
                part.checkpointing = True  # type: ignore[assignment]
            how = "activations are computed twice instead of kept, which is slower"
        elif not self._in_turn and self.job.strategy.forget and self.job.strategy.retain:
            self._in_turn = True
            how = "forget and retain sample are passed one after the other"
        where = f"{self.fabric.device} ran out of memory in step {step + 1}"
        if not how:
            raise UnlearnError(
                f"{where}, however little of it is kept; close other programs, or choose another "
                "device, smaller samples or a smaller model."
            ) from cause
        self._remarks.append(f"{where}; from here on {how}.")

    def _backward(self, weights: Weights, step: int) -> float:
        """Pass forwards and backwards, all objectives at once or one after the other."""
        total, parts = 0.0, self._losses(weights, step)
        for loss in parts if self._in_turn else (torch.stack(list(parts)).sum(),):
            value = float(loss.detach())
            if not math.isfinite(value):
                raise UnlearnError(
                    f"The loss of '{self.job.strategy.title}' is not finite at step {step + 1}; "
                    "a smaller learning rate or parameter keeps it finite."
                )
            self.fabric.backward(loss)
            total += value
        return total

    def _losses(self, weights: Weights, step: int) -> Iterator[Tensor]:
        """The strategy's losses of one step, by objective and penalty."""
        job, strategy = self.job, self.job.strategy
        rng = torch.Generator().manual_seed(job.seed * 1_000_003 + step)
        device = self.fabric.device

        @cache  # an objective may ask for the sample that another one is about
        def read(name: str) -> Sample:
            return job.batch(name, step).to(device)

        context = Context(rng, self.teachers, read, lambda make: self._once(make, step))
        for name, weight, objective in (
            ("forget", weights.forget, strategy.forget),
            ("retain", weights.retain, strategy.retain),
        ):
            if objective is None or weight == 0:
                continue
            yield weight * objective.loss(job.task, self.model, read(name), context)
        if strategy.penalty is not None and weights.forget != 0:
            yield weights.forget * strategy.penalty.loss(self.model)

    def _once(self, make: Draw, step: int) -> Tensor:
        place = self.job.place_of("forget", step)
        if place not in self._kept:
            own = torch.Generator().manual_seed(self.job.seed * 999_983 + place)
            self._kept[place] = make(own)
        return self._kept[place]
