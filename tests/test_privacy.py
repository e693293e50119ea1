"""Nothing that names a patient leaves in a file, unless somebody asks for names.

Names, ids and birth dates are planted wherever a scan can carry them (file names, HDF5
attributes, the ISMRMRD header, NIfTI's text fields, DICOM tags), commands are run, and every
byte they write or print is searched.
"""

import gzip
import shutil
import zlib
from pathlib import Path

import h5py
import nibabel as nib
import numpy as np
import pytest

from napari_unlearn.cancel import CancelToken
from napari_unlearn.experiment import Experiment
from napari_unlearn.unlearning.loop import train
from tests.io.dicom_files import pixels, write_image
from tests.test_cli import run
from tests.tiny_heads import write_heads
from tests.tiny_study import train_all, write_study

PLANTED = ("mustermann", "erika", "pat-77-4711", "19640812", "1964-08-12")
"""Lower case; what is searched is compared so."""
PATIENT = "PAT-77-4711"
SUBJECT = f"""<subjectInformation><patientName>Mustermann^Erika</patientName>
<patientID>{PATIENT}</patientID><patientBirthdate>1964-08-12</patientBirthdate></subjectInformation>
"""


def plant(path: Path) -> Path:
    """Put a patient into a fastMRI file: its name, its attributes and its header."""
    named = path.with_name(f"Mustermann_Erika_{path.stem[-4:]}.h5")
    path.rename(named)
    with h5py.File(named, "r+") as file:
        file.attrs["patient_id"] = f"{PATIENT}-{path.stem[-4:]}"
        file.attrs["patient_name"] = "Mustermann^Erika"
        file.attrs["birth_date"] = "19640812"
        file.attrs["acquisition"] = "AXT2 Mustermann"
        file.attrs["anatomy"] = "brain of Erika"
        file.attrs["source"] = "/archive/Mustermann_Erika/19640812"
        text = file["ismrmrd_header"][()].decode()
        del file["ismrmrd_header"]
        file["ismrmrd_header"] = text.replace("<encoding>", SUBJECT + "<encoding>", 1)
    return named


def texts(path: Path) -> list[bytes]:
    """A file as it is, and what is packed in it."""
    data = path.read_bytes()
    found = [data]
    if data[:2] == b"\x1f\x8b":
        found.append(gzip.decompress(data))
    if h5py.is_hdf5(path):
        with h5py.File(path) as file:
            told: list[str] = []
            file.visititems(lambda name, item: told.extend([name, str(dict(item.attrs))]))
            told.append(str(dict(file.attrs)))
            whole = [item for item in file.values() if isinstance(item, h5py.Dataset)]
            told += [str(item[()]) for item in whole if item.shape == ()]
        found.append("\n".join(told).encode())
    if data[:4] == b"\x89PNG":
        found += list(_png_texts(data))
    return found


def _png_texts(data: bytes):
    place = 8
    while place < len(data):
        length = int.from_bytes(data[place : place + 4], "big")
        kind, body = data[place + 4 : place + 8], data[place + 8 : place + 8 + length]
        if kind == b"zTXt":
            yield zlib.decompress(body.split(b"\0", 1)[1][1:])
        place += 12 + length


def leaks(*places: Path | str) -> list[str]:
    """Where a planted name shows, file names included."""
    found = []
    for place in places:
        if isinstance(place, str):
            found += [f"printed: {name}" for name in PLANTED if name in place.lower()]
            continue
        files = [place] if place.is_file() else list(place.rglob("*"))
        for path in files:
            inside = texts(path) if path.is_file() else []
            named = str(path.relative_to(place.parent)).lower()
            found += [f"name of {path}: {name}" for name in PLANTED if name in named]
            found += [
                f"{path}: {name}"
                for name in PLANTED
                if any(name.encode() in text.lower() for text in inside)
            ]
    return found


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = write_study(tmp_path_factory.mktemp("privacy") / "study")
    for path in sorted((folder / "data").rglob("*.h5")):
        plant(path)
    with (folder / "experiment.toml").open("a") as file:
        file.write('\n[request]\nrequester_id = "Mustermann, Erika"\nreason = "wish"\n')
    train_all(Experiment.load(folder))
    return folder


@pytest.fixture
def scan(study):
    return next((study / "data" / "site_test").glob("*.h5"))


def checkpoint(study, run_name):
    return study / "runs" / run_name / "checkpoint.safetensors"


def test_the_search_finds_what_was_planted(study, scan):
    assert len(leaks(scan)) > len(PLANTED)


def test_training_and_unlearning_leave_no_name(study):
    assert leaks(study / "runs") == []


def test_events_do_not_tell_the_folders_of_the_machine(study):
    for path in (study / "runs").rglob("events.jsonl"):
        assert str(study) not in path.read_text()


@pytest.mark.parametrize("kind", ["fastmri", "dicom"])
def test_reconstruct_and_compare(study, scan, tmp_path, kind):
    seen = scan if kind == "fastmri" else dicom(tmp_path / "Mustermann_Erika")
    models = [f"{n}={checkpoint(study, n)}" for n in ("original", "oracle", "acquired-lines")]
    options = [part for model in models for part in ("--model", model)]
    out = tmp_path / "out"
    out.mkdir()
    one = ("--model", checkpoint(study, "oracle"), "-o", out / "one.h5", "--coils", 2)
    said = run("reconstruct", seen, *one).stdout
    said += run("compare", seen, *options, "-o", out / "all", "--coils", 2, "--json").stdout
    assert leaks(out, said) == []
    assert len(list(out.rglob("*"))) > 10


