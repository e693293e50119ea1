"""What a user can get wrong about a reading study."""

from napari_unlearn.errors import UnlearnError


class ReadingError(UnlearnError):
    """A study that cannot be read, a journal that cannot be written, a reveal that is too early."""
