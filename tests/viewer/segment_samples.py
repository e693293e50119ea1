"""Handmade subjects and small networks for the tests of the Segment dock."""

import numpy as np
import torch

from napari_unlearn.cancel import CancelToken
from napari_unlearn.models.card import Card, Volumes
from napari_unlearn.models.checkpoint import save_checkpoint
from napari_unlearn.models.registry import build
from napari_unlearn.mri.subject3d import CONTRASTS, STRUCTURE_NAMES, Subject3D
from napari_unlearn.viewer.segment_tasks import judge
from napari_unlearn.viewer.tasks import Model

SHAPE = (4, 12, 10)
VOXEL = (5.0, 2.0, 2.0)
ROLES = ("original", "oracle", "unlearned")
PARAMETERS = {
    "depth": 10,
    "in_channels": 3,
    "classes": 11,
    "width": 12,
    "widest": 48,
    "stem_stride": 2,
}
"""As in the heads protocol: a parent's weights must fit its experiment."""


def handmade_subject(labelled=True):
    """Grey matter in slices 1 and 2, twice as much in 2; a ventricle in slice 1."""
    labels = np.zeros(SHAPE, np.uint8)
    labels[1, 2:6, 2:6] = 1
    labels[2, 2:10, 2:6] = 1
    labels[1, 6:8, 2:6] = 6
    images = np.random.default_rng(0).random((3, *SHAPE), dtype=np.float32)
    return Subject3D("anna", images, labels if labelled else None, np.diag([*VOXEL, 1.0]))


def handmade_models(folder):
    return tuple(Model(role.capitalize(), role, folder / f"{role}.safetensors") for role in ROLES)


def handmade_result(folder, subject=None):
    """The original is the truth; the oracle misses the ventricle; the unlearned adds a lesion."""
    subject = subject or handmade_subject()
    truth = handmade_subject().labels
    oracle, unlearned = truth.copy(), truth.copy()
    oracle[truth == 6] = 0
    unlearned[truth == 6] = 3
    unlearned[0, 0, :4] = 4
    maps = (truth.copy(), oracle, unlearned)
    return judge(subject, list(zip(handmade_models(folder), maps, strict=True)), CancelToken())


def write_models(folder):
    """Networks drawn at random, different ones by role."""
    for seed, role in enumerate(ROLES):
        torch.manual_seed(seed)
        card = Card(
            architecture="med3d",
            parameters=PARAMETERS,
            role=role,
            volumes=Volumes(channels=CONTRASTS, classes=11, labels=STRUCTURE_NAMES),
        )
        model = build("med3d", PARAMETERS)
        save_checkpoint(folder / f"{role}.safetensors", model, card)
