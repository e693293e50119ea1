"""A subject as layers of napari: where its voxels lie, and what they are."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unlearn.mri.subject3d import Subject3D
from napari_unlearn.viewer.segment_colours import structure_colormap
from napari_unlearn.viewer.segment_pictures import grey_limits


def contrast_layers(subject: Subject3D) -> list[tuple[NDArray, dict[str, Any], str]]:
    """A subject as napari's layer data: a layer per contrast, the first visible, and its labels."""
    found: list[tuple[NDArray, dict[str, Any], str]] = [
        (
            image,
            {
                "name": f"{subject.subject} {channel}",
                "colormap": "gray",
                "contrast_limits": grey_limits(image),
                "visible": place == 0,
                **geometry_of(subject, channel),
            },
            "image",
        )
        for place, (channel, image) in enumerate(zip(subject.channels, subject.images, strict=True))
    ]
    if subject.labels is not None:
        colours = structure_colormap(np.unique(subject.labels).tolist())
        options = {"name": f"{subject.subject} labels", "colormap": colours, "opacity": 0.55}
        found.append((subject.labels, {**options, **geometry_of(subject, "labels")}, "labels"))
    return found


def geometry_of(subject: Subject3D, channel: str) -> dict[str, Any]:
    """Voxel size, axes and origin of a subject's layer, as napari's options."""
    origin = {
        "file": subject.source,
        "subject": subject.subject,
        "channel": channel,
        "affine": subject.affine,
        "slices": subject.shape[0],
    }
    return {
        "scale": subject.voxel_size,
        "units": ("mm", "mm", "mm"),
        "axis_labels": ("slice", "row", "column"),
        "metadata": origin,
    }
