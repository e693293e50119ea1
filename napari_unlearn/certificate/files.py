"""Certificates on disk: written whole, read with care."""

from pathlib import Path

from pydantic import ValidationError

from napari_unlearn.atomic import write_whole
from napari_unlearn.bounded import read_text
from napari_unlearn.certificate.content import Certificate, to_json
from napari_unlearn.certificate.error import CertificateError
from napari_unlearn.certificate.make import Made
from napari_unlearn.certificate.measure import BY_KEY
from napari_unlearn.certificate.page import data_of, to_page
from napari_unlearn.errors import reason, shortened

_MOST_BYTES = 1 << 27


def write_certificate(made: Made, page: Path, data: Path | None = None) -> tuple[Path, Path]:
    """Write the page and the JSON beside it, each whole or not at all.

    Args:
        made: What to write.
        page: The HTML file.
        data: The JSON file; None takes the page's name with another ending.

    Raises:
        UnlearnError: if a file cannot be written.
    """
    beside = data or page.with_suffix(".json")
    if beside == page:
        raise CertificateError(f"{page}: page and JSON need files of their own.")
    write_whole(page, to_page(made.certificate, made.pictures).encode())
    write_whole(beside, to_json(made.certificate).encode())
    return page, beside


def read_certificate(path: Path) -> tuple[Certificate, str | None]:
    """A certificate from its JSON or its page, and the page if it was one.

    Raises:
        CertificateError: if it is neither.
    """
    try:
        text = read_text(path, _MOST_BYTES)
    except OSError as error:
        raise CertificateError(f"{path}: cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise CertificateError(f"{path}: no certificate (it is not text).") from error
    page = text if text.lstrip()[:9].lower() == "<!doctype" else None
    try:
        told = text if page is None else data_of(page, str(path))
        made = Certificate.model_validate_json(told)
    except ValidationError as error:
        first = error.errors()[0]
        where = shortened(".".join(map(str, first["loc"])) or "text")
        said = reason(ValueError(first["msg"]))
        raise CertificateError(f"{path}: no certificate ({where}: {said}).") from error
    _understood(made, path)
    return made, page


def _understood(made: Certificate, path: Path) -> None:
    """Refuse quantities that only another version could compare."""
    for figure in made.figures:
        if figure.quantity not in BY_KEY or figure.quantity not in made.tolerances:
            raise CertificateError(
                f"{path}: a certificate with '{shortened(figure.quantity)}' measured, which this "
                "version does not know or has no tolerance for."
            )
