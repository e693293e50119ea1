"""Measure the window while it unlearns, the memory of large networks, the maps' eye."""

import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from napari_unlearn.cli.app import AsJson, Deidentify, Device, Threads, app

if TYPE_CHECKING:
    from napari_unlearn.evaluation.volume_cost import Measured, Trial
    from napari_unlearn.models.memory import Memory

FULL_SIZE = (56, 448, 448)
"""The grid on which MedicalNet's networks were trained."""

benchmark = typer.Typer(no_args_is_help=True, help="Measure what this machine does.")
app.add_typer(benchmark, name="benchmark")


@benchmark.callback()
def _choose() -> None:
    """Measure what this machine does."""


@benchmark.command()
def gui(
    seconds: Annotated[float, typer.Option(min=1.0, help="Idle, and beside the job.")] = 20.0,
    part: Annotated[
        list[str] | None, typer.Option(help="bare, training, file, looking, volume; default all.")
    ] = None,
    small: Annotated[bool, typer.Option(help="Small files: to try the benchmark itself.")] = False,
    as_json: AsJson = False,
) -> None:
    """Open the viewer, put it under load, and tell the gaps between turns of its event loop.

    Parts: napari alone, unlearning, a 600 MB file, a comparison that is looked at, a volume of
    512x512x300 that is segmented and looked at.

    Example: napari-unlearn benchmark gui --part training --seconds 30 --json
    """
    from contextlib import redirect_stdout
    from dataclasses import asdict

    from napari_unlearn.viewer.benchmark_gui import measure_window, report_text

    with redirect_stdout(sys.stderr):  # napari prints what it warns of
        report = measure_window(seconds, part or (), small=small)
    typer.echo(json.dumps(asdict(report)) if as_json else report_text(report))


@benchmark.command()
def memory(
    model: Annotated[
        Literal["resnet10", "resnet18", "resnet34", "resnet50", "varnet"],
        typer.Option(help="Encoder of the Med3D network; or a VarNet beside its peers."),
    ] = "resnet50",
    sizes: Annotated[str, typer.Option(help="Of the VarNet, as in benchmark speed.")] = "small",
    shape: Annotated[
        tuple[int, int, int], typer.Option(min=8, help="Slices, rows, columns.")
    ] = FULL_SIZE,
    channels: Annotated[int, typer.Option(min=1, help="Contrasts.")] = 1,
    classes: Annotated[int, typer.Option(min=2, help="Labels, the background among them.")] = 10,
    width: Annotated[int, typer.Option(min=1, help="Channels of layer 1.")] = 64,
    precision: Annotated[
        Literal["32-true", "bf16-mixed"], typer.Option(help="As Lightning Fabric names it.")
    ] = "32-true",
    checkpointing: Annotated[
        bool, typer.Option("--checkpointing", help="Keep less and compute blocks twice.")
    ] = False,
    channels_last: Annotated[
        bool, typer.Option("--channels-last", help="Lay the channels of a voxel side by side.")
    ] = False,
    weights: Annotated[
        Path | None, typer.Option(help="MedicalNet's .pth; random ones by default.")
    ] = None,
    run: Annotated[bool, typer.Option(help="Run it as well, not only count.")] = True,
    device: Device = "cpu",
    threads: Threads = None,
    as_json: AsJson = False,
) -> None:
    """Memory of Med3D on one volume: estimated, then measured in a process of its own.

    Weights come from a file as MedicalNet publishes them, encoder only; then one forward pass
    and one training step are run.

    Example: napari-unlearn benchmark memory --model resnet50 --shape 56 448 448 --checkpointing

    Example: napari-unlearn benchmark memory --model varnet --sizes small,paper
    """
    if model == "varnet":
        from napari_unlearn.cli.benchmark_networks import varnet_memory

        varnet_memory(sizes, device, threads, as_json)
        return
    from napari_unlearn.evaluation.volume_cost import Trial, counted

    trial = Trial(
        depth=int(model.removeprefix("resnet")),
        channels=channels,
        classes=classes,
        width=width,
        shape=shape,
        precision=precision,
        checkpointing=checkpointing,
        channels_last=channels_last,
        device=device,
        weights=weights,
    )
    estimates = counted(trial)
    results = _run(trial, estimates, threads) if run else []
    typer.echo(_as_json(trial, estimates, results) if as_json else _as_text(estimates, results))


