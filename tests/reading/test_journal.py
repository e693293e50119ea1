"""No judgement is lost: whatever a crash leaves of the file, what was told to be saved is there."""

import multiprocessing
import os
import signal
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_unlearn.reading.error import ReadingError
from napari_unlearn.reading.journal import Journal, check_belongs, read_journal
from napari_unlearn.reading.judgement import Asked, Judgement, standing
from napari_unlearn.reading.region import Region

STUDY = "0123456789ab"
TIME = "2026-01-01T00:00:00+00:00"

words = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=12)
regions = st.lists(
    st.lists(st.tuples(st.floats(0, 99), st.floats(0, 99)), min_size=3, max_size=5).map(
        lambda corners: Region.drawn("polygon", 1, corners, (5.0, 2.0, 1.0))
    ),
    max_size=2,
).map(tuple)
judgements = st.builds(
    Judgement,
    st.builds(Asked, words, st.sampled_from("ABC"), st.sampled_from(["quality", "real"])),
    st.none() | st.integers(1, 5),
    st.integers(0, 99999).map(lambda tenths: tenths / 10),
    st.just(TIME),
    regions,
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "readers" / "reader-anna.csv"


def judgement(number, score=3):
    return Judgement(Asked(f"case {number}", "A", "quality"), score, 1.5, TIME)


def write(path, given):
    with Journal(path, STUDY, "Anna") as journal:
        for each in given:
            journal.append(each)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(st.lists(judgements, max_size=4))
def test_what_was_written_is_read_back(tmp_path, given):
    path = tmp_path / "journal.csv"
    path.unlink(missing_ok=True)
    write(path, given)
    assert read_journal(path).judgements == tuple(given)
    assert not read_journal(path).torn


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.lists(judgements, min_size=1, max_size=3), st.data())
def test_wherever_the_file_is_cut_whole_lines_stay_and_it_goes_on(tmp_path, given, data):
    path = tmp_path / "journal.csv"
    path.unlink(missing_ok=True)
    write(path, given)
    whole = path.read_bytes()
    cut = data.draw(st.integers(0, len(whole)))
    torn = [b"", b"\0\0\0", b'"x'] if b"\n" in whole[:cut] else [b"", b"\0\0\0"]
    rubbish = data.draw(st.sampled_from(torn))
    path.write_bytes(whole[:cut] + rubbish)
    kept = whole[:cut].count(b"\n") - 1
    # A line that lacks nothing but its end counts as whole.
    if not rubbish and cut < len(whole) and whole[cut : cut + 1] == b"\n" and kept >= 0:
        kept += 1
    kept = max(kept, 0)
    with Journal(path, STUDY, "Anna") as journal:
        assert journal.judgements == tuple(given[:kept])
        journal.append(judgement(9))
    assert read_journal(path).judgements == (*given[:kept], judgement(9))
    assert path.read_bytes().startswith(whole[: whole.index(b"\n") + 1])


def test_a_torn_line_is_said_to_be_gone(path):
    write(path, [judgement(1), judgement(2)])
    path.write_bytes(path.read_bytes()[:-5])
    assert read_journal(path).torn
    with Journal(path, STUDY, "Anna") as journal:
        assert journal.repaired
        assert journal.judgements == (judgement(1),)
    with Journal(path, STUDY, "Anna") as journal:
        assert not journal.repaired


@pytest.mark.parametrize(
    ("before", "after"), [(b",3,", b",4,"), (b"case 1", b"case 7"), (b"\n", b"\r\n")]
)
def test_an_edited_line_is_refused_with_its_number(path, before, after):
    write(path, [judgement(1), judgement(2)])
    head, _, rest = path.read_bytes().partition(b"\n")
    path.write_bytes(head + b"\n" + rest.replace(before, after, 1))
    with pytest.raises(ReadingError, match="line 2 is damaged or was edited"):
        read_journal(path)


def test_something_else_is_no_journal(path):
    path.parent.mkdir()
    path.write_text("a,b\n1,2\n")
    with pytest.raises(ReadingError, match="no journal"):
        Journal(path, STUDY, "Anna")
    assert path.read_text() == "a,b\n1,2\n"


def test_another_study_or_reader_is_refused_and_the_lock_given_back(path):
    write(path, [judgement(1)])
    with pytest.raises(ReadingError, match="another version of the study"):
        Journal(path, "ffffffffffff", "Anna")
    with pytest.raises(ReadingError, match="the journal of Anna, not of Béla"):
        Journal(path, STUDY, "Béla")
    with Journal(path, STUDY, "ANNA") as journal:
        assert journal.reader == "Anna"


def test_one_reader_reads_in_one_place_at_a_time(path):
    with (
        Journal(path, STUDY, "Anna"),
        pytest.raises(ReadingError, match="reading this study already"),
    ):
        Journal(path, STUDY, "Anna")
    Journal(path, STUDY, "Anna").close()


def test_two_readers_read_side_by_side(path):
    other = path.with_name("reader-bela.csv")
    with Journal(path, STUDY, "Anna") as first, Journal(other, STUDY, "Béla") as second:
        first.append(judgement(1))
        second.append(judgement(1, 5))
    assert read_journal(path).judgements[0].score == 3
    assert read_journal(other).judgements[0].score == 5


def test_a_file_that_somebody_else_touches_is_not_written_to(path):
    with Journal(path, STUDY, "Anna") as journal:
        journal.append(judgement(1))
        with path.open("ab") as stream:
            stream.write(b"mine\n")
        before = path.read_bytes()
        with pytest.raises(ReadingError, match="changed by another program"):
            journal.append(judgement(2))
        assert path.read_bytes() == before


def test_a_file_that_is_gone_is_not_written_into_the_void(path):
    with Journal(path, STUDY, "Anna") as journal:
        path.unlink()
        with pytest.raises(ReadingError, match="cannot be written"):
            journal.append(judgement(1))


@pytest.mark.skipif(sys.platform == "win32", reason="needs RLIMIT_FSIZE")
def test_a_full_disk_is_a_sentence_and_leaves_the_journal_whole(path):
    import resource

    with Journal(path, STUDY, "Anna") as journal:
        journal.append(judgement(1))
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 10, hard))
        try:
            with pytest.raises(ReadingError, match="the judgement cannot be written"):
                journal.append(judgement(2))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert not read_journal(path).torn
        journal.append(judgement(3))
    assert read_journal(path).judgements == (judgement(1), judgement(3))


def test_the_last_line_holds_and_the_latest_stands_last():
    first, second = judgement(1), judgement(2)
    again = judgement(1, 5)
    assert list(standing([first, second, again]).values()) == [second, again]


def test_a_journal_without_lines_belongs_to_anybody(path):
    write(path, [])
    check_belongs(path, read_journal(path), "anything", "Béla")


def _write_for_ever(path, pipe):
    with Journal(path, STUDY, "Anna") as journal:
        for number in range(10**6):
            journal.append(judgement(number, 1 + number % 5))
            pipe.send(number)


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
@pytest.mark.parametrize("after", [1, 7, 40])
def test_kill_9_loses_nothing_that_was_told_to_be_saved(path, after):
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_write_for_ever, args=(path, theirs))
    process.start()
    theirs.close()
    saved = -1
    while saved < after:
        assert ours.poll(60)
        saved = ours.recv()
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    while ours.poll():
        try:
            saved = ours.recv()
        except EOFError:
            break
    with Journal(path, STUDY, "Anna") as journal:
        numbers = [int(each.asked.case.split()[1]) for each in journal.judgements]
    assert numbers == list(range(len(numbers)))
    assert len(numbers) in (saved + 1, saved + 2)
