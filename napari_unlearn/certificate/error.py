"""What can be wrong with a certificate or a ledger."""

from napari_unlearn.errors import UnlearnError


class CertificateError(UnlearnError):
    """A certificate or a ledger that cannot be written, read or trusted."""
