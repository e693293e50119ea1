"""Who asked for what to be forgotten, as the experiment file says it."""

import datetime
from typing import Annotated

from pydantic import BeforeValidator, Field

from napari_unlearn.settings_file import Line, Section


def _written_day(value: object) -> object:
    """TOML has dates of its own; both ways of writing one mean the same."""
    if type(value) is datetime.date:
        return value.isoformat()
    if isinstance(value, str) and value:
        try:
            datetime.date.fromisoformat(value)
        except ValueError:
            raise ValueError from None  # the words are those of the schema
    return value


Day = Annotated[
    str,
    BeforeValidator(_written_day),
    Field(pattern=r"^(\d{4}-\d{2}-\d{2})?$", json_schema_extra={"accepted": "a day: 2026-05-31"}),
]


class Request(Section):
    """A request to forget; certificates and the ledger carry it."""

    requester: Line = ""
    """In which role, such as "the patient" or "data protection officer": shown as written."""
    requester_id: Line = ""
    """A name or number that tells who: shown as a pseudonym."""
    reference: Line = ""
    """Of the request in the archive, such as a case number: shown as written."""
    reason: Line = ""
    """In plain words: shown as written."""
    date: Day = ""
    """On which it was made."""
