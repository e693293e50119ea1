"""Images to read from an experiment: its runs reconstruct the scans of one of its sets."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from napari_unlearn.cancel import CancelToken
from napari_unlearn.pseudonym import AS_THEY_ARE, Pseudonyms
from napari_unlearn.reading.error import ReadingError
from napari_unlearn.reading.make import Found

if TYPE_CHECKING:
    from napari_unlearn.experiment import Experiment

REFERENCE = "reference"


def reconstruct_cases(
    experiment: "Experiment",
    set_name: str,
    runs: Sequence[str],
    folder: Path,
    *,
    reference: bool = False,
    most: int | None = None,
    device: str = "auto",
    names: Pseudonyms = AS_THEY_ARE,
    cancel: CancelToken | None = None,
) -> Iterator[tuple[int, int] | Found]:
    """Reconstruct scans with several runs and write `images/CASE/ARM.nii.gz`.

    Every run meets a scan with the same sampling, the experiment's own.

    Args:
        experiment: Of reconstructions.
        set_name: Whose scans: a test set, as models know those they learnt from.
        runs: The arms.
        folder: Of the reading study.
        reference: Read the reference image as one more arm.
        most: So many scans, the first of the set; None takes all.
        device: As `resolve_device` takes it.
        names: What the cases are called; readers see it.
        cancel: Looked at before every layer of a network.

    Yields:
        (images done, images in all); at last the cases.

    Raises:
        WrongUse: if the experiment is no reconstruction.
        UnlearnError: if there is no such set or run, or a scan has no reference.
    """
    from napari_unlearn.evaluation.compare import Arm, compare
    from napari_unlearn.evaluation.comparison import Compared
    from napari_unlearn.io.nifti import write_nifti
    from napari_unlearn.io.volume import ImageVolume

    experiment.expect("reconstruction", "readers compare images")
    known = experiment.runs
    unknown = next((run for run in runs if run not in known), None)
    if unknown is not None:
        raise ReadingError(
            f"There is no run '{unknown}' in {experiment.folder}; accepted: "
            f"{', '.join(known) or 'none yet; train the original first'}."
        )
    if len({*runs}) + reference < 2 or len({*runs}) < len(runs):
        raise ReadingError("A reading study needs at least two arms, each named once.")
    scans = experiment.samples(set_name).scans[:most]
    arms = [Arm(run, "other", known[run]) for run in runs]
    total = len(scans) * (len(arms) + reference)
    found: dict[str, dict[str, Path]] = {}
    for scan in scans:
        token = cancel or CancelToken()
        called = Path(scan.header.source).stem or scan.header.name
        case = _name(names.of("scan", called), found)
        events = compare(scan, arms, sampling=experiment.mask_rule, device=device, cancel=token)
        comparison = next(event.comparison for event in events if isinstance(event, Compared))
        volumes = {arm.name: arm.images for arm in comparison.arms}
        if reference:
            if comparison.reference is None:
                raise ReadingError(f"{scan.header.source}: has no reference image to be read.")
            volumes[REFERENCE] = comparison.reference
        header = comparison.header
        for arm, volume in volumes.items():
            path = folder / "images" / case / f"{arm}.nii.gz"
            write_nifti(path, ImageVolume(arm, volume, header.voxel_size, header.affine))
            found.setdefault(case, {})[arm] = path
            yield sum(map(len, found.values())), total
    yield found


def _name(stem: str, taken: Found) -> str:
    plain = "".join(c if c.isalnum() or c in "-_." else "-" for c in stem).strip(".-") or "scan"
    if plain not in taken:
        return plain
    number = next(n for n in range(2, len(taken) + 3) if f"{plain}-{n}" not in taken)
    return f"{plain}-{number}"
