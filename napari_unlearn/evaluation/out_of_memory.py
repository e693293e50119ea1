"""A full memory is the user's to solve: one sentence, and the memory is given back."""

import traceback
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from napari_unlearn.evaluation.error import EvaluationError
from napari_unlearn.mri.scan import Header

_WORDS = ("out of memory", "can't allocate memory", "not enough memory")


def memory_in_a_sentence(header: Header, device: object) -> AbstractContextManager[None]:
    """Turn a failed allocation inside the block into an `EvaluationError`.

    Args:
        header: Of the scan being reconstructed.
        device: Whose memory it is.
    """
    scan = f"{header.name} ({header.coils} coils, {header.rows}x{header.columns})"
    return memory_said(f"reconstructing {scan}", device)


@contextmanager
def memory_said(work: str, device: object) -> Iterator[None]:
    """The same for any work, e.g. "segmenting head-0000"."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not ran_out(error):
            raise
        # The tensors that filled the memory live in the frames of the traceback.
        traceback.clear_frames(error.__traceback__)
        raise EvaluationError(
            f"{device} ran out of memory while {work}; close other programs, or choose another "
            "device or a smaller model."
        ) from error


def ran_out(error: MemoryError | RuntimeError) -> bool:
    """Whether an error says that memory ran out; PyTorch has no type of its own for a CPU's."""
    return isinstance(error, MemoryError) or any(word in str(error).lower() for word in _WORDS)
