"""What a user can get wrong about an audit."""

from napari_unlearn.errors import UnlearnError


class AuditError(UnlearnError):
    """Sets or runs on which no attack says anything."""