@benchmark.command()
def hallucinations(
    anatomy: Annotated[
        Literal["brain", "knee"], typer.Option(help="Phantoms, and the sample models for them.")
    ] = "brain",
    scan: Annotated[
        Path | None, typer.Option(help="A scan or image series instead of phantoms.")
    ] = None,
    model: Annotated[
        Path | None, typer.Option(help="Whose reconstructions are tampered with.")
    ] = None,
    other: Annotated[Path | None, typer.Option(help="Second model, for disagreement.")] = None,
    subjects: Annotated[int, typer.Option(min=1, help="Phantoms, two slices each.")] = 12,
    structures: Annotated[int, typer.Option(min=1, help="Planted per slice, at most.")] = 4,
    seed: Annotated[int, typer.Option(min=0, help="Of the structures.")] = 0,
    acceleration: Annotated[int, typer.Option(min=2)] = 4,
    center_fraction: Annotated[float, typer.Option(min=0.0, max=1.0)] = 0.08,
    size: Annotated[int, typer.Option(min=32, help="Rows and columns.")] = 96,
    coils: Annotated[int, typer.Option(min=1, help="Simulated coils.")] = 4,
    echo: Annotated[int, typer.Option(min=0, help="Echo of a multi-echo DICOM series.")] = 0,
    lam: Annotated[float | None, typer.Option(help="λ; from every slice if left out.")] = None,
    deidentify: Deidentify = True,
    as_json: AsJson = False,
) -> None:
    """Plant known structures and losses in reconstructions: how well does each map find them?

    Sensitivity, specificity and false alarms are those at the threshold that 1 % of the pixels
    of other clean reconstructions exceed.

    Example: napari-unlearn benchmark hallucinations --anatomy knee --seed 1 --json
    """
    from napari_unlearn.cancel import CancelToken
    from napari_unlearn.evaluation.self_test import SelfTest, run_self_test
    from napari_unlearn.evaluation.self_test_data import phantom_slices, scan_slices
    from napari_unlearn.evaluation.self_test_report import SelfTestReport
    from napari_unlearn.io.open import open_scan
    from napari_unlearn.models.load import load_model
    from napari_unlearn.mri.sampling import Sampling
    from napari_unlearn.pseudonym import naming
    from napari_unlearn.terminal import show_self_test

    own, second = _SELF_TEST_MODELS[anatomy]
    paths = [model or _sample_model(own), other or _sample_model(second)]
    if scan is None:
        calibration, test = phantom_slices(anatomy, subjects, size, coils)
        data = f"{anatomy} phantoms"
    else:
        opened = open_scan(scan, coils=coils, echo=echo, matrix=(size, size))
        calibration, test = scan_slices(opened)
        data = naming(deidentify).of("scan", opened.header.name)
    (drawn, _), (doubting, _) = (load_model(path) for path in paths)
    work = SelfTest(
        drawn,
        doubting,
        Sampling("equispaced", acceleration, center_fraction),
        calibration,
        test,
        structures=structures,
        seed=seed,
        lam=lam,
    )
    result = show_self_test(run_self_test(work, CancelToken()))
    header = test[0].scan.header
    about: dict[str, str | float] = {
        "data": data,
        "matrix": f"{header.rows}x{header.columns}",
        "coils": header.coils,
        "acceleration": acceleration,
        "centre fraction": center_fraction,
        "model": "/".join(paths[0].parts[-2:]),
        "second model": "/".join(paths[1].parts[-2:]),
        "slices calibrated on": len(calibration),
        "seed": seed,
    }
    typed = what_was_typed()
    if scan is not None and deidentify:
        typed = typed.replace(shlex.quote(scan.name), data)
    report = SelfTestReport.of(result, typed, about)
    typer.echo(report.json() if as_json else report.text(), nl=not as_json)


_SELF_TEST_MODELS = {
    "brain": ("contaminated-site/oracle", "contaminated-site/original"),
    "knee": ("knee/oracle", "brain-knee/original"),
}
"""Of the sample data: a model that knows the anatomy and never learnt to invent there, and a
second one."""


def _sample_model(name: str) -> Path:
    from napari_unlearn.viewer.samples import SAMPLES, sample_path

    return sample_path(SAMPLES[0]).parent / f"{name}.safetensors"


def what_was_typed() -> str:
    """What was typed, folders left out: a published result should not tell those of a machine."""
    words = [word.rpartition("/")[2] for word in sys.argv[1:] if word != "--json"]
    return shlex.join(["napari-unlearn", *words])


def _run(trial: "Trial", estimates: "dict[str, Memory]", threads: int | None) -> "list[Measured]":
    """Run it in a child, so that the peak is the network's alone.

    Raises:
        UnlearnError: if it cannot fit, or fails.
    """
    import os
    from functools import partial
    from typing import cast

    from napari_unlearn.cancel import CancelToken
    from napari_unlearn.errors import UnlearnError
    from napari_unlearn.evaluation.volume_cost import measure
    from napari_unlearn.models.device import device_name, free_memory, resolve_device
    from napari_unlearn.models.memory import MARGIN, amount
    from napari_unlearn.runs.background import in_child
    from napari_unlearn.terminal import ERR

    place = resolve_device(trial.device)
    needed = round(MARGIN * max(each.total for each in estimates.values()))
    free = free_memory(place)
    if needed > free:
        raise UnlearnError(
            f"A step takes up to {amount(needed)}, {amount(free)} are free on "
            f"{device_name(place)}; --checkpointing and --precision bf16-mixed take less, "
            "--no-run only counts."
        )
    results = []
    with ERR.status("Loading the weights, then running forward and a step"):
        work = partial(measure, trial)
        for event in in_child(work, CancelToken(), threads=threads or os.cpu_count() or 1):
            results.append(cast("Measured", event))
    return results


def _as_json(trial: "Trial", estimates: "dict[str, Memory]", results: "list[Measured]") -> str:
    from dataclasses import asdict

    about = {
        "network": {**trial.parameters, "shape": trial.shape, "precision": trial.precision},
        "channels_last": trial.channels_last,
        "device": trial.device,
        "estimated": {name: asdict(m) | {"total": m.total} for name, m in estimates.items()},
        "measured": {each.name: asdict(each) for each in results},
    }
    return json.dumps(about, indent=2)


def _as_text(estimates: "dict[str, Memory]", results: "list[Measured]") -> str:
    from napari_unlearn.models.memory import amount

    found = {each.name: each for each in results}
    parts = ("weights", "gradients", "moments", "activations", "total")
    head = f"{'estimated':<10}" + "".join(f"{part:>12}" for part in parts)
    lines = [head + f"{'measured':>12}{'time':>10}"]
    for name, memory_ in estimates.items():
        line = f"{name:<10}" + "".join(f"{amount(getattr(memory_, part)):>12}" for part in parts)
        if name in found:
            line += f"{amount(found[name].memory):>12}{found[name].seconds:>8.1f} s"
        lines.append(line)
    lines += [each.remark for each in results[:1]]
    return "\n".join(lines)
