"""Network, optimiser and teachers of a job on its device: one step, one picture at a time."""

import math
import traceback
from collections.abc import Callable, Hashable, Iterator, Mapping
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
from napari_unlearn.unlearning.ahead import Ahead
from napari_unlearn.unlearning.answers import Answers
from napari_unlearn.unlearning.context import Context, Draw, T
from napari_unlearn.unlearning.job import Job
from napari_unlearn.unlearning.preparation import restrain
from napari_unlearn.unlearning.ranks import Ranks, join, local_device
from napari_unlearn.unlearning.samples import Sample
from napari_unlearn.unlearning.schedules import Weights
from napari_unlearn.unlearning.start import frozen_teachers, make_bench, start_model
from napari_unlearn.unlearning.stopwatch import Stopwatch


class Engine:
    """What moves weights; it knows neither files nor events.

    Raises:
        UnlearnError: if the device is not there, the parent cannot be used, or the processes of
            the run cannot share its samples equally.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        self.ranks: Ranks = join()
        self._share = self.ranks.share(job.batch_size)
        device = resolve_device(local_device(job.device))
        if self.ranks.count > 1 and device.type == "cuda":
            torch.cuda.set_device(device)  # NCCL's own memory goes there as well
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
        self.clock = Stopwatch()
        """Where the time goes."""
        self._answers = Answers(self.fabric.device)
        self._ahead = Ahead(job.batch)
        self._in_turn = False
        """Whether each objective is passed backwards before the next, as memory ran out."""
        self._remarks: list[str] = []

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
        if not math.isfinite(value):
            raise UnlearnError(
                f"The loss of '{job.strategy.title}' is not finite at step {step + 1}; "
                "a smaller learning rate or parameter keeps it finite."
            )
        restrain(self.bench, self.masks)
        self.fabric.clip_gradients(
            self.model, self._wrapped, max_norm=job.gradient_clip, error_if_nonfinite=False
        )
        self._wrapped.step()
        self._wrapped.zero_grad()
        return value

    def agree(self) -> None:
        """Go on from the first process's weights and masks, should rounding have parted them."""
        state = [*self.plain.state_dict().values(), *self.masks.values()]
        self.ranks.take_from_first(state)

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
        """The mean loss of a step's samples, and its gradient on the weights.

        Samples are passed one by one, so that memory does not grow with their number; what batch
        norms count of each starts from the same state, and is averaged as well. Where memory
        runs out, the step is taken again in a lighter way.
        """
        counted = self._counted
        before = [each.clone() for each in counted]
        while True:
            try:
                total, change = self._backward(weights, step, before)
                break
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
        with self.clock.on("exchange"):
            self._add_up(total, change)
        for now, start, moved in zip(counted, before, change, strict=True):
            now.copy_(start + moved)
        return float(total)

    def _backward(
        self, weights: Weights, step: int, before: list[Tensor]
    ) -> tuple[Tensor, list[Tensor]]:
        """Loss of this process's samples, and by how much they move running statistics."""
        size, counted = self.job.batch_size, self._counted
        change = [torch.zeros_like(each) for each in counted]
        total = torch.zeros((), dtype=torch.float64)
        for place in self._share:
            for now, start in zip(counted, before, strict=True):
                now.copy_(start)
            parts = self._losses(weights, step * size + place)
            for part in parts if self._in_turn else (torch.stack(list(parts)).sum(),):
                loss = part / size
                total += loss.detach().double().cpu()
                self.fabric.backward(loss)
            for now, start, moved in zip(counted, before, change, strict=True):
                moved += (now - start) / size
        return total, change

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

    def _add_up(self, total: Tensor, change: list[Tensor]) -> None:
        """Sum loss, gradients and statistics over the processes of the run."""
        if self.ranks.count == 1:
            return
        moving = [weight for group in self.optimizer.param_groups for weight in group["params"]]
        used = torch.tensor([weight.grad is not None for weight in moving], dtype=torch.float64)
        noted = torch.cat([total[None], used])
        self.ranks.add_up([noted])
        total.copy_(noted[0])
        shared = [weight for weight, count in zip(moving, noted[1:], strict=True) if count > 0]
        for weight in shared:
            if weight.grad is None:
                weight.grad = torch.zeros_like(weight)
        self.ranks.add_up([weight.grad for weight in shared if weight.grad is not None])
        self.ranks.add_up(change)

    @property
    def _counted(self) -> list[Tensor]:
        """Running statistics, where more than one sample of a step could move them."""
        if self.job.batch_size == 1:
            return []
        return [each for each in self.plain.buffers() if each.is_floating_point()]

    def _losses(self, weights: Weights, number: int) -> Iterator[Tensor]:
        """The strategy's losses on what comes as `number`, by objective and penalty."""
        job, strategy = self.job, self.job.strategy
        rng = torch.Generator().manual_seed(job.seed * 1_000_003 + number)
        device = self.fabric.device

        known: dict[int, Hashable] = {}

        @cache  # an objective may ask for the sample that another one is about
        def read(name: str) -> Sample:
            with self.clock.on("data"):
                sample = self._ahead.get(name, number, self._following(number))
                drawn = sample.drawn
                sample = sample.to(device)
            known[id(sample)] = name, job.place_of(name, number), drawn
            return sample

        def told(question: str, sample: Sample, answer: Callable[[], T]) -> T:
            source = known.get(id(sample))
            with self.clock.on("teachers"), torch.no_grad():
                if source is None:
                    return answer()
                return self._answers.get((question, source), answer)

        def once(make: Draw) -> Tensor:
            place = job.place_of("forget", number)
            own = torch.Generator().manual_seed(job.seed * 999_983 + place)
            with self.clock.on("teachers"):
                return self._answers.get(place, lambda: make(own))

        context = Context(rng, self.teachers, read, once, told)
        for name, weight, objective in (
            ("forget", weights.forget, strategy.forget),
            ("retain", weights.retain, strategy.retain),
        ):
            if objective is None or weight == 0:
                continue
            yield weight * objective.loss(job.task, self.model, read(name), context)
        if strategy.penalty is not None and weights.forget != 0:
            yield weights.forget * strategy.penalty.loss(self.model)

    def _following(self, number: int) -> int | None:
        """What comes after `number` in this process; None after the last step."""
        size = self.job.batch_size
        step, place = divmod(number, size)
        if place + 1 in self._share:
            return number + 1
        return (step + 1) * size + self._share[0] if step + 1 < self.job.total_steps else None
