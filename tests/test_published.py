"""Published figures: every table in a README says what docs/results/ holds."""

import json
import runpy
from pathlib import Path

import pytest

from napari_unlearn.evaluation.results import format_table, how_often, read_results
from napari_unlearn.evaluation.subject_results import read_subjects
from napari_unlearn.evaluation.subject_tables import over_seeds, subject_table

ROOT = Path(__file__).parent.parent
_SCRIPT = runpy.run_path(str(ROOT / "scripts" / "publish_study.py"))
PAGES, publish = _SCRIPT["PAGES"], _SCRIPT["publish"]


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


def test_the_pages_of_the_studies_say_what_their_results_hold():
    for page in PAGES.values():
        report = page.report.read(ROOT / "docs" / page.results)
        assert report.markdown() in (ROOT / "docs" / page.text).read_text()


@pytest.mark.parametrize("protocol", PAGES)
def test_publishing_a_study_fills_the_page_and_nothing_else(tmp_path, protocol):
    page = PAGES[protocol]
    study, docs = tmp_path / "study", tmp_path / "docs"
    picture = study / page.figures[0]
    picture.parent.mkdir(parents=True)
    picture.write_bytes(b"picture")
    (study / "study.json").write_text(json.dumps({"plan": {"protocol": protocol}}))
    (docs / "results").mkdir(parents=True)
    report = page.report("napari-unlearn study DIR", "2 CPU cores", {}, (0,), "zero-filled", {})
    report.write(study / "results.json")
    published = (ROOT / "docs" / page.text).read_text()
    (docs / page.text).write_text(published)
    for _ in range(2):  # publishing twice changes nothing
        publish(study, docs)
        text = (docs / page.text).read_text()
        assert text.count(report.markdown()) == 1
    assert text.startswith(published.partition("<!-- study -->")[0])
    assert text.endswith("<!-- end of study -->\n")
    assert (docs / page.pictures / picture.name).read_bytes() == b"picture"
