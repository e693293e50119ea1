"""Pseudonyms: the same for the same key, useless without it."""

import os
import stat

import pytest

from napari_unlearn.errors import UnlearnError
from napari_unlearn.pseudonym import KEY_VARIABLE, Pseudonyms, naming


def test_the_same_name_and_key_give_the_same_pseudonym_and_nothing_else_does():
    names = Pseudonyms(b"a key of eight or more")
    assert names.of("scan", "Doe^Jane") == names.of("scan", "Doe^Jane")
    others = (
        names.of("patient", "Doe^Jane").removeprefix("patient"),
        names.of("scan", "Doe^John").removeprefix("scan"),
        Pseudonyms(b"another key").of("scan", "Doe^Jane").removeprefix("scan"),
    )
    assert names.of("scan", "Doe^Jane").removeprefix("scan") not in others
    assert len(set(others)) == 3


def test_names_stand_as_they_are_only_when_asked_for():
    assert naming().of("scan", "Doe") != "Doe"
    assert naming(False).of("scan", "Doe") == "Doe"
    assert naming().of("patient", "") == ""


def test_a_key_is_drawn_once_and_kept_from_others(monkeypatch, tmp_path):
    monkeypatch.delenv(KEY_VARIABLE)
    monkeypatch.setattr("platformdirs.user_config_path", lambda *_, **__: tmp_path / "config")
    first, again = naming(), naming()
    assert first == again
    (path,) = (tmp_path / "config").iterdir()
    assert len(path.read_bytes()) == 64
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_short_key_and_a_folder_that_cannot_be_written_are_a_sentence(monkeypatch, tmp_path):
    monkeypatch.setenv(KEY_VARIABLE, "short")
    with pytest.raises(UnlearnError, match="at least 8"):
        naming()
    monkeypatch.delenv(KEY_VARIABLE)
    (tmp_path / "file").write_text("")
    monkeypatch.setattr("platformdirs.user_config_path", lambda *_, **__: tmp_path / "file" / "x")
    with pytest.raises(UnlearnError, match=KEY_VARIABLE):
        naming()
