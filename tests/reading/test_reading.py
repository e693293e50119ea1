"""One reader on one study, without a window."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_unlearn.reading.error import ReadingError
from napari_unlearn.reading.journal import read_journal
from napari_unlearn.reading.judgement import Asked, standing
from napari_unlearn.reading.reading import Reading
from napari_unlearn.reading.region import Region
from tests.reading.studies import ARMS, Clock, write_study

SQUARE = Region.drawn("rectangle", 1, [(1, 1), (1, 5), (5, 5), (5, 1)], (5.0, 2.0, 1.0))


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return write_study(tmp_path_factory.mktemp("reading"), cases=3)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def reader(request):
    return f"Reader of {request.node.name[:30]}"


@pytest.fixture
def reading(study, reader, clock):
    opened = Reading(study, reader, clock=clock, now=lambda: "2026-01-01T00:00:00+00:00")
    yield opened
    opened.close()


def test_every_question_is_asked_about_every_image_in_turn(reading):
    first = reading.cases[0]
    seen = []
    for _ in range(6):
        seen.append(reading.asked)
        reading.answer(3)
    assert seen == [Asked(first, label, q) for q in ("quality", "trust") for label in "ABC"]
    assert reading.asked == Asked(reading.cases[1], "A", "quality")
    assert (reading.done, reading.total) == (6, 18)


def test_letters_hide_every_arm_once_in_every_case(study, reading):
    for case in reading.cases:
        assert sorted(study.arms(reading.reader, case)) == sorted(ARMS)
    assert reading.labels == ("A", "B", "C")


def test_what_was_answered_is_on_disk_at_once(study, reading):
    asked = reading.asked
    reading.answer(4)
    (line,) = read_journal(study.journal(reading.reader)).judgements
    assert (line.asked, line.score, line.time) == (asked, 4, "2026-01-01T00:00:00+00:00")


def test_the_journal_names_no_arm(study, reading):
    while not reading.finished:
        reading.answer(2)
    text = study.journal(reading.reader).read_text()
    assert text.count("\n") == 19
    assert not any(arm in text for arm in ARMS)
    assert str(study.definition.seed) not in text.splitlines()[0]


def test_a_second_reader_of_the_same_name_is_refused(study, reading):
    with pytest.raises(ReadingError, match="is reading this study already"):
        Reading(study, reading.reader.upper())


def test_undo_goes_back_to_the_last_answer_even_of_another_case(reading):
    for _ in range(6):
        reading.answer(5)
    assert reading.undo()
    assert reading.asked == Asked(reading.cases[0], "C", "trust")
    assert reading.score(reading.asked) is None
    assert reading.done == 5
    reading.answer(1)
    assert reading.asked.case == reading.cases[1]
    while reading.done:
        assert reading.undo()
    assert not reading.undo()


def test_an_answer_is_changed_by_going_back_to_it(reading):
    reading.answer(1)
    reading.step(-1)
    assert reading.asked.label == "A"
    reading.answer(5)
    assert reading.score(Asked(reading.cases[0], "A", "quality")) == 5
    assert reading.asked.label == "B"
    assert reading.done == 1


def test_turning_pages_stops_at_the_ends_and_finds_what_is_open(reading):
    reading.turn(-1)
    assert reading.place == 0
    reading.answer(3)
    reading.turn(1)
    reading.turn(-1)
    assert reading.asked == Asked(reading.cases[0], "B", "quality")
    reading.turn(99)
    assert reading.place == 2


def test_after_the_last_case_comes_what_was_skipped(reading):
    reading.turn(1)
    for _ in range(12):
        reading.answer(3)
    assert reading.place == 0
    for _ in range(6):
        assert not reading.finished
        reading.answer(3)
    assert reading.finished


def test_time_is_counted_per_judgement_without_idling_and_goes_on_after_a_visit_elsewhere(
    study, reading, clock
):
    clock.run(10)
    reading.step(1)
    clock.run(7)
    reading.step(-1)
    clock.run(500)
    reading.answer(3)
    clock.run(1)
    reading.answer(3)
    first, second = read_journal(study.journal(reading.reader)).judgements
    assert (first.seconds, second.seconds) == (70, 8)


def test_marks_belong_to_the_question_and_survive_without_an_answer(study, reading, clock):
    asked = reading.asked
    reading.mark((SQUARE,))
    reading.mark((SQUARE,))
    assert reading.done == 0
    reading.close()
    again = Reading(study, reading.reader, clock=clock)
    assert again.regions(asked) == (SQUARE,)
    assert again.asked == asked
    again.answer(2)
    assert again.regions(again.asked) == ()
    again.close()
    lines = read_journal(study.journal(reading.reader)).judgements
    assert [(line.score, line.regions) for line in lines] == [(None, (SQUARE,)), (2, (SQUARE,))]


@pytest.mark.parametrize("score", [0, 6, -1])
def test_only_one_to_five_are_answers(reading, score):
    with pytest.raises(ReadingError, match="1 to 5"):
        reading.answer(score)
    assert reading.done == 0


def test_an_answer_that_cannot_be_written_did_not_happen(study, reading):
    path = study.journal(reading.reader)
    with path.open("ab") as stream:
        stream.write(b"x")
    asked = reading.asked
    with pytest.raises(ReadingError, match="changed by another program"):
        reading.answer(3)
    assert (reading.asked, reading.done) == (asked, 0)
    path.write_bytes(path.read_bytes()[:-1])
    reading.answer(3)
    assert reading.done == 1


moves = st.one_of(
    st.tuples(st.just("answer"), st.integers(1, 5)),
    st.tuples(st.just("turn"), st.integers(-2, 2)),
    st.tuples(st.just("step"), st.integers(-2, 2)),
    st.tuples(st.just("undo"), st.just(0)),
    st.tuples(st.just("mark"), st.integers(0, 2)),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(st.lists(moves, max_size=30), st.data())
def test_whatever_a_reader_does_a_resumed_reading_knows_all_of_it(study, tmp_path, given, data):
    reader = data.draw(st.uuids()).hex
    reading = Reading(study, reader)
    for name, number in given:
        if name == "mark":
            reading.mark((SQUARE,) * number)
        elif name == "undo":
            reading.undo()
        else:
            getattr(reading, name)(number)
    held = {asked: (each.score, each.regions) for asked, each in reading._latest.items()}
    order, done = list(reading._latest), reading.done
    reading.close()
    again = Reading(study, reader)
    assert {a: (e.score, e.regions) for a, e in again._latest.items()} == held
    assert (list(again._latest), again.done) == (order, done)
    assert again.finished or again.score(again.asked) is None
    again.close()
    lines = read_journal(study.journal(reader)).judgements
    assert len(standing(lines)) == len(held)
    study.journal(reader).unlink()
