"""A folder in which nothing may be written: a sentence, and nothing left behind."""

import sys
from pathlib import Path

import pytest

from napari_unlearn.audit.result import Audit
from napari_unlearn.certificate.ledger import append
from napari_unlearn.reading.reading import Reading
from napari_unlearn.reading.study import ReadingStudy
from napari_unlearn.unlearning.claim import claimed
from tests.certificate.test_ledger import entry
from tests.faults.test_full_disk import WRITERS
from tests.fuzz.sandbox import Sandbox
from tests.reading.studies import write_study

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="gives up privileges as on Linux")


def _claim(path: Path) -> None:
    with claimed(path.parent):
        pass


KEEPERS = WRITERS | {
    "ledger.jsonl": lambda path: append(path, entry(1)),
    "runs/audit.json": lambda path: Audit("x", "", "", 1, 1, "", 0.1, ()).put(path.parents[1]),
    "run.lock": _claim,
    "reading.toml": lambda path: Reading(ReadingStudy.load(path), "Anna").close(),
}


def keep(path: Path) -> None:
    """Write what belongs into a file of that name."""
    KEEPERS["runs/audit.json" if path.name == "audit.json" else path.name](path)


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(readers=False) as process:
        yield process


@pytest.mark.parametrize("name", list(KEEPERS))
def test_a_folder_that_may_only_be_read(sandbox, tmp_path, name):
    path = tmp_path / "locked" / name
    path.parent.mkdir(parents=True)
    if name == "reading.toml":
        write_study(path.parent, cases=1)
    before = sorted(path.parent.rglob("*"))
    for folder in {path.parent, tmp_path / "locked"}:
        folder.chmod(0o500)
    try:
        outcome = sandbox.read(f"{__name__}:keep", path)
    finally:
        for folder in (tmp_path / "locked", path.parent):
            folder.chmod(0o700)
    assert outcome.kind == "sentence", outcome
    assert "ermission denied" in outcome.text
    assert outcome.text.isprintable()
    assert sorted(path.parent.rglob("*")) == before
