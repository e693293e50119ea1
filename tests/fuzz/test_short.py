"""The fuzzer in short, and that it sees what it looks for."""

import re
from pathlib import Path

import pytest

from tests.fuzz.kind import Kind
from tests.fuzz.run import all_kinds, fuzz, run_case, write_case
from tests.fuzz.sandbox import Sandbox
from tests.fuzz.verdict import complaint

COUNT, SEED = 300, 1


def test_three_hundred_damaged_files_are_read_or_refused_in_a_sentence():
    report = fuzz(all_kinds(), COUNT, SEED)
    assert [f"{each.case}: {each.complaint}" for each in report.failures] == []
    assert report.leaks == ""
    assert report.processes == 1
    assert sum(report.outcomes.values()) == COUNT
    assert report.outcomes["sentence"] > COUNT / 3


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(seconds=1.5, readers=False) as process:
        yield process


@pytest.mark.parametrize(
    ("misdeed", "seen"),
    [
        ("hangs", "hang: not done after 1.5 s"),
        ("crashes", "crash: exit code -11"),
        ("raises", "exception: .*KeyError"),
        ("fills_the_memory", "exception: .*MemoryError"),
        ("writes", "touched: opened .*canary for writing"),
        ("executes", r"touched: os\.system"),
        ("prints", "printed: hello"),
        ("says_two_lines", "no sentence"),
        ("says_too_much", "too long"),
        ("says_nothing_of_the_file", "names no file"),
        ("quotes_a_class", "a programmer's words"),
    ],
)
def test_the_fuzzer_sees(sandbox, tmp_path, misdeed, seen):
    path = tmp_path / "file.h5"
    path.touch()
    outcome = sandbox.read(f"tests.fuzz.misdeeds:{misdeed}", path)
    said = complaint(outcome, tmp_path, path).replace("\n", " ")
    assert re.match(seen, said), said


def test_the_fuzzer_sees_what_is_left_behind(tmp_path):
    kind = Kind("any", {"a": b"1"}, "a", ("tests.fuzz.misdeeds:leaves_a_file",), ())
    with Sandbox(readers=False) as process:
        _, _, wrong = run_case(process, kind, 0, 0, tmp_path)
    assert "canary" in wrong
    assert list(tmp_path.iterdir()) == []


def test_a_case_is_the_same_each_time(tmp_path):
    kind = Kind("any", {"a": bytes(range(256)) * 4}, "a", ("info",), ())
    contents = []
    for number in range(20):
        folder = tmp_path / str(number)
        cases = [write_case(kind, 5, number, folder / each) for each in ("first", "second")]
        assert cases[0] == cases[1]
        files = [folder / each / "a" for each in ("first", "second")]
        if all(Path(file).is_file() and file.stat().st_size < 10**6 for file in files):
            assert files[0].read_bytes() == files[1].read_bytes()
            contents.append(files[0].read_bytes())
    assert len(set(contents)) > 5
