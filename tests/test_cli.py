"""The whole story from a terminal, in miniature, in the user's own words."""

import json
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO

import h5py
import pytest

from napari_unlearn.cli import main
from tests.tiny_study import write_study
from tests.unlearning.allocator import no_memory


@dataclass(frozen=True)
class Done:
    stdout: str
    stderr: str


def run(*arguments, code=0):
    """Run the command line in this process: importing torch anew each time takes seconds."""
    out, err = StringIO(), StringIO()
    before = sys.argv
    sys.argv = ["napari-unlearn", *map(str, arguments)]
    left: str | int | None = 0
    try:
        with redirect_stdout(out), redirect_stderr(err):
            main()
    except SystemExit as stop:
        left = stop.code
    finally:
        sys.argv = before
    done = Done(out.getvalue(), err.getvalue())
    assert (left or 0) == code, done.stderr
    return done


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = write_study(tmp_path_factory.mktemp("cli") / "study")
    for role in ("original", "oracle"):
        run("train", folder, "--role", role, "--threads", 1)
    run("unlearn", folder, "--strategy", "acquired-lines", "--set", "weight=2", "--threads", 1)
    return folder


def test_memory_that_runs_out_is_one_sentence_in_every_command(study):
    for command in (
        ("suspects", study),
        ("evaluate", study),
        ("audit", study, "--hold-out", "site_test"),
    ):
        with no_memory():
            said = run(*command, "--device", "cpu", code=1).stderr
        assert "ran out" in said
        assert "Traceback" not in said
        assert said.rstrip().endswith("model.")


def test_the_table_names_every_run_and_the_oracle_agrees_with_nobody_better(study, tmp_path):
    done = run("evaluate", study, "--json", tmp_path / "results.json")
    for name in ("original", "oracle", "acquired-lines", "invented fault", "~oracle"):
        assert name in done.stdout
    results = json.loads((tmp_path / "results.json").read_text())["runs"]
    assert results["acquired-lines"]["card"]["strategy_parameters"]["weight"] == 2
    samples = results["original"]["samples"]
    assert len(samples) == 4
    mean = sum(s["psnr"] for s in samples if s["set"] == "site_test") / 2
    assert results["original"]["averages"]["site_test"]["psnr"] == pytest.approx(mean)


def test_the_papers_tables_and_figures_are_written(study, tmp_path):
    assert "files written" in run("evaluate", study, "--paper", tmp_path / "paper").stdout
    names = {path.name for path in (tmp_path / "paper").iterdir()}
    assert {"tables.md", "tables.json", "figure5.png", "figure5.svg"} <= names
    text = (tmp_path / "paper" / "tables.md").read_text()
    assert "UA" in text
    assert "ToW" in text


def test_several_experiments_are_seeds_of_one(study, tmp_path):
    done = run("evaluate", study, study, "--json", tmp_path / "seeds", "--device", "cpu")
    assert {path.name for path in (tmp_path / "seeds").iterdir()} == {
        "0-study.json",
        "1-study.json",
    }
    row = next(
        line for line in done.stdout.splitlines() if line.startswith("| acquired-lines | 2 |")
    )
    assert "± 0.00" in row


def test_compare_leaves_figure_maps_and_numbers(study, tmp_path):
    models = [
        f"{name}={study}/runs/{run}/checkpoint.safetensors"
        for name, run in (
            ("Original", "original"),
            ("Oracle", "oracle"),
            ("Unlearned", "acquired-lines"),
        )
    ]
    scan = study / "data" / "site_test" / "brain_0004.h5"
    options = [part for model in models for part in ("--model", model)]
    done = run("compare", scan, *options, "-o", tmp_path / "out", "--json")
    rows = json.loads(done.stdout)
    assert [row["role"] for row in rows] == ["original", "oracle", "unlearned"]
    kinds = {path.suffix for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert {".png", ".gz", ".h5", ".json", ".csv"} <= kinds


def test_reconstruct_writes_what_the_scan_holds(study, tmp_path):
    model = study / "runs" / "oracle" / "checkpoint.safetensors"
    scan = study / "data" / "site_test" / "brain_0004.h5"
    run("reconstruct", scan, "--model", model, "-o", tmp_path / "out.h5", "--acceleration", 4)
    with h5py.File(tmp_path / "out.h5") as file:
        assert file["reconstruction"].shape == (2, 32, 32)
    assert "reconstructed images" in run("info", tmp_path / "out.h5").stdout


def test_simulate_writes_scans_that_info_can_read(tmp_path):
    options = ("--anatomy", "knee", "--subjects", 2, "--seed", 5, "--slices", 1, "--size", 32)
    assert "2 scans" in run("simulate", tmp_path / "knees", *options).stdout
    about = json.loads(run("info", tmp_path / "knees" / "knee_0005.h5", "--json").stdout)
    assert about["kind"] == "fastmri"


def test_strategies_as_json_carry_parameters_with_ranges():
    entries = json.loads(run("strategies", "--json").stdout)
    scale = next(
        p for e in entries if e["name"] == "nl-ft" for p in e["parameters"] if p["name"] == "scale"
    )
    assert (scale["low"], scale["high"]) == (0, 2)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("info", "missing.h5"), 1, "missing.h5"),
        (("train", "missing.toml", "--role", "original"), 1, "missing.toml"),
        (("train", "x", "--role", "prophet"), 2, "prophet"),
        (("unlearn", "missing", "--strategy", "ft", "--set", "scale"), 2, "key=number"),
        (("compare", "missing.h5", "--model", "nameless", "-o", "x"), 2, "NAME=CHECKPOINT"),
        (("compare", "missing.h5", "--model", "A=a.pt", "-o", "x"), 1, "missing.h5"),
        (("simulate", "x", "--protocol", "feet"), 1, "brain-knee"),
        (("evaluate", "missing", "--figure-slice", "a:0"), 2, "--paper"),
        (("evaluate", "missing", "--relearn", "--relearn-target", 2), 1, "target_share"),
        (("study", __file__), 1, "something else"),
        (("nonsense",), 2, "nonsense"),
    ],
)
def test_wrong_use_ends_in_a_sentence(arguments, code, said):
    assert said in run(*arguments, code=code).stderr


@pytest.mark.parametrize(
    "command",
    [
        "adapters",
        "demo",
        "simulate",
        "info",
        "train",
        "strategies",
        "unlearn",
        "evaluate",
        "reconstruct",
        "report",
        "compare",
        "study",
        "sweep",
        "suspects",
        "responsible",
    ],
)
def test_every_command_helps_with_an_example(command):
    assert "Example: napari-unlearn" in run(command, "--help").stdout


def test_a_users_mistake_is_one_line_and_exit_code_1_in_a_real_terminal():
    command = [sys.executable, "-m", "napari_unlearn", "info", "missing.h5"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_a_guard_from_the_command_line_rolls_back_and_says_so(study):
    options = ("--strategy", "ga", "--epochs", 6, "--set", "decay=0", "--threads", 1)
    done = run("unlearn", study, *options, "--guard", 0.0, "--name", "guarded")
    assert "more than the limit of 0: nothing was kept." in " ".join(done.stderr.split())
    done = run("unlearn", study, *options, "--keep-best", "--guard", 1.0, "--name", "guarded")
    assert "Epoch 6 is kept" in done.stderr
