"""Connected regions of a stack of slices, each within one slice."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import find_objects, label

from napari_unlearn.evaluation.comparison import Comparison, Kind, Region
from napari_unlearn.evaluation.polarity import place_of, polarity, steepness

# Pixels that share an edge or a corner touch; slices never do, so that a region can be
# drawn, listed and jumped to on one slice (they are often 5 mm apart anyway).
_TOUCHING = np.stack([np.zeros((3, 3)), np.ones((3, 3)), np.zeros((3, 3))])
_SHARING_AN_EDGE = _TOUCHING * np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]])


@dataclass(frozen=True, eq=False)
class Components:
    """The regions of one arm."""

    above: NDArray[np.bool_]
    """Pixels above the threshold, speckle and filled holes included, (slices, rows, columns)."""
    labels: NDArray[np.int32]
    """0, or the number of the region from 1; same shape."""
    count: int

    @classmethod
    def find(
        cls, errors: NDArray[np.floating], threshold: float, minimal_pixels: float
    ) -> "Components":
        """Label what exceeds the threshold and is not smaller than `minimal_pixels`.

        Holes smaller than that are filled first: where an error changes its sign, as
        between the bright core and the dark rim of a ring, it passes through zero.
        """
        enough = minimal_pixels - 1e-6  # an exact area survives the division by the pixel's
        above = errors > threshold
        gaps, count = label(~above, structure=_SHARING_AN_EDGE)
        narrow = np.bincount(gaps.ravel(), minlength=count + 1) < enough
        narrow[0] = True
        above = narrow[gaps]
        labels, count = label(above, structure=_TOUCHING)
        every = cls(above, labels, count)
        return every.keep(every.sizes() >= enough)

    def sizes(self) -> NDArray[np.int64]:
        """Count the pixels of each region, (count,)."""
        return np.bincount(self.labels.ravel(), minlength=self.count + 1)[1:]

    def share_outside(self, other: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Measure which share of each region lies outside `other`, (count,)."""
        outside = np.bincount(self.labels[~other], minlength=self.count + 1)[1:]
        return outside / np.maximum(self.sizes(), 1)

    def keep(self, chosen: NDArray[np.bool_]) -> "Components":
        """Drop the regions that are not chosen, (count,) bool, and renumber the rest."""
        numbers = np.zeros(self.count + 1, np.int32)
        numbers[1:][chosen] = np.arange(1, chosen.sum() + 1)
        return Components(self.above, numbers[self.labels], int(chosen.sum()))

    def table(
        self,
        kind: Kind,
        images: NDArray[np.float32],
        comparison: Comparison,
        pixel: float,
        source: NDArray[np.float32] | None = None,
    ) -> list[Region]:
        """Describe every region.

        Args:
            kind: What became of them.
            images: The arm's.
            comparison: Reference, maximum and geometry; without a reference errors are NaN.
            pixel: Area [mm^2].
            source: Of the arm that the regions come from, whose polarity they have; None: `images`.
        """
        if self.count == 0:
            return []
        places = np.nonzero(self.labels)
        numbers = self.labels[places]
        sizes = self.sizes()

        def mean(values: NDArray[np.float64] | NDArray[np.intp]) -> NDArray[np.float64]:
            return np.bincount(numbers, values, self.count + 1)[1:] / sizes

        rows, columns = mean(places[1]), mean(places[2])
        errors, polarities = np.full(self.count, np.nan), np.full(self.count, "unknown", object)
        if (reference := comparison.reference) is not None:
            drawn = images if source is None else source
            errors = mean(_error(images, reference, places)) / comparison.maximum
            polarities = polarity(
                mean(_error(drawn, reference, places)),
                mean(steepness(drawn, places)),
                mean(steepness(reference, places)),
            )
        boxes = find_objects(self.labels, self.count)
        return [
            Region(
                label=i + 1,
                kind=kind,
                slice=box[0].start,
                centre=(float(rows[i]), float(columns[i])),
                box=(box[1].start, box[2].start, box[1].stop, box[2].stop),
                area=float(sizes[i] * pixel),
                mean_error=float(errors[i]),
                polarity=polarities[i],
                place=place_of(comparison.header, box[0].start, rows[i], columns[i]),
            )
            for i, box in enumerate(boxes)
        ]


def _error(
    images: NDArray[np.float32], reference: NDArray[np.float32], places: tuple[NDArray, ...]
) -> NDArray[np.float64]:
    return images[places].astype(np.float64) - reference[places]
