"""Certificates: write one, verify one, show the ledger."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from napari_unlearn.cli.app import Deidentify, Device, app
from napari_unlearn.errors import UnlearnError, WrongUse

if TYPE_CHECKING:
    from napari_unlearn.certificate.make import Told
    from napari_unlearn.experiment import Experiment

T = TypeVar("T")


@app.command()
def report(
    experiment: Annotated[
        Path | None,
        typer.Argument(
            metavar="EXP",
            help="experiment.toml, or its folder; with --verify else looked for beside the file.",
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="HTML file to write, JSON beside it.")
    ] = None,
    run: Annotated[str | None, typer.Option(help="The run that forgot, if several did.")] = None,
    data: Annotated[
        Path | None, typer.Option("--json", help="JSON file; else named like the HTML.")
    ] = None,
    forget: Annotated[
        list[str] | None, typer.Option(help="What 'unlearn --forget' was given; repeatable.")
    ] = None,
    requester: Annotated[str, typer.Option(help="Role of who asked: shown as written.")] = "",
    requester_id: Annotated[
        str, typer.Option(help="Name or number of who asked: shown as a pseudonym.")
    ] = "",
    reference: Annotated[str, typer.Option(help="Case number: shown as written.")] = "",
    reason: Annotated[str, typer.Option(help="In plain words: shown as written.")] = "",
    date: Annotated[str, typer.Option(help="Of the request: 2026-05-31.")] = "",
    verify: Annotated[
        Path | None, typer.Option(help="Check this certificate (HTML or JSON) instead.")
    ] = None,
    hashes_only: Annotated[
        bool, typer.Option("--hashes-only", help="With --verify: measure nothing again.")
    ] = False,
    ledger: Annotated[
        bool, typer.Option("--ledger", help="Check and show the ledger of requests instead.")
    ] = False,
    deidentify: Deidentify = True,
    device: Device = "auto",
    as_json: Annotated[
        bool, typer.Option("--as-json", help="Print what --verify or --ledger found as JSON.")
    ] = False,
) -> None:
    """Write a certificate of what was forgotten, or verify one.

    One page that opens offline and prints, and the same as JSON: who asked for what, which
    models, the strategy, the figures measured anew, what attacks found, what it does not mean.
    Who asked stands in the experiment file's table [request] or in the options. Every request
    is noted once in the experiment's ledger.jsonl. --verify exits with 1 if anything differs.

    Example: napari-unlearn report study -o report.html --run nl-ft

    Example: napari-unlearn report study --verify report.html
    """
    if verify is not None:
        _verify(verify, experiment, hashes_only, device, as_json)
        return
    if experiment is None:
        raise typer.BadParameter("Give EXP, the experiment to report on.")
    from napari_unlearn.experiment import Experiment

    study = Experiment.load(experiment)
    if ledger:
        _show_ledger(study, as_json)
        return
    if output is None:
        raise typer.BadParameter("Give -o, the HTML file to write.")
    if output.suffix.lower() not in (".html", ".htm"):
        raise WrongUse(f"{output}: a certificate is a page; accepted: .html.")
    from napari_unlearn.certificate.files import write_certificate
    from napari_unlearn.certificate.make import Made, Order, certify
    from napari_unlearn.pseudonym import naming

    said = {
        "requester": requester,
        "requester_id": requester_id,
        "reference": reference,
        "reason": reason,
        "date": date,
    }
    order = Order(run, said, tuple(forget or ()), naming(deidentify), device)
    made = _follow(certify(study, order), Made)
    written = write_certificate(made, output, data)
    verdict = made.certificate.verdict
    typer.echo(f"{verdict.answer}: {verdict.sentence}")
    typer.echo(f"{written[0]} and {written[1].name} written.")
    typer.echo(f"Fingerprint: {made.certificate.fingerprint}")


def _verify(path: Path, place: Path | None, hashes_only: bool, device: str, as_json: bool) -> None:
    from napari_unlearn.certificate.files import read_certificate
    from napari_unlearn.certificate.verify import Checked
    from napari_unlearn.certificate.verify import verify as run
    from napari_unlearn.experiment import Experiment

    certificate, page = read_certificate(path)
    study = Experiment.load(place or _beside(path))
    events = run(certificate, page, study, device=device, measured_too=not hashes_only)
    checked = _follow(events, Checked)
    if as_json:
        about = {
            "fingerprint": certificate.fingerprint,
            "differences": checked.differences,
            "notes": checked.notes,
            "agreed": checked.agreed,
        }
        typer.echo(json.dumps(about, ensure_ascii=False, indent=1))
    else:
        for sentence in checked.agreed:
            typer.echo(f"As certified: {sentence}")
        for sentence in checked.notes:
            typer.echo(f"Note: {sentence}")
        for sentence in checked.differences:
            typer.echo(f"DIFFERS: {sentence}")
    if checked.differences:
        count = len(checked.differences)
        raise UnlearnError(f"{path}: {count} difference{'s' if count > 1 else ''}.")
    if not as_json:
        typer.echo(f"{path}: holds.")


def _beside(path: Path) -> Path:
    from napari_unlearn.experiment import FILE

    for folder in list(path.resolve().parents)[:3]:
        if (folder / FILE).is_file():
            return folder
    raise WrongUse(
        f"{path}: no {FILE} beside it or in the two folders above; accepted: EXP before --verify."
    )


def _show_ledger(study: "Experiment", as_json: bool) -> None:
    from napari_unlearn.certificate.ledger import FILE, read_ledger, told

    lines = read_ledger(study.folder / FILE)
    if as_json:
        typer.echo(json.dumps([line.model_dump() for line in lines], ensure_ascii=False, indent=1))
        return
    for line in told(lines):
        typer.echo(line)
    head = f", last hash {lines[-1].hash}" if lines else ""
    count = "1 request" if len(lines) == 1 else f"{len(lines)} requests"
    typer.echo(f"{count}, the chain is whole{head}.")


def _follow(events: "Iterable[Told | T]", last: type[T]) -> T:
    from napari_unlearn.terminal import ERR

    with ERR.status("Reading") as status:
        for event in events:
            if isinstance(event, last):
                return event
            status.update(str(event))
    raise UnlearnError("The work ended without a result.")
