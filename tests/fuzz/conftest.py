"""The sandbox needs Linux: limits, /proc and audit events of one process."""

import sys

import pytest

collect_ignore_glob = [] if sys.platform == "linux" else ["test_*.py"]


@pytest.fixture
def said(sandbox, tmp_path):
    """The sentence of a reader, checked to be one."""
    from tests.fuzz.verdict import complaint  # imports what only Linux has

    def read(door, path):
        outcome = sandbox.read(door, path)
        assert complaint(outcome, tmp_path, path) == ""
        assert outcome.kind == "sentence", outcome
        return outcome.text

    return read
