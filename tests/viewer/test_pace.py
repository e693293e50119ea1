import json
from types import SimpleNamespace

from napari_unlearn.cancel import CancelToken
from napari_unlearn.viewer.pace import Pace, Timed, metrics_of, pace_of

TRIAL = Timed("", "train", "CPU (1 thread, 9 GB free)", 2, 0.1)
NL_FT = Timed("nl-ft-2", "nl-ft", "CPU (1 thread, 9 GB free)", 80, 0.3)


def test_a_run_of_the_same_strategy_is_taken_as_it_is():
    assert Pace((TRIAL, NL_FT)).estimate("nl-ft", 2.0) == (0.3, NL_FT)


def test_otherwise_a_step_is_as_long_as_the_slices_it_sees():
    assert Pace((TRIAL, NL_FT)).estimate("scrub", 1.5) == (0.1 * 1.5, TRIAL)


def test_another_kind_of_device_says_nothing():
    assert Pace((TRIAL,)).estimate("ft", 1.0, "NVIDIA H200 (138 GB free)") is None
    assert Pace((TRIAL,)).estimate("ft", 1.0, "CPU (2 threads)") == (0.1, TRIAL)


def test_earlier_runs_are_read_from_their_files(tmp_path):
    run = tmp_path / "ft"
    run.mkdir()
    about = {"settings": {"strategy": "ft"}, "metrics": {"steps": 80.0, "seconds": 20.0}}
    (run / "metrics.json").write_text(json.dumps(about))
    (run / "events.jsonl").write_text(json.dumps({"event": "Started", "device": "CPU"}) + "\n")
    experiment = SimpleNamespace(runs={"ft": run}, run_folder=lambda name: tmp_path / name)
    assert pace_of(experiment, CancelToken()) == Pace((Timed("ft", "ft", "CPU", 80, 0.25),))


def test_broken_figures_are_no_figures(tmp_path):
    (tmp_path / "metrics.json").write_text("[1,")
    assert metrics_of(tmp_path) == {}
