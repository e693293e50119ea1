from dataclasses import replace

import numpy as np
import pytest

from napari_unlearn.errors import UnlearnError
from napari_unlearn.mri.subject3d import STRUCTURE_NAMES, Structure, Subject3D

SUBJECT = Subject3D(
    "070", np.zeros((3, 4, 5, 6), np.float32), np.zeros((4, 5, 6), np.uint8), np.eye(4)
)


def test_every_structure_has_a_name():
    assert len(STRUCTURE_NAMES) == len(Structure)
    assert STRUCTURE_NAMES[Structure.BRAIN_STEM] == "brain stem"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"subject": "../070"}, "no subject id"),
        ({"subject": ""}, "no subject id"),
        ({"channels": ("T1",)}, "for channels T1"),
        ({"images": np.zeros((4, 5, 6), np.float32)}, "is expected"),
        ({"labels": np.zeros((4, 5, 7), np.uint8)}, "labels of shape"),
    ],
)
def test_contradictions_are_refused(change, sentence):
    with pytest.raises(UnlearnError, match=sentence):
        replace(SUBJECT, **change)
