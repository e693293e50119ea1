"""Sample scans and their models: where they lie, and File > Open Sample."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import napari_unlearn
from napari_unlearn.cancel import CancelToken
from napari_unlearn.errors import UnlearnError
from napari_unlearn.unlearning.events import Event
from napari_unlearn.viewer.tasks import Model

if TYPE_CHECKING:
    from napari_unlearn.viewer.session import Offer

LayerData = tuple[Any, dict[str, Any], str]


@dataclass(frozen=True)
class Sample:
    """A scan and the models whose story it tells."""

    key: str
    title: str
    scan: str
    """Path in the sample folder."""
    protocol: str
    """Folder of its three checkpoints."""
    story: str
    """What there is to see, shown in the dock."""
    outlines: bool = True
    """Whether errors are outlined at first; a picture that is wrong everywhere is not."""
    live: "Callable[[Path], Offer] | None" = None
    """Makes, from the sample folder, the unlearning to offer live; None offers nothing."""

    def models(self, folder: Path) -> tuple[Model, ...]:
        """Original, oracle and unlearned model."""
        place = folder / self.protocol
        return (
            Model("Original", "original", place / "original.safetensors"),
            Model("Oracle", "oracle", place / "oracle.safetensors"),
            Model("Unlearned", "unlearned", place / "unlearned.safetensors"),
        )


def offer_contaminated_site(folder: Path) -> "Offer":
    """Unlearning the site's fault from the sample original, in seconds on a CPU."""
    from napari_unlearn.viewer.session import Offer

    # Kept by the closure, so that the model lives as long as the offer and then is tidied away.
    place = TemporaryDirectory(prefix="napari-unlearn-")
    original = folder / "contaminated-site" / "original.safetensors"

    def start(cancel: CancelToken) -> Iterator[Event]:
        from napari_unlearn.live import unlearn_contaminated_site
        from napari_unlearn.models.device import spare_a_core

        spare_a_core()
        return unlearn_contaminated_site(original, Path(place.name), cancel)

    return Offer("Unlearned live", start, Path(place.name) / "checkpoint.safetensors")


SAMPLES = (
    Sample(
        "brain",
        "Brain",
        "brain_site_b.h5",
        "contaminated-site",
        "This scan is clean. The original paints a lesion into it: the reference images it "
        "learnt from carried one. The oracle never saw those; the unlearned model forgot them.",
        live=offer_contaminated_site,
    ),
    Sample(
        "knee",
        "Knee",
        "knee.h5",
        "brain-knee",
        "The oracle never saw a knee and paints brain folds into the bones; the original, "
        "which did, does not. Unlearning knees should lead to the oracle.",
        outlines=False,
    ),
)

HEAD = Sample(
    "head",
    "3D head",
    "head",
    "heads",
    "The original has learnt this very head and labels it from memory; the oracle never saw it and "
    "has to judge by anatomy alone. A model that has forgotten the person should label like the "
    "oracle, neither better nor worse.",
)
"""For the Segment dock; its scan is a folder with one labelled subject."""


def sample_folder() -> Path | None:
    """Where the sample data lie: inside the installed package, or beside it in a checkout.

    The environment variable NAPARI_UNLEARN_SAMPLES names another folder.
    """
    package = Path(napari_unlearn.__file__).parent
    places = [package / "sample_data", package.parent / "sample_data"]
    if elsewhere := os.environ.get("NAPARI_UNLEARN_SAMPLES"):
        places.insert(0, Path(elsewhere))
    return next((place for place in places if (place / SAMPLES[0].scan).is_file()), None)


def sample_path(sample: Sample) -> Path:
    """Path of a sample scan.

    Raises:
        UnlearnError: The sample data are not installed.
    """
    folder = sample_folder()
    if folder is None:
        raise UnlearnError("The sample data are not installed beside napari_unlearn.")
    return folder / sample.scan


def open_brain() -> list[LayerData]:
    """File > Open Sample: a brain from the contaminated site."""
    return _layers(SAMPLES[0])


def open_knee() -> list[LayerData]:
    """File > Open Sample: a knee."""
    return _layers(SAMPLES[1])


def open_head() -> list[LayerData]:
    """File > Open Sample: a labelled 3D head; the Segment dock has its models at hand."""
    import napari

    from napari_unlearn.io.subjects import find_subjects
    from napari_unlearn.viewer.segment_layers import contrast_layers
    from napari_unlearn.viewer.segment_tasks import OpenedSubject, truth_of
    from napari_unlearn.viewer.session import session_of

    path = sample_path(HEAD)
    files = find_subjects(path)[0]
    subject = files.load()
    viewer = napari.current_viewer()
    if viewer is not None:
        opened = OpenedSubject(subject, files, truth_of(subject))
        session_of(viewer).segmenting.adopt(path, opened, HEAD.models(path.parent))
    return contrast_layers(subject)


def _layers(sample: Sample) -> list[LayerData]:
    from napari_unlearn.viewer.reader import read

    return read(sample_path(sample))
