"""Which scans or subjects a run forgot, and who had asked for it."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from napari_unlearn.certificate.content import RequestEntry
from napari_unlearn.certificate.error import CertificateError
from napari_unlearn.certificate.models import Checkpoint
from napari_unlearn.experiment import Experiment
from napari_unlearn.experiment.request import Request
from napari_unlearn.pseudonym import Pseudonyms
from napari_unlearn.settings_file import first_mistake
from napari_unlearn.unlearning.record import METRICS, data_hash

_SHORTEST = 4
"""Characters of a name that is looked for in free text; shorter ones are words as well."""


def request_of(
    experiment: Experiment, said: Mapping[str, str], names: Pseudonyms, known: Mapping[str, str]
) -> RequestEntry:
    """The request of the experiment file, with what was said on the command line instead.

    Args:
        experiment: Its table [request].
        said: Other values by key; empty ones count as unsaid.
        names: Of the person who asked.
        known: Names of scans and patients with their kind: none stays in free text.

    Raises:
        WrongUse: if a value cannot be, such as a day that is none.
    """
    table = experiment.request.model_dump() | {key: text for key, text in said.items() if text}
    try:
        asked = Request.model_validate(table).model_dump()
    except ValidationError as error:
        raise first_mistake(Path("report"), Request.model_json_schema(), error) from error
    free = {key: without_names(text, names, known) for key, text in asked.items()}
    return RequestEntry(**{**free, "requester_id": names.of("person", asked["requester_id"])})


def without_names(value: Any, names: Pseudonyms, known: Mapping[str, str]) -> Any:
    """The same text, list or table with pseudonyms in place of names that stand as whole words."""
    if isinstance(value, str):
        for name in sorted(known, key=len, reverse=True):
            if len(name) >= _SHORTEST and name in value:
                word = rf"(?<![\w-]){re.escape(name)}(?![\w-])"
                value = re.sub(word, names.of(known[name], name), value)
        return value
    if isinstance(value, Mapping):
        return {
            without_names(key, names, known): without_names(item, names, known)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [without_names(item, names, known) for item in value]
    return value


def forgotten(
    experiment: Experiment, child: Checkpoint, sets: Mapping[str, Any], patterns: Sequence[str]
) -> tuple[Any, bool]:
    """The part of the forget set that a run forgot, and whether the run's record confirms it.

    Args:
        experiment: Of the run.
        child: The run.
        sets: Those at hand; without the forget set nothing is known of it.
        patterns: Names or ids that the request was about; empty takes all, or the single one
            that the run's record fits.

    Returns:
        The samples, None if they are not at hand.

    Raises:
        CertificateError: if the record says that the run forgot others.
    """
    whole = sets.get("forget")
    if whole is None:
        return None, False
    kind = experiment.kind
    if patterns:
        chosen = kind.only(whole, patterns)
        if _recorded(experiment, child, chosen, sets) is False:
            raise CertificateError(
                f"{child.path}: the run's record says that it forgot others than "
                f"{', '.join(patterns)}; accepted: --forget with what 'unlearn' was given."
            )
        return chosen, _recorded(experiment, child, chosen, sets) is True
    for chosen in (whole, *_singles(whole, child)):
        if _recorded(experiment, child, chosen, sets) is True:
            return chosen, True
    if kind.count(whole) != child.card.forget_scans:
        raise CertificateError(
            f"{child.path}: the run forgot {child.card.forget_scans} of the "
            f"{kind.count(whole)} {kind.units[0]} in the forget set; accepted: --forget with "
            "those that 'unlearn' was given."
        )
    return whole, False


def _singles(whole: Any, child: Checkpoint) -> list[Any]:
    """Sets of one scan or subject each, if the run forgot one."""
    if child.card.forget_scans != 1:
        return []
    if hasattr(whole, "subjects"):
        return [type(whole)([each], whole.classes) for each in whole.subjects]
    return [type(whole)([each], whole.sampling) for each in whole.scans]


def _recorded(
    experiment: Experiment, child: Checkpoint, chosen: Any, sets: Mapping[str, Any]
) -> bool | None:
    """Whether hashes say that the run forgot exactly these; None if there is nothing to ask."""
    try:
        about = json.loads((child.path.parent / METRICS).read_text())
        return bool(about["settings"]["forget"] == data_hash(chosen))
    except (OSError, ValueError, KeyError, TypeError):
        pass
    retain = sets.get("retain")
    if retain is None:
        return None
    share = retain.subset(experiment.unlearning.retain_fraction, experiment.seed)
    # Another share of the retain set may have been asked for, so that no match proves nothing.
    return True if child.card.data_hash == data_hash(share, chosen) else None
