import json
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from napari_unlearn.benchmarks import race as room
from napari_unlearn.benchmarks.names import CHECKPOINTING, FASTMRI, OURS
from napari_unlearn.benchmarks.race import Lap, Race, machine, run_race
from napari_unlearn.benchmarks.report import Entry, SpeedReport, Spread
from napari_unlearn.cancel import CancelToken
from napari_unlearn.cli import app
from napari_unlearn.cli import benchmark_networks as cli
from napari_unlearn.errors import UnlearnError

ENTRIES = (
    Entry("small", OURS, Spread(1, 0.9, 1.1), Spread.of([3, 2, 4]), 100, 1e-6, 2e-4),
    Entry("small", FASTMRI, Spread(1.5, 1, 2), Spread(6, 5, 7), 200, 0.0, 1e-3),
    Entry("full", OURS, operations=600, step_shares={"FFT": 1.0}, forward_shares={"FFT": 1.0}),
)
REPORT = SpeedReport("napari-unlearn benchmark speed", {"cores": 2}, ENTRIES, ("MONAI is out.",))


def test_a_report_says_how_many_times_faster_and_which_part_of_the_memory():
    assert REPORT.ratios(ENTRIES[1]) == {"forward": 1.5, "step": 2.0, "memory": 0.5}
    text = REPORT.text()
    assert "| fastMRI | 1.5 (1 to 2) | 1.50x | 6 (5 to 7) | 2.00x | 0 | 0.50x | 0.0e+00 |" in text
    assert "MONAI is out." in text
    assert "cores 2" in text


def test_the_json_says_all_and_reads_back():
    content = json.loads(REPORT.json())
    assert set(content) == {"command", "about", "entries", "missing", "ratios"}
    assert content["ratios"][1] == {
        "size": "small", "contender": FASTMRI, "forward": 1.5, "step": 2.0, "memory": 0.5
    }  # fmt: skip
    assert SpeedReport.read(REPORT.json()) == REPORT


def test_the_share_of_peak_is_that_of_a_matrix_product():
    entry = Entry("full", OURS, step=Spread(2, 2, 2), operations=600, product_rate=1000.0)
    assert entry.peak_share == pytest.approx(0.3)
    assert ENTRIES[2].peak_share is None


@pytest.fixture(scope="module")
def events():
    contenders = (OURS, CHECKPOINTING)
    race = Race(("toy",), contenders, rounds=2, shares=False)
    return list(run_race(race, CancelToken()))


@pytest.mark.long
def test_a_race_measures_every_contender(events):
    laps = [event.text for event in events if isinstance(event, Lap)]
    assert laps.count("toy: step, round 2 of 2") == 1
    ours, checkpointing = (event for event in events if isinstance(event, Entry))
    for entry in (ours, checkpointing):
        assert entry.forward.least <= entry.forward.median <= entry.forward.most
        assert entry.step.median > 0
        assert entry.peak > 0
        assert entry.output_error < 1e-5
        assert entry.gradient_error < 1e-2


@pytest.mark.long
def test_unequal_networks_are_not_compared(monkeypatch):
    monkeypatch.setattr(room, "TOLERANCE", 0.0)
    race = Race(("toy",), (OURS,), memory=False)
    with pytest.raises(UnlearnError, match="differ by"):
        list(run_race(race, CancelToken()))


@pytest.mark.parametrize("full", [False, True])
def test_what_cannot_be_compiled_is_left_out_and_named(monkeypatch, full):
    asked: list[Race] = []

    def ask(race, missing):
        asked.append(race)
        return replace(REPORT, missing=missing)

    monkeypatch.setattr(cli, "_run", ask)
    typed = ["benchmark", "speed", "--compile", *(["--full"] if full else [])]
    told = CliRunner().invoke(app, typed)
    assert asked[0].compiled
    assert CHECKPOINTING not in asked[0].contenders
    assert OURS in asked[0].contenders
    assert "napari-unlearn, checkpointing is left out" in told.stdout


def test_the_machine_is_described_without_its_paths():
    about = machine(Race(("toy",), (OURS,), threads=2))
    assert about["threads"] == 2
    assert about["napari-unlearn"]
    assert "/" not in json.dumps(about)
