"""The picture of a segmentation's certificate: one slice as an expert and each model label it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure as Drawing
from matplotlib.patches import Patch
from numpy.typing import NDArray

from napari_unlearn.cancel import CancelToken
from napari_unlearn.certificate.models import Family
from napari_unlearn.certificate.pictures import Picture, captions_of, to_png
from napari_unlearn.evaluation.structure_colours import structure_colour
from napari_unlearn.experiment import Experiment
from napari_unlearn.models.checkpoint import load_checkpoint
from napari_unlearn.models.device import resolve_device
from napari_unlearn.mri.subject3d import STRUCTURE_NAMES, structure_name
from napari_unlearn.pseudonym import Pseudonyms
from napari_unlearn.unlearning.volumes import VolumeSet

Labels = NDArray[np.int64]
_OPACITY = 0.55
_WRONG = "#d40055"


@dataclass(frozen=True)
class Slice:
    """What is drawn, (rows, columns) each."""

    called: str
    """Of the subject: a pseudonym."""
    image: NDArray[np.float32]
    truth: Labels
    answers: Mapping[str, Labels]
    """By what the model is called for people."""
    aspect: float
    """Height of a pixel over its width."""


def overlay(
    experiment: Experiment,
    family: Family,
    samples: VolumeSet,
    device: str,
    names: Pseudonyms,
    cancel: CancelToken | None = None,
) -> Iterator[tuple[int, int] | Picture]:
    """One slice of a set's first subject as each model labels it, over what each has wrong.

    The slice is the one in which the expert drew most structures, of several the one with most
    of them in it.

    Args:
        experiment: Of segmentations.
        family: Whose models.
        samples: A set that no model was trained on.
        device: As `resolve_device` takes it.
        names: Of subjects.
        cancel: Looked at before each model.

    Yields:
        Models done and in all; at last the picture.

    Raises:
        UnlearnError: if the subject or a model is unusable.
    """
    place, task = resolve_device(device), experiment.kind.task(unlearning=False)
    cancel = cancel or CancelToken()
    subject, batch = samples.subjects[0], samples.batch(0)
    truth = batch.target[0].numpy()
    number = richest(truth)
    captions = captions_of(family)
    answers: dict[str, Labels] = {}
    for done, (run, caption) in enumerate(captions.items(), start=1):
        cancel.check()
        model, _ = load_checkpoint(family.paths[run], str(place))
        model.eval()
        with torch.inference_mode():
            labels = task.predict(model, batch.to(place))[0].argmax(0)
        answers[caption] = labels.cpu().numpy()[number]
        yield done, len(captions)
    _, row, column = subject.voxel_size
    shown = Slice(
        names.of("subject", subject.subject),
        batch.image[0, 0, number].numpy(),
        truth[number],
        answers,
        row / column,
    )
    yield Picture(
        "example",
        "png",
        to_png(draw(shown)),
        "One slice of a head that no model was trained on. Upper row: the image, what an expert "
        "drew into it, then what each model labels. Lower row: where each model differs from the "
        "expert.",
    )


def richest(labels: Labels) -> int:
    """The slice with most structures, then with most voxels of them.

    Args:
        labels: (slices, rows, columns), 0 is the background.
    """
    return max(
        range(len(labels)),
        key=lambda n: (len(np.unique(labels[n])), np.count_nonzero(labels[n])),
    )


def draw(shown: Slice) -> Drawing:
    """The image, the expert's labels and the models', their errors below, and a legend."""
    columns = 2 + len(shown.answers)
    rows, width = shown.image.shape
    height = 10 / columns * rows / width * shown.aspect
    drawing = Drawing(figsize=(10, 2 * height + 1.1), layout="constrained")
    axes = drawing.subplots(2, columns)
    low, high = np.percentile(shown.image, (0.5, 99.5))
    grey = np.clip((shown.image - low) / ((high - low) or 1.0), 0, 1)
    image = np.repeat(grey[..., None], 3, axis=-1)
    pictures = [
        ("The image", image, None),
        ("An expert", painted(image, shown.truth), None),
        *((name, painted(image, own), own != shown.truth) for name, own in shown.answers.items()),
    ]
    for place, (title, upper, wrong) in enumerate(pictures):
        _show(axes[0, place], upper, shown.aspect)
        axes[0, place].set_title(title, fontsize=9)
        if wrong is None:
            axes[1, place].axis("off")
            continue
        _show(axes[1, place], _marked(image, wrong), shown.aspect)
        known = int(np.count_nonzero(shown.truth | shown.answers[title]))
        share = 100 * int(np.count_nonzero(wrong)) / max(known, 1)
        axes[1, place].set_xlabel(f"{share:.0f} % of what is labelled", fontsize=8)
    axes[0, 0].set_xlabel(shown.called, fontsize=8)
    labels = _present(shown.truth, *shown.answers.values())
    drawing.legend(
        handles=[
            Patch(facecolor=structure_colour(n), label=structure_name(n, STRUCTURE_NAMES))
            for n in labels
        ]
        + [Patch(facecolor=_WRONG, label="other than the expert")],
        loc="outside lower center",
        ncols=4,
        fontsize=8,
        frameon=False,
    )
    return drawing


def painted(image: NDArray[np.float32], labels: Labels) -> NDArray[np.float32]:
    """The image (rows, columns, 3) in [0, 1] with structures in their colours over it."""
    shown = image.copy()
    for label in _present(labels):
        inside = labels == label
        colour = np.array(to_rgb(structure_colour(label)))
        shown[inside] = (1 - _OPACITY) * image[inside] + _OPACITY * colour
    return shown


def _marked(image: NDArray[np.float32], wrong: NDArray[np.bool_]) -> NDArray[np.float32]:
    shown = image.copy()
    shown[wrong] = to_rgb(_WRONG)
    return shown


def _present(*maps: Labels) -> Sequence[int]:
    return [int(n) for n in np.unique(np.concatenate([each.ravel() for each in maps])) if n]


def _show(ax: Axes, image: Any, aspect: float) -> None:
    ax.imshow(image, aspect=aspect, interpolation="nearest")
    ax.set(xticks=[], yticks=[])
    for side in ax.spines.values():
        side.set_visible(False)
