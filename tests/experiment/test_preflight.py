import json
import re
from dataclasses import replace
from types import SimpleNamespace

import h5py
import numpy as np
import pytest

from napari_unlearn.errors import UnlearnError, WrongUse
from napari_unlearn.experiment import Experiment
from napari_unlearn.experiment.preflight import preflight
from napari_unlearn.experiment.scans import slice_loss
from napari_unlearn.experiment.weight import SliceWeight
from napari_unlearn.io.fastmri import FastmriScan, write_fastmri
from napari_unlearn.models.registry import ARCHITECTURES
from napari_unlearn.mri.scan import Header, MemoryScan
from tests.test_cli import run
from tests.tiny_study import TOML, write_study

LINE_OF_HERS = "patient-7f3a"


@pytest.fixture
def study(tmp_path):
    return write_study(tmp_path / "study")


def errors(folder, **options):
    report = preflight(Experiment.load(folder), timing=False, **options)
    return [finding.text for finding in report.errors]


def warnings(folder):
    report = preflight(Experiment.load(folder), timing=False)
    return [finding.text for finding in report.findings if finding.level == "warning"]


def change(path, **attributes):
    with h5py.File(path, "r+") as file:
        file.attrs.update(attributes)


def any_scan(name, *, slices=2, coils=2, rows=32, columns=32, acquired=None, targets=True):
    rng = np.random.default_rng(0)
    header = Header(name, slices, coils, rows, columns, rows, rows, patient=name)
    shape = (slices, coils, rows, columns)
    kspaces = rng.normal(size=shape) + 1j * rng.normal(size=shape)
    images = np.abs(rng.normal(size=(slices, rows, rows))).astype(np.float32)
    return MemoryScan(header, kspaces.astype(np.complex64), images if targets else None, acquired)


def test_a_sound_experiment_has_no_errors_and_counts_its_sets(study):
    report = preflight(Experiment.load(study), timing=False)
    assert report.errors == ()
    assert report.sets["retain"] == (2, 4)
    assert report.sets["forget"] == (1, 2)
    assert report.device


def test_looking_reads_one_slice_of_a_set_at_most_and_writes_nothing(study, monkeypatch):
    reads = []
    read = FastmriScan._read

    def noted(scan, name, index, coil=None):
        reads.append((scan.path, name))
        return read(scan, name, index, coil)

    monkeypatch.setattr(FastmriScan, "_read", noted)
    before = sorted(study.rglob("*"))
    preflight(Experiment.load(study), timing=False)
    kspace = [path for path, name in reads if name == "kspace"]
    assert len(kspace) == len(set(kspace)) == 4
    assert sorted(study.rglob("*")) == before


@pytest.mark.parametrize(
    ("other", "names"), [("forget", ("retain", "forget")), ("site_test", ("retain", "site_test"))]
)
def test_a_patient_in_two_sets_is_an_error_that_names_files_and_never_the_patient(
    study, other, names
):
    change(study / "data" / "retain" / "brain_0001.h5", patient_id=LINE_OF_HERS)
    second = next((study / "data" / other).iterdir())
    change(second, patient_id=LINE_OF_HERS)
    (said,) = errors(study)
    assert all(name in said for name in (*names, "brain_0001.h5", second.name))
    assert LINE_OF_HERS not in json.dumps(run("check", study, "--no-timing", code=1).stdout)


def test_training_refuses_a_patient_in_two_sets_before_any_work(study):
    for folder in ("retain/brain_0000.h5", "forget/brain_0002.h5"):
        change(study / "data" / folder, patient_id=LINE_OF_HERS)
    said = run("train", study, "--role", "original", code=1).stderr
    assert "both the retain and the forget set" in said
    assert said.count("\n") == 1
    assert not (study / "runs").exists()


def test_a_patient_in_two_test_sets_is_none_of_our_business(study):
    for folder in ("retain_test/brain_0003.h5", "site_test/brain_0004.h5"):
        change(study / "data" / folder, patient_id=LINE_OF_HERS)
    assert errors(study) == []


def test_undersampled_scans_without_reference_are_an_error(study):
    lines = np.arange(32) % 2 == 0
    scan = any_scan("bare", acquired=lines, targets=False)
    write_fastmri(study / "data" / "retain" / "bare.h5", scan)
    (said,) = errors(study)
    assert "1 of 3 scans of the retain set" in said
    assert "bare.h5" in said
    with pytest.raises(UnlearnError, match=r"bare\.h5"):
        Experiment.load(study).training_job("oracle")


