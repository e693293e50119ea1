"""The file of a study: what it may say, and that nothing of it changes under a reader."""

import pytest

from napari_unlearn.errors import UnlearnError, WrongUse
from napari_unlearn.reading.definition import Case, Definition, Question
from napari_unlearn.reading.error import ReadingError
from napari_unlearn.reading.make import asked, find_cases, make_study
from napari_unlearn.reading.reading import Reading
from napari_unlearn.reading.study import ReadingStudy
from tests.reading.studies import ARMS, write_images, write_study


@pytest.fixture
def study(tmp_path):
    return write_study(tmp_path / "study", cases=2, seed=4)


def test_a_written_study_is_read_back(study):
    assert ReadingStudy.load(study.folder) == study
    assert ReadingStudy.load(study.path) == study
    assert study.definition.seed == 4
    assert sorted(study.definition.arms) == sorted(ARMS)
    path = study.image("head-1", "oracle")
    assert path.name == "oracle.nii.gz"
    assert path.is_file()
    assert str(study.folder) not in study.path.read_text()  # the whole folder can be moved


def test_odd_names_survive_the_file(tmp_path):
    images = tmp_path / "a \"quoted\" 'folder' = [x] #"
    write_images(images, 1)
    (images / "head-0").rename(images / "=1+1 \\ é 漢")
    found = find_cases(images)
    questions = [Question(key="q", text='Is "it" \\ good = #?', low="'no'", high="yes")]
    study = make_study(tmp_path / "study", found, questions=questions)
    assert [case.name for case in study.definition.cases] == ["=1+1 \\ é 漢"]
    assert study.definition.questions == questions
    assert study.image("=1+1 \\ é 漢", "oracle").is_file()


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("seed = 4", "sed = 4", "did you mean 'seed'"),
        ("seed = 4", 'seed = "four"', "key 'seed' is 'four'; accepted: a whole number"),
        ("seed = 4", "seed = -1", "accepted: a whole number"),
        ("idle_seconds = 60.0", "idle_seconds = 0", "key 'idle_seconds' is 0"),
        ('key = "trust"', 'key = "quality"', "questions each with a key of its own"),
        ('key = "trust"', 'key = "tr ust"', "a word of letters, digits, - and _"),
        ('name = "head-1"', 'name = "head-0"', "cases each with a name of its own"),
        ('name = "head-1"', 'name = "the oracle case"', "says 'oracle'"),
        ("How good is", "How firstmodel is", "says 'firstmodel'"),
        ('"oracle" = "images/head-1', '"other" = "images/head-1', "the same arms as the first"),
        ("[[questions]]", "[[question]]", "did you mean 'questions'"),
        ('name = "Six heads"', "", "key 'name' is missing"),
    ],
)
def test_a_mistake_is_one_sentence_with_key_and_what_is_accepted(study, before, after, said):
    text = study.path.read_text()
    assert before in text
    study.path.write_text(text.replace(before, after))
    with pytest.raises(WrongUse) as caught:
        ReadingStudy.load(study.folder)
    assert said in str(caught.value)
    assert str(study.path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_whole_seconds_are_seconds_too(study):
    study.path.write_text(study.path.read_text().replace("= 60.0", "= 90"))
    assert ReadingStudy.load(study.folder).definition.idle_seconds == 90


def test_the_fingerprint_follows_the_meaning_not_the_layout(study):
    text = study.path.read_text()
    study.path.write_text("# a remark\n\n" + text)
    assert ReadingStudy.load(study.folder).fingerprint == study.fingerprint
    study.path.write_text(text.replace("How good", "How bad"))
    assert ReadingStudy.load(study.folder).fingerprint != study.fingerprint


def test_a_study_that_changed_under_a_reader_is_one_sentence(study):
    with_answer = Reading(study, "Anna")
    with_answer.answer(3)
    with_answer.close()
    study.path.write_text(study.path.read_text().replace("seed = 4", "seed = 5"))
    with pytest.raises(ReadingError, match="begun on another version of the study"):
        Reading(ReadingStudy.load(study.folder), "Anna")
    Reading(ReadingStudy.load(study.folder), "Béla").close()


def test_a_study_is_not_written_over_another(study, tmp_path):
    with pytest.raises(ReadingError, match="exists already"):
        make_study(study.folder, find_cases(tmp_path / "study" / "images"))


def test_there_are_two_arms_at_least():
    with pytest.raises(ValueError, match="at least 2"):
        Case(name="x", arms={"one": "1.nii"})


def test_no_study_where_there_is_none(tmp_path):
    with pytest.raises(UnlearnError, match="cannot be read"):
        ReadingStudy.load(tmp_path)


@pytest.mark.parametrize("text", ["", "quality", "=x", "a b=c", "key="])
def test_a_question_needs_a_key_and_words(text):
    with pytest.raises(ReadingError, match="key=Text"):
        asked(text)


def test_a_question_from_the_command_line():
    assert asked("real=Is it = real?|no|yes") == Question(
        key="real", text="Is it = real?", low="no", high="yes"
    )
    assert asked("q=Good?") == Question(key="q", text="Good?")


def test_defaults_ask_two_questions():
    cases = [Case(name="x", arms={"one": "1.nii", "two": "2.nii"})]
    assert [q.key for q in Definition(name="s", cases=cases).questions] == ["quality", "trust"]
