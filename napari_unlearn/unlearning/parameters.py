"""Typed parameters with ranges: the window's form and the options of the CLI read them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, get_args, get_type_hints

from napari_unlearn.errors import WrongUse

Number = int | float


@dataclass(frozen=True)
class Range:
    """What a parameter may be; written as `Annotated[float, Range(0, 2, "mm")]`."""

    low: float
    high: float
    unit: str = ""


@dataclass(frozen=True)
class Parameter:
    """One number of a strategy that a user may set."""

    name: str
    value: Number
    low: float
    high: float
    unit: str
    help: str
    """First line of the part of the strategy that it belongs to."""


def parameters_of(part: Any) -> Iterator[Parameter]:
    """The ranged fields of one frozen dataclass."""
    if not is_dataclass(part):
        return
    hints = get_type_hints(type(part), include_extras=True)
    for field in fields(part):
        for note in get_args(hints[field.name])[1:]:
            if isinstance(note, Range):
                yield Parameter(
                    name=field.name,
                    value=getattr(part, field.name),
                    low=note.low,
                    high=note.high,
                    unit=note.unit,
                    help=(type(part).__doc__ or "").strip().split("\n")[0],
                )


def with_parameters(part: Any, values: Mapping[str, Number]) -> Any:
    """The part with those of `values` that are its own replaced.

    Raises:
        WrongUse: if a value is out of range or not a number of the right kind.
    """
    changes: dict[str, Number] = {}
    for parameter in parameters_of(part):
        if parameter.name not in values:
            continue
        value = values[parameter.name]
        if isinstance(parameter.value, int) and float(value).is_integer():
            value = int(value)
        wrong_kind = isinstance(parameter.value, int) and not isinstance(value, int)
        if wrong_kind or not parameter.low <= value <= parameter.high:
            kind = "a whole number" if isinstance(parameter.value, int) else "a number"
            raise WrongUse(
                f"Parameter '{parameter.name}' is {value}; accepted: {kind} from "
                f"{parameter.low:g} to {parameter.high:g} {parameter.unit}".rstrip()
                + "."
            )
        changes[parameter.name] = value
    return replace(part, **changes) if changes else part
