"""A certificate as one HTML page that opens anywhere, prints well and holds its own JSON."""

import base64
import json
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined, Template

from napari_unlearn.certificate.content import Certificate, Figure
from napari_unlearn.certificate.error import CertificateError
from napari_unlearn.certificate.measure import BY_KEY, EXPERT
from napari_unlearn.certificate.pictures import Picture

_TEMPLATE = Path(__file__).with_name("page.html")
_DATA = '<script type="application/json" id="certificate">'
_PICTURE = re.compile(
    r'<img id="([a-z]+)" src="data:image/(png|svg\+xml);base64,([A-Za-z0-9+/=]*)"'
)
_MARKS = {"supported": "✓", "not supported": "✗", "cannot tell": "?"}


def to_page(certificate: Certificate, pictures: Sequence[Picture]) -> str:
    """The whole page; nothing in it is loaded from elsewhere and no script runs."""
    return _template().render(
        c=certificate,
        tables=tables_of(certificate),
        structures=structures_of(certificate),
        pictures={picture.name: _shown(picture) for picture in pictures},
        data=embedded(certificate),
        marks=_MARKS,
        short=lambda text: f"{text[:12]}…" if len(text) > 12 else text,
        titles={key: quantity.title for key, quantity in BY_KEY.items()},
        plain=[BY_KEY[key] for key in dict.fromkeys(f.quantity for f in certificate.figures)],
        names=_names(certificate),
        samples="images" if certificate.experiment.task == "reconstruction" else "volumes",
        attacks=certificate.verdict.findings[-1],
    )


def embedded(certificate: Certificate) -> str:
    """The certificate's JSON as it may stand inside a page."""
    text = json.dumps(certificate.model_dump(mode="json"), ensure_ascii=False)
    # A page ends a script at the first "</", whatever it stands in.
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def data_of(page: str, where: str) -> str:
    """The JSON that a page holds.

    Raises:
        CertificateError: if it holds none.
    """
    # No regular expression: a head without an end would be sought again from each of many.
    _, head, rest = page.partition(_DATA)
    data, end, _ = rest.partition("</script>")
    if not head or not end:
        raise CertificateError(f"{where}: a page without a certificate in it.")
    return data


def pictures_of(page: str, certificate: Certificate) -> tuple[Picture, ...]:
    """The pictures that a page holds; broken ones are left out."""
    captions = {entry.name: entry.caption for entry in certificate.pictures}
    found = []
    for name, kind, text in _PICTURE.findall(page):
        try:
            data = base64.b64decode(text, validate=True)
        except ValueError:
            continue
        found.append(Picture(name, kind, data, captions.get(name, "")))
    return tuple(found)


def tables_of(certificate: Certificate) -> list[dict[str, Any]]:
    """One table per set: a row per run, a column per quantity."""
    tables = []
    for name in dict.fromkeys(figure.set for figure in certificate.figures):
        own = [f for f in certificate.figures if f.set == name and not f.structure]
        keys = list(dict.fromkeys(figure.quantity for figure in own))
        cells = {(f.run, f.quantity): _cell(f) for f in own}
        tables.append(
            {
                "set": name,
                "samples": max(figure.samples for figure in own),
                "patients": max(figure.patients for figure in own),
                "heads": [BY_KEY[key].title for key in keys],
                "rows": [
                    (run, [cells.get((run, key), ("", "")) for key in keys])
                    for run in certificate.runs
                ],
            }
        )
    return tables


def structures_of(certificate: Certificate) -> list[dict[str, Any]]:
    """One table per set of a segmentation: a row per structure, Dice and volume by run."""
    tables = []
    figures = [figure for figure in certificate.figures if figure.structure]
    for name in dict.fromkeys(figure.set for figure in figures):
        own = [figure for figure in figures if figure.set == name]
        cells = {(f.structure, f.quantity, f.run): _cell(f)[0] for f in own}
        runs = [run for run in certificate.runs if any(f.run == run for f in own)]
        volumes = [EXPERT, *runs] if any(f.run == EXPERT for f in own) else runs
        tables.append(
            {
                "set": name,
                "runs": runs,
                "volumes": volumes,
                "rows": [
                    (
                        structure,
                        [cells.get((structure, "structure_dice", run), "") for run in runs],
                        [cells.get((structure, "volume", run), "") for run in volumes],
                    )
                    for structure in dict.fromkeys(f.structure for f in own)
                ],
            }
        )
    return tables


def _cell(figure: Figure) -> tuple[str, str]:
    """Mean and interval."""
    digits = BY_KEY[figure.quantity].digits
    mean = f"{figure.mean:.{digits}f}"
    if figure.low is None or figure.high is None:
        return mean, ""
    return mean, f"{figure.low:.{digits}f} to {figure.high:.{digits}f}"


def _names(certificate: Certificate) -> dict[str, str]:
    """What a run is, for a reader, by its name."""
    told = {}
    if certificate.original is not None:
        told[certificate.original.run] = "learnt everything"
    if certificate.parent is not None:
        told[certificate.parent.run] = "before forgetting"
    told[certificate.child.run] = "after forgetting"
    if certificate.oracle is not None:
        told[certificate.oracle.run] = "never saw the data"
    return told


def _shown(picture: Picture) -> dict[str, str]:
    text = base64.b64encode(picture.data).decode()
    return {
        "source": f"data:image/{picture.kind};base64,{text}",
        "caption": picture.caption,
    }


@cache
def _template() -> Template:
    surroundings = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return surroundings.from_string(_TEMPLATE.read_text(encoding="utf-8"))
