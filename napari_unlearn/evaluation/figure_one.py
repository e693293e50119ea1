"""Figure 1 of "Erase to Enhance" for a slice of choice: what each run makes of it, and errors."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from napari_unlearn.cancel import CancelToken
from napari_unlearn.evaluation.compare import Arm, compare
from napari_unlearn.evaluation.comparison import Compared, Comparison, Role
from napari_unlearn.evaluation.error import EvaluationError
from napari_unlearn.evaluation.figures import save_figure
from napari_unlearn.evaluation.paper_runs import label
from napari_unlearn.mri.deidentify import deidentified
from napari_unlearn.mri.sampling import Sampling
from napari_unlearn.mri.scan import Scan
from napari_unlearn.pseudonym import AS_THEY_ARE, Pseudonyms


def write_figure_1(
    folder: Path,
    scan: Scan,
    index: int | None,
    runs: Mapping[str, Path],
    shown: Sequence[str],
    sampling: Sampling,
    device: str = "auto",
    names: Pseudonyms = AS_THEY_ARE,
) -> list[Path]:
    """Write figure1.png and figure1.svg: ground truth and runs over their error maps.

    The original's hallucinations are outlined by their fate in the first unlearned run (see
    `highlight`); the oracle calibrates them even where it is not shown.

    Args:
        folder: made if need be.
        scan: held out, with a reference.
        index: of the slice; None takes the one with the largest highlighted area.
        runs: checkpoints by name.
        shown: names of the runs, from left to right.
        sampling: as in the tests.
        device: as `resolve_device` takes it.
        names: of the scan in the note below the figure.

    Raises:
        UnlearnError: if a run or the slice does not exist, or a file cannot be written.
    """
    comparison = _compared(scan, runs, shown, sampling, device)
    comparison = replace(comparison, header=deidentified(comparison.header, names))
    return [save_figure(comparison, folder / f"figure1.{kind}", index) for kind in ("png", "svg")]


def _compared(
    scan: Scan, runs: Mapping[str, Path], shown: Sequence[str], sampling: Sampling, device: str
) -> Comparison:
    unknown = [name for name in shown if name not in runs]
    if unknown or not shown:
        wanted = f"There is no run '{unknown[0]}'" if unknown else "Figure 1 shows no run"
        raise EvaluationError(f"{wanted}; accepted: {', '.join(runs)}.")
    needed = [*shown, *(["oracle"] if "oracle" in runs and "oracle" not in shown else [])]
    arms = [Arm(label(name), _role(name), runs[name]) for name in needed]
    *_, last = compare(scan, arms, sampling=sampling, device=device, cancel=CancelToken())
    if not isinstance(last, Compared):
        raise EvaluationError("The comparison for figure 1 ended without a result.")
    return replace(last.comparison, arms=last.comparison.arms[: len(shown)])


def _role(name: str) -> Role:
    if name == "original":
        return "original"
    return "oracle" if name == "oracle" else "unlearned"
