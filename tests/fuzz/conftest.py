"""What the tests of single inputs share."""

import pytest

from tests.fuzz.verdict import complaint


@pytest.fixture
def said(sandbox, tmp_path):
    """The sentence of a reader, checked to be one."""

    def read(door, path):
        outcome = sandbox.read(door, path)
        assert complaint(outcome, tmp_path, path) == ""
        assert outcome.kind == "sentence", outcome
        return outcome.text

    return read
