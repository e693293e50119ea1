"""The tile of a model that is still learning: one slice of it, and what is wrong with it."""

from dataclasses import replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from napari_unlearn.evaluation.comparison import ArmResult, Comparison
from napari_unlearn.mri.scan import Header
from napari_unlearn.viewer.pictures import Board, Picture, brightest


class LiveTile:
    """Pictures of one slice that come and go; the other slices stay black.

    Args:
        name: Of the run.
        header: Of the scan.
        index: The slice that is reconstructed while the model learns.
        reference: (slices, rows, columns), or None: then there is no error map.
    """

    def __init__(
        self, name: str, header: Header, index: int, reference: NDArray[np.float32] | None
    ) -> None:
        self.name, self.header, self.index, self.reference = name, header, index, reference
        shape = (header.slices, header.image_rows, header.image_columns)
        self.images = np.zeros(shape, np.float32)
        self.errors = np.zeros(shape, np.float32)
        self.caption = f"{name} …"

    @classmethod
    def after(cls, arm: ArmResult, comparison: Comparison, index: int) -> Self:
        """One for a finished arm, whose pictures are kept on all other slices."""
        made = cls(arm.name, comparison.header, index, comparison.reference)
        made.images = arm.images.copy()
        if arm.errors is not None:
            made.errors = arm.errors.copy()
        return made

    @property
    def verdict(self) -> str:
        """What is written below the image."""
        return f"live, slice {self.index} only"

    @property
    def error_caption(self) -> str:
        """What is written above the error map."""
        return f"{self.name} error, live"

    def take_over(self, other: "LiveTile") -> None:
        """Go on in the pictures of another tile of the scan, which layers already show."""
        self.images, self.errors = other.images, other.errors
        self.images.fill(0)
        self.errors.fill(0)

    def put(self, image: NDArray[np.float32], caption: str) -> None:
        """Take a new picture of the slice, (rows, columns)."""
        if image.shape != self.images.shape[1:]:
            return  # a model may crop otherwise than the file's header says
        self.images[self.index] = image
        self.caption = f"{self.name} · {caption}"
        if self.reference is not None:
            maximum = float(self.reference.max()) or 1.0
            self.errors[self.index] = np.abs(image - self.reference[self.index]) / maximum

    def join(self, board: Board) -> Board:
        """The board with this tile at its right end, under the limits of its neighbours."""
        if board.header != self.header:
            return board
        grey = board.upper[0].limits
        if self.reference is not None:
            grey = (0.0, brightest(self.reference))
        image = Picture("reconstruction", self.images, self.caption, grey, verdict=self.verdict)
        if not board.lower:
            return replace(board, upper=(*board.upper, image))
        errors = [picture for picture in board.lower if picture.content == "error"]
        worst = errors[0].limits if errors else (0.0, 0.2)
        error = Picture("error", self.errors, self.error_caption, worst)
        return replace(board, upper=(*board.upper, image), lower=(*board.lower, error))
