"""kill -9 at any moment: the short form of scripts/kill_and_resume.py."""

import sys

import pytest

from tests.endurance.kills import COMMANDS, Killing, small_study
from tests.endurance.reader_kills import kill_readers
from tests.endurance.whole import torn
from tests.processes import ready
from tests.reading.studies import write_study

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs fork and SIGKILL")
SEED = 7


@pytest.mark.long
def test_every_command_goes_on_after_kills_and_ends_the_same(tmp_path):
    killing = Killing(small_study(tmp_path / "study", epochs=6), ready(), SEED)
    for command in COMMANDS:
        tally = killing.command(command, 2)
        assert tally.kills == 2
        assert tally.finished >= 1
        assert tally.found == []


@pytest.mark.long
def test_no_judgement_is_lost_with_a_killed_reader(tmp_path):
    tally = kill_readers(write_study(tmp_path / "reading", cases=12), ready(), 4, SEED)
    assert tally.kills == 4
    assert tally.found == []


@pytest.mark.parametrize(
    ("name", "whole", "part"),
    [
        ("a.json", b'{"a": 1}', b'{"a": '),
        ("events.jsonl", b'{"a": 1}\n{"b": 2}\n', b'{"a": \n{"b": 2}\n'),
        ("a.html", b"<html>x</html>\n", b"<html>x"),
        ("a.svg", b"<svg></svg>", b"<svg>"),
        ("a.csv", b"a,b\n1,2\n", b"a,b\n1"),
    ],
)
def test_a_torn_file_is_seen(tmp_path, name, whole, part):
    (tmp_path / name).write_bytes(whole)
    assert torn(tmp_path) == []
    (tmp_path / name).write_bytes(part)
    assert len(torn(tmp_path)) == 1
    (tmp_path / name).rename(tmp_path / f".part.{name}")
    assert torn(tmp_path) == []