def dicom(folder: Path) -> Path:
    folder.mkdir()
    for number in range(2):
        values = 50 + pixels(number, 0, (32, 32)) % 400
        write_image(
            folder / f"Mustermann{number}.dcm",
            values,
            PatientName="Mustermann^Erika",
            PatientID=PATIENT,
            PatientBirthDate="19640812",
            PatientComments="Erika",
            BodyPartExamined="MUSTERMANN",
            StudyDescription="Mustermann 19640812",
            InstanceNumber=number,
            ImagePositionPatient=[float(3 * number), 0.0, 0.0],
        )
    return folder


def test_info_tells_no_patient_unless_asked(scan):
    assert PATIENT not in run("info", scan).stdout
    assert PATIENT in run("info", scan, "--identify").stdout


def test_names_are_kept_if_asked_for(study, scan, tmp_path):
    model = checkpoint(study, "oracle")
    run("reconstruct", scan, "--model", model, "-o", tmp_path / "one.h5", "--identify")
    with h5py.File(tmp_path / "one.h5") as file:
        assert file.attrs["patient_id"] == f"{PATIENT}-0004"
        assert file.attrs["source"] == scan.name


def test_evaluate_and_the_papers_tables(study, scan, tmp_path):
    out = tmp_path / "out"
    options = ("--json", out / "results.json", "--paper", out / "paper")
    shown = ("--figure-slice", f"{scan.stem}:0", "--figure-runs", "original,acquired-lines")
    said = run("evaluate", study, *options, *shown).stdout
    assert leaks(out, said) == []
    assert (out / "paper" / "figure1.svg").exists()


def test_certificate_and_ledger(study, tmp_path):
    out = tmp_path / "out"
    said = run("report", study, "-o", out / "report.html").stdout
    said += run("report", study, "--ledger").stdout
    said += run("report", study, "--verify", out / "report.html").stdout
    assert leaks(out, study / "ledger.jsonl", said) == []


def test_rankings_of_training_scans_name_them_unless_asked_not_to(study, scan, tmp_path):
    file = tmp_path / "scores.json"
    asked = ("responsible", study, "--scan", scan, "--slice", 1, "--region", "8:14,8:14")
    for command in (("suspects", study, "--json"), (*asked, "--json", file)):
        assert leaks(run(*command).stdout) != []
        assert leaks(run(*command, "--deidentify").stdout) == []
    assert leaks(file) == []
    assert str(study) not in file.read_text()


def test_a_reading_study_of_an_experiment(study, tmp_path):
    options = ("--experiment", study, "--set", "site_test", "--arm", "original", "--arm", "oracle")
    said = run("read", "new", tmp_path / "reading", *options).stdout
    said += run("read", "check", tmp_path / "reading").stdout
    assert leaks(tmp_path / "reading", said) == []


def test_a_reading_study_of_images_copies_them_without_their_headers(tmp_path):
    images = tmp_path / "images" / "Mustermann_Erika"
    images.mkdir(parents=True)
    for arm in ("left", "right"):
        write_nifti(images / f"{arm}.nii.gz")
    out = tmp_path / "reading"
    said = run("read", "new", out, "--from", tmp_path / "images").stdout
    assert leaks(out, said) == []
    again = run("read", "new", tmp_path / "named", "--from", tmp_path / "images", "--identify")
    assert "1 cases" in again.stdout
    assert leaks(tmp_path / "named" / "reading.toml") != []


def write_nifti(path: Path, like: Path | None = None) -> None:
    """A volume whose header names a patient."""
    if like is None:
        data = np.random.default_rng(0).uniform(1, 2, (16, 16, 4)).astype(np.float32)
        image = nib.Nifti1Image(data, np.eye(4))
    else:
        old = nib.load(like)
        image = nib.Nifti1Image(np.asarray(old.dataobj), old.affine)
    image.header["descrip"] = b"Mustermann^Erika 19640812"
    image.header["db_name"] = b"PAT-77-4711"
    image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"Mustermann"))
    nib.save(image, path)


def test_segment_evaluate_and_report_of_subjects(tmp_path):
    study = write_heads(tmp_path / "study")
    for path in sorted((study / "data").rglob("*.nii.gz")):
        named = path.with_name(path.name.replace("head-", "Mustermann-"))
        write_nifti(named, like=path)
        path.unlink()
    file = study / "experiment.toml"
    file.write_text(file.read_text().replace("head-", "Mustermann-"))
    experiment = Experiment.load(study)
    for role in ("original", "oracle"):
        for _ in train(experiment.training_job(role, "cpu", 1), CancelToken()):
            pass
    for _ in train(experiment.unlearning_job("noisy-label", steps=1, device="cpu"), CancelToken()):
        pass
    out = tmp_path / "out"
    volume = ("--subject", "Mustermann-0010", study / "data")
    model = ("--model", checkpoint(study, "oracle"), "-o", out / "labels.nii.gz", "--json")
    said = run("segment", *volume, *model).stdout
    said += run("evaluate", study, "--json", out / "results.json", "--device", "cpu").stdout
    said += run("report", study, "-o", out / "report.html", "--device", "cpu").stdout
    said += run("report", study, "--verify", out / "report.json", "--device", "cpu").stdout
    assert leaks(study / "runs", study / "ledger.jsonl", out, said) == []
    shutil.rmtree(study)


def test_layers_are_called_by_pseudonym_unless_the_environment_asks(scan, monkeypatch):
    from napari_unlearn.viewer.reader import read

    ((_, options, _),) = read(scan)
    assert leaks(options["name"]) == []
    monkeypatch.setenv("NAPARI_UNLEARN_IDENTIFY", "1")
    ((_, options, _),) = read(scan)
    assert options["name"] == scan.stem