def test_scans_with_lines_of_their_own_are_not_undersampled_twice_and_one_is_told(study):
    scan = any_scan("half", acquired=np.arange(32) % 2 == 0)
    write_fastmri(study / "data" / "retain" / "half.h5", scan)
    assert errors(study) == []
    assert any("their own lines are used" in said for said in warnings(study))
    samples = Experiment.load(study).samples("retain")
    place = next(i for i, (s, _) in enumerate(samples.slices) if s.header.name == "half")
    assert int(samples.batch(place, seed=1).lines.sum()) == 16


def test_a_matrix_or_coils_that_differ_inside_a_set_are_told(study):
    write_fastmri(study / "data" / "retain" / "wide.h5", any_scan("wide", coils=3, columns=48))
    report = preflight(Experiment.load(study), timing=False)
    told = {finding.level: finding.text for finding in report.findings if "differ" in finding.text}
    assert "32x32 (2), 32x48 (1)" in told["warning"]
    assert "2 (2), 3 (1)" in told["note"]


def test_sampling_that_leaves_nothing_to_choose_is_an_error_and_few_lines_a_warning(study):
    assert any(re.search(r"leaves \d of 32 columns", said) for said in warnings(study))
    path = study / "experiment.toml"
    path.write_text(TOML.replace("center_fraction = 0.08", "center_fraction = 0.5"))
    (said,) = errors(study)
    assert "[sampling] does not fit 32 columns" in said


def test_every_set_that_cannot_be_found_is_named(study):
    for name in ("forget", "site_test"):
        for path in (study / "data" / name).iterdir():
            path.unlink()
    said = errors(study)
    assert len(said) == 2
    assert "data.forget" in said[0]
    assert "data.tests.site_test" in said[1]


def test_a_file_named_twice_is_told(study):
    path = study / "experiment.toml"
    path.write_text(TOML.replace('["data/retain"]', '["data/retain", "data/retain/*0001.h5"]'))
    assert any("brain_0001.h5 more than once" in said for said in warnings(study))


def test_an_original_is_asked_for_only_by_strategies(study):
    assert errors(study) == []
    (said,) = errors(study, names=["nl-ft"])
    assert "train --role original" in said
    with pytest.raises(WrongUse, match="no strategy 'nlft'"):
        preflight(Experiment.load(study), ["nlft"])


def test_a_parent_of_another_network_is_an_error(study):
    run("train", study, "--role", "original", "--epochs", 1, "--threads", 1)
    text = TOML.replace("cascades = 1", "cascades = 2")
    (study / "experiment.toml").write_text(text)
    (said,) = errors(study)
    assert "'cascades': 1" in said
    assert "'cascades': 2" in said
    parent = 'epochs = 2\nparent = "nowhere.safetensors"'
    (study / "experiment.toml").write_text(TOML.replace("epochs = 2", parent))
    assert "training.parent" in errors(study)[0]


def test_an_unknown_device_is_an_error_and_the_rest_is_still_told(study):
    report = preflight(Experiment.load(study), device="cuda:99")
    assert any("cuda:99" in finding.text for finding in report.errors)
    assert report.sets["retain"] == (2, 4)


def test_a_step_that_cannot_fit_is_an_error_and_is_not_tried(study):
    size = "cascades = 64, channels = 1024, pools = 4"
    text = TOML.replace("cascades = 1, channels = 2, pools = 1", size)
    (study / "experiment.toml").write_text(text)
    said = errors(study)
    assert any("of memory" in text and "checkpointing" in text for text in said)
    report = preflight(Experiment.load(study))
    assert report.pace is None


def test_too_little_disk_is_an_error(study, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=1000))
    (said,) = errors(study)
    assert "0.0 MiB are free there" in said


def test_the_plan_counts_the_steps_that_the_jobs_take(study):
    loaded = Experiment.load(study)
    plans = {plan.name: plan.steps for plan in preflight(loaded, timing=False).plans}
    for role in ("original", "oracle"):
        assert plans[role] == loaded.training_job(role).total_steps
    assert plans["nl-ft"] == 4
    assert plans["ssd"] == 0


def test_time_grows_with_steps_and_objectives(study):
    report = preflight(Experiment.load(study), device="cpu")
    seconds = {plan.name: plan.seconds for plan in report.plans}
    assert report.pace.step > 0
    assert report.pace.reconstruction > 0
    assert seconds["original"] > seconds["oracle"] > 0
    assert seconds["nl-ft"] > seconds["nl"]
    assert seconds["ssd-ft"] > seconds["ft"]


