"""Published figures: every table in a README says what docs/results/ holds."""

import re
import runpy
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_unlearn.evaluation.results import format_table, how_often, read_results
from napari_unlearn.evaluation.study_report import StudyReport
from napari_unlearn.evaluation.subject_results import read_subjects
from napari_unlearn.evaluation.subject_tables import over_seeds, subject_table

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("name", ["contaminated-site", "brain-knee"])
def test_the_tables_of_the_sample_data_are_those_of_the_results(name):
    results = read_results(ROOT / "docs" / "results" / f"{name}.json")
    text = (ROOT / "sample_data" / "README.md").read_text()
    assert how_often(results) in text
    assert format_table(results) in text


def test_the_table_of_the_sample_heads_is_that_of_the_results():
    results = read_subjects(ROOT / "docs" / "results" / "sample-heads.json")
    table = subject_table(over_seeds([results])).markdown()
    assert table in (ROOT / "sample_data" / "README.md").read_text()


def test_the_readme_counts_what_the_results_hold():
    results = read_results(ROOT / "docs" / "results" / "contaminated-site.json")
    assert how_often(results) in (ROOT / "README.md").read_text()


def test_the_sample_data_stay_small():
    files = [path for path in (ROOT / "sample_data").rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 20_000_000


def test_the_page_of_the_study_says_what_its_results_hold():
    results = ROOT / "docs" / "results" / "study.json"
    if not results.exists():
        pytest.skip("no study has been published yet")
    page = (ROOT / "docs" / "study.md").read_text()
    assert StudyReport.read(results).markdown() in page


def test_publishing_a_study_fills_the_page_and_nothing_else(tmp_path):
    publish = runpy.run_path(str(ROOT / "scripts" / "publish_study.py"))["publish"]
    study, docs = tmp_path / "study", tmp_path / "docs"
    (study / "paper").mkdir(parents=True)
    docs.mkdir()
    (study / "paper" / "figure3.png").write_bytes(b"picture")
    report = StudyReport("napari-unlearn study DIR", "2 CPU cores", {}, (0,), "zero-filled", {})
    report.write(study / "results.json")
    page = docs / "study.md"
    page.write_text((ROOT / "docs" / "study.md").read_text())
    for _ in range(2):  # publishing twice changes nothing
        publish(study, docs / "study.json", page)
        text = page.read_text()
        assert text.count(report.markdown()) == 1
    head = (ROOT / "docs" / "study.md").read_text().partition("<!-- study -->")[0]
    assert text.startswith(head)
    assert text.endswith("<!-- end of study -->\n")
    assert (docs / "study" / "figure3.png").read_bytes() == b"picture"


def test_readmes_pictures_are_there_small_and_where_they_say_so_grey():
    names = set(re.findall(r"\]\((docs/[a-z_]+\.png)\)", (ROOT / "README.md").read_text()))
    assert {"docs/demo.png", "docs/demo_grey.png"} <= names
    for name in names:
        assert (ROOT / name).stat().st_size < 300_000, name
        with Image.open(ROOT / name) as picture:
            pixels = np.asarray(picture.convert("RGB")).astype(int)
        assert (np.ptp(pixels, axis=-1).max() == 0) is name.endswith("_grey.png"), name
