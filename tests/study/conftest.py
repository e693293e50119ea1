import pytest


@pytest.fixture(autouse=True)
def _study(quick_children):
    """Every piece of a study is a process."""
