"""Where a job starts: its network, the frozen teachers, what scope and edit look at."""

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from napari_unlearn.errors import UnlearnError
from napari_unlearn.models.checkpoint import load_checkpoint, read_card
from napari_unlearn.models.registry import build
from napari_unlearn.unlearning.bench import Bench, Samples
from napari_unlearn.unlearning.context import Teacher, make_teachers
from napari_unlearn.unlearning.job import Job


def start_model(job: Job) -> nn.Module:
    """The parent's network, or a new one drawn from the seed.

    Raises:
        UnlearnError: if the parent cannot be read, or is another network than the job's.
    """
    if job.parent is not None:
        model, card = load_checkpoint(job.parent)
        if (card.architecture, card.parameters) != (job.card.architecture, job.card.parameters):
            raise UnlearnError(
                f"{job.parent}: its network ({card.architecture} {card.parameters}) is not the one "
                f"asked for ({job.card.architecture} {job.card.parameters})."
            )
    else:
        model = draw(job, job.seed)
    return model.train()


def draw(job: Job, seed: int) -> nn.Module:
    """A network of the job's architecture with fresh weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build(job.card.architecture, dict(job.card.parameters))


def frozen_teachers(job: Job, original: nn.Module, fabric: Fabric) -> dict[Teacher, nn.Module]:
    """The strategy's frozen networks, on the device and in the precision of the model."""
    card = job.card
    made = make_teachers(
        job.strategy.teachers, original, card.architecture, card.parameters, job.seed
    )
    return {name: fabric.setup_module(teacher) for name, teacher in made.items()}


def make_bench(job: Job, plain: nn.Module, fabric: Fabric) -> Bench:
    """What scope and edit may look at."""

    def samples(name: str, count: int) -> Samples:
        return Samples(lambda step: job.batch(name, step).to(fabric.device), count)

    def draw_fresh() -> dict[str, Tensor]:
        seed = job.seed if job.parent is None else read_card(job.parent).seed
        return dict(draw(job, job.seed if seed is None else seed).named_parameters())

    return Bench(
        task=job.task,
        model=plain,
        weights=dict(plain.named_parameters()),
        sets={
            name: samples(name, len(chosen))
            for name in job.strategy.reads
            if (chosen := job.samples(name))
        },
        learning_rate=job.learning_rate,
        gradient_clip=job.gradient_clip,
        draw_fresh=draw_fresh,
    )
