"""Published figures: every table in a README says what docs/results/ holds."""

import json
import re
import runpy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_unlearn.evaluation.detection import ModeScore, Rates
from napari_unlearn.evaluation.hallucination import DEFAULT_MODE
from napari_unlearn.evaluation.results import format_table, how_often, read_results
from napari_unlearn.evaluation.self_test_report import TOLERATED, SelfTestReport
from napari_unlearn.evaluation.subject_results import read_subjects
from napari_unlearn.evaluation.subject_tables import over_seeds, subject_table

ROOT = Path(__file__).parent.parent
_SCRIPT = runpy.run_path(str(ROOT / "scripts" / "publish_study.py"))
PAGES, publish = _SCRIPT["PAGES"], _SCRIPT["publish"]

SCORES = (ModeScore("error", *(0.9,) * 6, *(Rates(0.8, 0.9),) * 3, None, 0.01, 0.02, 0.1),)


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


@pytest.mark.parametrize("name", ["brain", "knee", "knee-dicom"])
def test_the_page_of_hallucinations_says_what_its_results_hold(name):
    script = runpy.run_path(str(ROOT / "scripts" / "publish_hallucinations.py"))
    path = script["results_of"](name)
    if not path.exists():
        pytest.skip("not published yet")
    report = SelfTestReport.read(path.read_text())
    assert script["block"](report) in (ROOT / "docs" / "hallucinations.md").read_text()


@pytest.mark.parametrize("name", ["brain", "knee", "knee-dicom"])
def test_the_default_map_won_what_is_published_and_hardly_cries_wolf(name):
    path = ROOT / "docs" / "results" / f"hallucinations-{name}.json"
    report = SelfTestReport.read(path.read_text())
    assert report.best == DEFAULT_MODE
    default = next(each for each in report.scores if each.mode == DEFAULT_MODE)
    assert default.auroc >= 0.95
    assert default.false_alarms <= TOLERATED


def test_publishing_hallucinations_fills_the_page_and_nothing_else(tmp_path):
    script = runpy.run_path(str(ROOT / "scripts" / "publish_hallucinations.py"))
    report = SelfTestReport("napari-unlearn benchmark hallucinations", {"data": "x"}, (), ())
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- knee -->\n<!-- end of knee -->\nafter\n")
    filled = script["fill"](page.read_text(), "knee", replace(report, scores=SCORES))
    again = script["fill"](filled, "knee", replace(report, scores=SCORES))
    assert again == filled
    assert filled.startswith("before\n<!-- knee -->\n\n`napari-unlearn benchmark")
    assert filled.endswith("<!-- end of knee -->\nafter\n")
    script["publish"](page, tmp_path)  # without results there is nothing to fill
    assert page.read_text().count("knee") == 2


def test_readmes_pictures_are_there_small_and_where_they_say_so_grey():
    names = set(re.findall(r"\]\((docs/[a-z_]+\.png)\)", (ROOT / "README.md").read_text()))
    assert {"docs/demo.png", "docs/demo_grey.png"} <= names
    for name in names:
        assert (ROOT / name).stat().st_size < 300_000, name
        with Image.open(ROOT / name) as picture:
            pixels = np.asarray(picture.convert("RGB")).astype(int)
        assert bool(np.ptp(pixels, axis=-1).max() == 0) == name.endswith("_grey.png"), name
