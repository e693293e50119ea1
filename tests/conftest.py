"""What every test has in common: a key of pseudonyms that is nobody's."""

import os

os.environ["NAPARI_UNLEARN_KEY"] = "the key of the tests"
