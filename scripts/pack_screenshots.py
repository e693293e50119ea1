"""Make a README picture, and what a black-and-white printer makes of it, from a screenshot.

python scripts/pack_screenshots.py SCREENSHOT PICTURE: writes PICTURE.png and PICTURE_grey.png.
"""

import io
import sys
from pathlib import Path

from PIL import Image

LIMIT = 300_000
"""Bytes of one picture at most."""
WIDTHS = (1600, 1500, 1400, 1300, 1200, 1100, 1000)
"""Pixels, the widest that fits under the limit is taken; a page shows less."""
COLOURS = 256


def packed(picture: Image.Image) -> bytes:
    """PNG with few colours, as wide as the limit allows."""
    for width in WIDTHS:
        height = round(picture.height * width / picture.width)
        small = picture.resize((width, height), Image.Resampling.LANCZOS)
        buffer = io.BytesIO()
        # An octree keeps the rare colours of the outlines, which the median cut spends on greys.
        few = small.quantize(COLOURS, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
        few.save(buffer, "PNG", optimize=True)
        if buffer.tell() < LIMIT:
            return buffer.getvalue()
    sys.exit(f"More than {LIMIT} bytes even {WIDTHS[-1]} pixels wide.")


def main() -> None:
    """Pack one screenshot."""
    screenshot, target = Path(sys.argv[1]), Path(sys.argv[2])
    with Image.open(screenshot, formats=["PNG"]) as image:
        picture = image.convert("RGB")
    for ending, version in (("", picture), ("_grey", picture.convert("L"))):
        path = target.with_name(f"{target.name}{ending}.png")
        path.write_bytes(packed(version))
        sys.stdout.write(f"{path}: {path.stat().st_size // 1000} kB\n")


if __name__ == "__main__":
    main()
