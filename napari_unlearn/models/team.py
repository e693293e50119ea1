"""The loops of `kernels.py` as functions that a team of OpenMP threads calls, compiled by numba."""

from collections.abc import Callable
from typing import Any

from numba import carray, cfunc, types

from napari_unlearn.models.kernels import gather, measure, project, standardise

_own: Any = types.ExternalFunction("omp_get_thread_num", types.int32())
_all: Any = types.ExternalFunction("omp_get_num_threads", types.int32())
_MOST = 16  # arguments


def bodies(slope: Any) -> dict[str, Any]:
    """What each thread of an OpenMP team calls, by the loop's name.

    Each takes the address of int64: parts, the shape's four numbers, lanes, and what the loop
    takes beyond its slope. A team may be smaller than was asked for.

    Args:
        slope: of leaky ReLU, and of the type of all numbers.
    """

    def measuring(given: Any) -> None:
        a = carray(given, (_MOST,))
        for part in range(_own(), a[0], _all()):
            measure(part, a[0], (a[1], a[2], a[3], a[4]), a[5], slope, a[6], a[7])

    def standardising(given: Any) -> None:
        a = carray(given, (_MOST,))
        shape, rest = (a[1], a[2], a[3], a[4]), (a[8], a[9], a[10], a[11])
        for part in range(_own(), a[0], _all()):
            standardise(part, a[0], shape, a[5], slope, a[6], a[7], *rest)

    def gathering(given: Any) -> None:
        a = carray(given, (_MOST,))
        shape, rest = (a[1], a[2], a[3], a[4]), (a[9], a[10], a[11], a[12])
        for part in range(_own(), a[0], _all()):
            gather(part, a[0], shape, a[5], slope, a[6], a[7], a[8], *rest)

    def projecting(given: Any) -> None:
        a = carray(given, (_MOST,))
        shape = (a[1], a[2], a[3], a[4])
        for part in range(_own(), a[0], _all()):
            project(part, a[0], shape, a[5], slope, a[6], a[7], a[8], a[9], a[10])

    found = {
        "measure": measuring,
        "standardise": standardising,
        "gather": gathering,
        "project": projecting,
    }
    return {name: _callable(body) for name, body in found.items()}


def _callable(body: Callable[[Any], None]) -> Any:
    """Compile for callers that are not Python."""
    kind = types.void(types.CPointer(types.int64))
    try:
        return cfunc(kind, cache=True, error_model="numpy")(body)
    except RuntimeError:  # as in `kernels.py`
        return cfunc(kind, error_model="numpy")(body)
