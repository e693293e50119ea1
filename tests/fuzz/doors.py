"""How files are read: what the window and the command line call, by name."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from napari_unlearn.audit.report import markdown
from napari_unlearn.audit.result import Audit
from napari_unlearn.certificate.audit import read_audit
from napari_unlearn.certificate.files import read_certificate
from napari_unlearn.certificate.ledger import read_ledger, told
from napari_unlearn.certificate.traces import traces
from napari_unlearn.certificate.verify import Checked, verify
from napari_unlearn.errors import UnlearnError
from napari_unlearn.evaluation.bootstrap import Bootstrap
from napari_unlearn.evaluation.history import read_history
from napari_unlearn.evaluation.outline import read_outline
from napari_unlearn.evaluation.results import read_results
from napari_unlearn.evaluation.subject_results import read_subjects
from napari_unlearn.experiment import Experiment
from napari_unlearn.experiment.preflight import preflight
from napari_unlearn.io.info import describe
from napari_unlearn.io.label_volume import read_labels
from napari_unlearn.io.open import open_scan
from napari_unlearn.io.open_subject import find_subject, load_images
from napari_unlearn.io.reconstruction import read_reconstruction
from napari_unlearn.io.subjects import find_subjects
from napari_unlearn.models.load import load_model
from napari_unlearn.models.registry import build
from napari_unlearn.reading.images import check_images, read_image
from napari_unlearn.reading.reveal import reveal
from napari_unlearn.reading.study import ReadingStudy
from napari_unlearn.unlearning.resume import load_progress
from napari_unlearn.unlearning.undo import open_adapters
from napari_unlearn.viewer.reader import read as read_layer
from tests.fuzz.tensors import TINY

MOST_SLICES = 3
LONGEST = 400
"""Characters of a line in the terminal, beside the sentence that a reader ends in."""


def scan(path: Path) -> None:
    """Everything that a scan can be asked, of its first slices."""
    found = open_scan(path)
    for index in range(min(found.header.slices, MOST_SLICES)):
        kspace, target = found.kspace(index), found.target(index)
        assert np.isfinite(kspace).all()
        assert target is None or np.isfinite(target).all()
    _ = found.acquired, found.maximum, found.labels


def subjects(path: Path) -> None:
    """Every subject there is."""
    for files in find_subjects(path)[:MOST_SLICES]:
        files.load()


def model(path: Path) -> None:
    """A checkpoint, and one answer of its network's parameters."""
    network, card = load_model(path)
    _ = sum(weight.numel() for weight in network.parameters()), card.model_dump_json()


def adapters(path: Path) -> None:
    """Adapters, their parent, and what they change."""
    found = open_adapters(path).adapters
    _ = found.layers, found.network_parameters


def resume(path: Path) -> None:
    """A run that goes on."""
    network = build("varnet", TINY)
    load_progress(path.parent, "job", network, torch.optim.Adam(network.parameters()))


def experiment(path: Path) -> None:
    """An experiment, its sets and what it says of its network."""
    loaded = Experiment.load(path)
    _ = loaded.network, loaded.mask_rule, loaded.runs, loaded.parent
    loaded.sets()


def check(path: Path) -> None:
    """The look before the work; its first error, if there is one."""
    report = preflight(Experiment.load(path), ["original"], device="cpu", timing=False)
    for finding in report.findings:
        if "\n" in finding.text:
            raise UnlearnError(finding.text)


def reading(path: Path) -> None:
    """A reading study and all its images."""
    list(check_images(ReadingStudy.load(path)))


def verified(path: Path) -> None:
    """A certificate compared with what lies around it, as `report --verify` does."""
    certificate, page = read_certificate(path)
    study = Experiment.load(path.parent)
    *_, checked = verify(certificate, page, study, device="cpu")
    assert isinstance(checked, Checked)
    _shown(*checked.differences, *checked.notes, *checked.agreed)
    if checked.differences:
        raise UnlearnError(f"{path}: {len(checked.differences)} differences.")


def ledger(path: Path) -> None:
    """Every request, as `report --ledger` shows them."""
    _shown(*told(read_ledger(path)))


def audit_told(path: Path) -> None:
    """An audit as a certificate takes it in, and what that comes to."""
    experiment = Experiment.load(path.parents[1])
    found = read_audit(experiment.folder, "acquired-lines", {"acquired-lines": "0" * 64})
    _ = traces(found).sentence


def _shown(*lines: str) -> None:
    """What reaches a terminal: lines of a length to be read, without colours or turned text."""
    for line in lines:
        assert line.isprintable(), line[:200]
        assert len(line) <= LONGEST, f"{len(line)} characters: {line[:200]}"


DOORS: dict[str, Callable[[Path], object]] = {
    "info": describe,
    "scan": scan,
    "layer": read_layer,
    "picture": read_reconstruction,
    "image": read_image,
    "labels": read_labels,
    "subject": lambda path: load_images(find_subject(path)),
    "subjects": subjects,
    "model": model,
    "adapters": adapters,
    "resume": resume,
    "experiment": experiment,
    "check": check,
    "reading": reading,
    "reveal": lambda path: reveal(
        ReadingStudy.load(path), unfinished=True, bootstrap=Bootstrap(resamples=50)
    ),
    "certificate": read_certificate,
    "verify": verified,
    "ledger": ledger,
    "audit": lambda path: markdown(Audit.read(path)),
    "audit told": audit_told,
    "results": read_results,
    "subject results": read_subjects,
    "history": lambda path: read_history(path),
    "outline": lambda path: read_outline(str(path), (8, 8)),
}
