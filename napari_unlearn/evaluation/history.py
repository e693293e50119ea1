"""What a run's events say about its course."""

import json
from pathlib import Path

from pydantic import TypeAdapter

from napari_unlearn.bounded import read_text
from napari_unlearn.evaluation.error import EvaluationError
from napari_unlearn.unlearning.events import EpochEnd
from napari_unlearn.unlearning.record import EVENTS

_EPOCH_END = TypeAdapter(EpochEnd)


def read_history(run: Path) -> list[EpochEnd]:
    """The ends of a run's epochs, in order; empty if it kept no events.

    An epoch told twice (by a run that was killed and resumed) counts as told last. Lines
    that are no events are passed over: a kill tears one, and the resumed run writes on.

    Args:
        run: folder of the run, or its checkpoint.

    Raises:
        EvaluationError: if the file of events cannot be read.
    """
    path = run / EVENTS
    try:
        path = (run if run.is_dir() else run.parent) / EVENTS
        if not path.exists():
            return []
        lines = read_text(path).splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise EvaluationError(f"{path}: cannot be read as a run's events.") from error
    ends: dict[int, EpochEnd] = {}
    for line in lines:
        try:
            about = json.loads(line)
            if about.pop("event") == EpochEnd.__name__:
                end = _EPOCH_END.validate_python(about)
                ends[end.epoch] = end
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            continue
    return [ends[epoch] for epoch in sorted(ends)]
