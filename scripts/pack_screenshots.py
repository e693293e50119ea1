"""Make a README picture, and what a black-and-white printer makes of it, from a screenshot.

python scripts/pack_screenshots.py SCREENSHOT PICTURE: writes PICTURE.png and PICTURE_grey.png.
"""

import io
import sys
from pathlib import Path

from PIL import Image

LIMIT = 300_000
"""Bytes of one picture at most."""
WIDTH = 1400
"""Pixels; a page shows less."""


def packed(picture: Image.Image) -> bytes:
    """PNG with as many colours as fit under the limit."""
    data = b""
    for colours in (256, 128, 64, 32):
        buffer = io.BytesIO()
        few = picture.quantize(colours, dither=Image.Dither.NONE)
        few.save(buffer, "PNG", optimize=True)
        data = buffer.getvalue()
        if len(data) < LIMIT:
            return data
    sys.exit(f"{len(data)} bytes even with 32 colours; {LIMIT} are allowed.")


def main() -> None:
    """Pack one screenshot."""
    screenshot, target = Path(sys.argv[1]), Path(sys.argv[2])
    with Image.open(screenshot, formats=["PNG"]) as image:
        picture = image.convert("RGB")
    if picture.width > WIDTH:
        height = round(picture.height * WIDTH / picture.width)
        picture = picture.resize((WIDTH, height), Image.Resampling.LANCZOS)
    for ending, version in (("", picture), ("_grey", picture.convert("L"))):
        path = target.with_name(f"{target.name}{ending}.png")
        path.write_bytes(packed(version))
        sys.stdout.write(f"{path}: {path.stat().st_size // 1000} kB\n")


if __name__ == "__main__":
    main()
