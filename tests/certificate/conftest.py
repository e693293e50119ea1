import shutil

import pytest

from napari_unlearn.certificate.files import read_certificate, write_certificate
from napari_unlearn.certificate.make import Made, Order, certify
from napari_unlearn.certificate.verify import Checked, verify
from napari_unlearn.experiment import Experiment
from napari_unlearn.pseudonym import naming
from tests.tiny_study import train_all, write_study

REQUEST = """
[request]
requester = "the data protection officer of the hospital"
requester_id = "Erika Mustermann"
reference = "DPO-2026-014"
reason = "consent withdrawn; about brain_0002 and others"
date = 2026-05-31
"""


def certified(folder, **order):
    """Write report.html and report.json into a study's folder."""
    study = Experiment.load(folder)
    *_, made = certify(study, Order(names=naming(), device="cpu", **order))
    assert isinstance(made, Made)
    write_certificate(made, folder / "report.html")
    return made.certificate


@pytest.fixture(scope="session")
def template(tmp_path_factory):
    folder = write_study(tmp_path_factory.mktemp("certificate") / "study")
    with (folder / "experiment.toml").open("a") as file:
        file.write(REQUEST)
    study = Experiment.load(folder)
    train_all(study)
    certified(folder)
    return folder


def check(folder, name="report.html", **how):
    """What `--verify` finds."""
    certificate, page = read_certificate(folder / name)
    *_, checked = verify(certificate, page, Experiment.load(folder), device="cpu", **how)
    assert isinstance(checked, Checked)
    return checked


@pytest.fixture
def study(template, tmp_path):
    """A certified study of one's own, to do to it what one likes."""
    return shutil.copytree(template, tmp_path / "study")
