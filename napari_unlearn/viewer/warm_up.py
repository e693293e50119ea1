"""What napari imports when it makes its first layer, imported before anybody waits for one.

The first image of a session takes 0.5 s longer than the second, the first labels 0.7 s: modules
are read from disk, and pandas comes with them. In a thread the window goes on meanwhile.
"""

from collections.abc import Iterator

import numpy as np

from napari_unlearn.cancel import CancelToken

_warm = False


def read_units() -> None:
    """Have the units of layers read now, in the main thread.

    They are read when the first layer is made; a second thread that makes one meanwhile finds
    none of them and fails.
    """
    import pint  # napari brings it

    _ = pint.get_application_registry().pixel


def warm_up(cancel: CancelToken) -> Iterator[None]:
    """Make a layer of every kind that tiles have, once in the life of this program."""
    global _warm
    if _warm:
        return
    _warm = True
    from napari.layers import Image, Labels, Shapes

    import napari_unlearn.io.open  # noqa: F401
    from napari_unlearn.viewer.segment_colours import structure_colormap

    values = np.zeros((1, 2, 2), np.uint8)
    Image(values, contrast_limits=(0, 1))
    yield None
    cancel.check()
    Labels(values, colormap=structure_colormap([1]))
    yield None
    cancel.check()
    Shapes(ndim=3).add(np.zeros((3, 3)), shape_type="path")