def test_memory_is_counted_without_being_taken_and_grows_as_the_network_does():
    header = Header("scan", 1, 4, 96, 96, 96, 96)
    parameters = {"cascades": 4, "channels": 8, "pools": 3, "sens_channels": 8, "sens_pools": 3}

    def weight(**changes):
        return SliceWeight(ARCHITECTURES["varnet"], {**parameters, **changes}, slice_loss(header))

    one, two, three = (weight(cascades=count) for count in (4, 8, 12))
    assert one.weights == 4 * 601_774
    assert one.state == 4 * one.weights
    # Every cascade keeps as much; the sensitivities are kept once.
    assert three.activations - two.activations == two.activations - one.activations
    assert two.activations / one.activations == pytest.approx(1.497, rel=0.01)
    assert weight(cascades=8, checkpointing=True).activations < 0.7 * two.activations
    large = replace(one, loss=slice_loss(replace(header, rows=192, columns=192)))
    # Four times the pixels; what does not grow with them is little.
    assert large.activations / one.activations == pytest.approx(3.94, rel=0.01)


def test_check_leaves_a_table_for_people_and_json_for_programs(study):
    told = run("check", study, "--strategy", "oracle", "--strategy", "original").stdout
    assert "retain: 2 scans, 4 slices" in told
    assert "oracle" in told
    about = json.loads(run("check", study, "--json", "--no-timing").stdout)
    assert about["sets"]["forget"] == {"scans": 1, "slices": 2}
    assert about["errors"] == 0
    assert {"level", "text"} == set(about["findings"][0])


def test_check_ends_with_1_on_an_error_and_2_on_wrong_use(study):
    assert "no strategy" in run("check", study, "--strategy", "x", code=2).stderr
    (study / "data" / "forget" / "brain_0002.h5").unlink()
    assert "error: " in run("check", study, code=1).stdout


@pytest.fixture
def fastmri(tmp_path):
    """Folders with the names, attributes and odd shapes of fastMRI's own files."""
    names = {
        "multicoil_train": [
            ("file_brain_AXT2_200_2000001", "AXT2", 4, 40, 320),
            ("file_brain_AXT2_202_2020002", "AXT2", 3, 40, 320),
            ("file_brain_AXT1POST_200_6001983", "AXT1POST", 4, 40, 320),
            ("file_brain_AXFLAIR_201_6002870", "AXFLAIR", 4, 40, 320),
            ("file1000002", "CORPDFS_FBK", 5, 40, 372),
        ],
        "multicoil_val": [
            ("file_brain_AXT2_200_2000019", "AXT2", 4, 40, 320),
            ("file1000000", "CORPD_FBK", 5, 40, 368),
        ],
    }
    for folder, scans in names.items():
        for name, acquisition, coils, rows, columns in scans:
            path = tmp_path / "fastMRI" / folder / f"{name}.h5"
            scan = any_scan(name, coils=coils, rows=rows, columns=columns)
            write_fastmri(path, scan, acquisition=acquisition)
            with h5py.File(path, "r+") as file:
                for ours in ("simulated", "anatomy", "source", "voxel_size"):
                    del file.attrs[ours]
                file.attrs["patient_id"] = f"{name}0123456789abcdef"
    return tmp_path


def test_the_papers_configuration_takes_brains_and_knees_from_fastmri_by_name(fastmri):
    run("example", fastmri)
    report = preflight(Experiment.load(fastmri), timing=False)
    assert [text for text in report.errors if "memory" not in text.text] == []
    assert report.sets == {
        "retain": (2, 4),
        "forget": (1, 2),
        "retain_test": (1, 2),
        "forget_test": (1, 2),
    }
    loaded = Experiment.load(fastmri)
    assert {scan.header.anatomy for scan in loaded.samples("retain").scans} == {"brain"}
    assert {scan.header.anatomy for scan in loaded.samples("forget").scans} == {"knee"}
    steps = {plan.name: plan.steps for plan in report.plans}
    assert (steps["original"], steps["oracle"]) == (50 * 6, 50 * 4)


def test_the_papers_network_has_the_papers_size(fastmri):
    run("example", fastmri)
    network = Experiment.load(fastmri).model
    header = Header("brain", 1, 1, 32, 32, 32, 32)
    weights = SliceWeight(
        ARCHITECTURES[network.architecture], network.parameters, slice_loss(header)
    ).weights
    assert weights / 4 == pytest.approx(29.9e6, rel=0.005)


def test_the_papers_configuration_says_what_is_missing_where_fastmri_is_not(tmp_path):
    run("example", tmp_path)
    said = run("train", tmp_path, "--role", "oracle", code=2).stderr
    assert said.count("\n") == 1
    assert "data.retain" in said
    assert "file_brain_AXT2_*.h5" in said
    assert "set data.root" in said
    assert len([line for line in errors(tmp_path) if "no scan found" in line]) == 4


def test_an_experiment_that_is_there_is_not_overwritten(study):
    assert "is there already" in run("example", study, code=2).stderr
    assert (study / "experiment.toml").read_text() == TOML


@pytest.mark.parametrize("command", ["check", "example"])
def test_the_new_commands_help_with_an_example(command):
    assert "Example: napari-unlearn" in run(command, "--help").stdout
