"""What every test has in common: a key of pseudonyms that is nobody's."""

import os

import pytest

os.environ["NAPARI_UNLEARN_KEY"] = "the key of the tests"


@pytest.fixture
def quick_children(monkeypatch):
    """Work in the background starts at once; its imports took most of the time of many tests."""
    from napari_unlearn.runs import background
    from tests.processes import quick

    monkeypatch.setattr(background, "_CONTEXT", quick())


def pytest_collection_modifyitems(items):
    """Files with long tests first, then those with windows, so that all processes end together."""
    long = {item.path for item in items if item.get_closest_marker("long")}
    items.sort(key=lambda item: (item.path not in long, "viewer" not in item.path.parts))
