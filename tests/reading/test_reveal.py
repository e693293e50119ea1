"""The arms get their names back, and the figures are what the readers said."""

import csv
import json

import numpy as np
import pytest

from napari_unlearn.evaluation.bootstrap import Bootstrap
from napari_unlearn.reading.agreement import icc_2_1, weighted_kappa
from napari_unlearn.reading.error import ReadingError
from napari_unlearn.reading.files import summary, write_reveal
from napari_unlearn.reading.reading import Reading
from napari_unlearn.reading.region import Region
from napari_unlearn.reading.reveal import progress_of, reveal
from tests.reading.studies import ARMS, VOXEL, write_study

WORTH = {"firstmodel": 2, "oracle": 4, "zerofilled": 1}
"""What a reader thinks of an arm without knowing it."""


def read(study, reader, offset=0, most=None):
    """Judge by the arm behind the letter, as somebody would by its looks."""
    reading = Reading(study, reader)
    while not reading.finished and (most is None or reading.done < most):
        asked = reading.asked
        arm = study.arms(reader, asked.case)["ABC".index(asked.label)]
        shift = int(asked.case[-1]) % 2 + offset
        reading.answer(min(5, WORTH[arm] + shift))
    reading.close()


@pytest.fixture
def study(tmp_path):
    return write_study(tmp_path / "study", cases=4, seed=11)


def test_means_are_those_of_the_arms_whatever_their_letters(study):
    read(study, "Anna")
    found = reveal(study)
    means = {arm.arm: arm.mean for arm in found.arms if arm.question == "quality"}
    assert means == {arm: WORTH[arm] + 0.5 for arm in ARMS}
    for arm in found.arms:
        assert arm.low == arm.mean - 0.5
        assert arm.high == arm.mean + 0.5
        assert (arm.cases, arm.judgements) == (4, 4)
    assert found.agreement == ()
    assert len({tuple(study.arms("Anna", c.name)) for c in study.definition.cases}) > 1


def test_the_interval_is_that_of_drawing_cases(study):
    read(study, "Anna")
    read(study, "Béla", offset=1)
    arm = next(a for a in reveal(study).arms if a.arm == "firstmodel" and a.question == "trust")
    of_case = np.array([2.5, 3.5, 2.5, 3.5])
    drawn = np.random.default_rng(5).choice(of_case, (4000, 4)).mean(axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    assert (arm.low, arm.high) == (pytest.approx(low, abs=0.01), pytest.approx(high, abs=0.01))


def test_agreement_is_on_arms_not_on_letters(study):
    read(study, "Anna")
    read(study, "Béla")
    found = reveal(study)
    assert study.arms("Anna", "head-0") != study.arms("Béla", "head-0") or (
        study.arms("Anna", "head-1") != study.arms("Béla", "head-1")
    )
    for each in found.agreement:
        assert each.readers == ("Anna", "Béla")
        assert (each.kappa, each.linear_kappa, each.same, each.images) == (1, 1, 1, 12)
        assert each.icc == pytest.approx(1)


def test_agreement_of_three_is_by_pairs_and_of_all(study):
    for offset, reader in enumerate(("Anna", "Béla", "Chen")):
        read(study, reader, offset)
    found = [each for each in reveal(study).agreement if each.question == "quality"]
    pairs = [("Anna", "Béla"), ("Anna", "Chen"), ("Béla", "Chen")]
    assert [each.readers for each in found] == [*pairs, ("Anna", "Béla", "Chen")]
    worth = np.array([WORTH[arm] + case % 2 for case in range(4) for arm in ARMS])
    scores = np.minimum(5, worth[:, None] + np.arange(3))
    assert found[1].kappa == pytest.approx(weighted_kappa(scores[:, 0], scores[:, 2]))
    assert found[3].kappa is None
    assert found[3].icc == pytest.approx(icc_2_1(scores))


def test_nobody_is_revealed_before_all_have_finished(study):
    with pytest.raises(ReadingError, match="nobody has judged"):
        reveal(study)
    read(study, "Anna")
    read(study, "Béla", most=5)
    with pytest.raises(ReadingError, match=r"Béla \(5 of 24\)"):
        reveal(study)
    found = reveal(study, unfinished=True)
    assert not found.finished
    assert [(each.reader, each.done) for each in found.progress] == [("Anna", 24), ("Béla", 5)]
    assert sum(each.reader == "Béla" for each in found.scored) == 5


def test_a_revealed_study_is_not_read_any_more(study):
    read(study, "Anna")
    write_reveal(reveal(study), study.reveal_folder)
    for reader in ("Anna", "Béla"):
        with pytest.raises(ReadingError, match="has been revealed"):
            Reading(study, reader)


def test_a_torn_line_does_not_stop_a_reveal_and_is_left_alone(study):
    read(study, "Anna")
    path = study.journal("Anna")
    torn = path.read_bytes()[:-4]
    path.write_bytes(torn)
    with pytest.raises(ReadingError, match="23 of 24"):
        reveal(study)
    assert path.read_bytes() == torn


def test_the_files_say_what_was_said(study, tmp_path):
    reading = Reading(study, "=Anna")
    corners = [(0, 0), (0, 4), (3, 4), (3, 0)]
    reading.mark((Region.drawn("rectangle", 2, corners, VOXEL),))
    marked = study.arms("=Anna", reading.asked.case)[0], reading.asked.case
    reading.close()
    read(study, "=Anna")
    written = write_reveal(reveal(study), tmp_path / "out")
    assert all(path.stat().st_size for path in written)
    rows = list(csv.DictReader((tmp_path / "out" / "judgements.csv").open(newline="")))
    assert len(rows) == 24
    for row in rows:
        assert row["reader"] == "'=Anna"
        assert int(row["score"]) == WORTH[row["arm"]] + int(row["case"][-1]) % 2
        assert study.arms("=Anna", row["case"])["ABC".index(row["label"])] == row["arm"]
    (own,) = [row for row in rows if row["marked"] != "0"]
    assert (own["arm"], own["case"], own["question"]) == (*marked, "quality")
    assert float(own["marked_mm2"]) == 24
    assert json.loads(own["regions"])[0]["mm"][2] == [6, 4]
    about = json.loads((tmp_path / "out" / "reading.json").read_text())
    assert len(about["judgements"]) == 24
    assert about["readers"] == [{"reader": "=Anna", "done": 24, "total": 24}]
    arms = list(csv.DictReader((tmp_path / "out" / "arms.csv").open(newline="")))
    assert {row["arm"] for row in arms} == set(ARMS)
    png = (tmp_path / "out" / "scores.png").read_bytes()
    assert png.startswith(b"\x89PNG")


def test_the_summary_says_one_reader_has_nobody_to_agree_with(study):
    read(study, "Anna")
    text = summary(reveal(study, bootstrap=Bootstrap(resamples=50)))
    assert "oracle: 4.50" in text
    assert "kappa" not in text


def test_progress_is_told_without_arms(study):
    assert progress_of(study) == ()
    read(study, "Anna", most=3)
    assert [(each.reader, each.done, each.total) for each in progress_of(study)] == [
        ("Anna", 3, 24)
    ]
