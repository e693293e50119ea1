"""What every test has in common: a key of pseudonyms that is nobody's."""

import os

os.environ["NAPARI_UNLEARN_KEY"] = "the key of the tests"


def pytest_collection_modifyitems(items):
    """Files with long tests first, so that the processes that share the suite end together."""
    long = {item.path for item in items if item.get_closest_marker("long")}
    items.sort(key=lambda item: item.path not in long)
