"""What curves and captions call the quality of a model, by the task of the experiment."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Measure:
    """A figure of a held-out set, whose metric is called `<set>_<key>`."""

    title: str
    key: str
    unit: str = ""
    digits: int = 2

    def written(self, value: float) -> str:
        """Value and unit, or, without a unit, the title and the value."""
        number = f"{value:.{self.digits}f}"
        return f"{number} {self.unit}" if self.unit else f"{self.title} {number}"


MEASURES: dict[str, tuple[Measure, ...]] = {
    "reconstruction": (Measure("PSNR", "psnr", "dB", 1), Measure("SSIM", "ssim", digits=3)),
    "segmentation": (
        Measure("Dice", "dice"),
        Measure("Dice without lesions", "dice_sound"),
        Measure("MAE", "mae", digits=3),
    ),
}
"""The first is the one to begin with."""
