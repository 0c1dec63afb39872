"""A picture in the terminal, two pixels to a character. Needs Pillow, which comes with `opsctl[local]`."""

from __future__ import annotations

import io

from rich.color import Color
from rich.style import Style
from rich.text import Text

UPPER_HALF = "\N{UPPER HALF BLOCK}"


def draw(image: bytes, *, columns: int = 48) -> Text | None:
    """The image as coloured half blocks; None where Pillow isn't installed."""
    try:
        from PIL import Image
    except ImportError:
        return None
    with Image.open(io.BytesIO(image)) as opened:
        rows = max(2, round(columns * opened.height / opened.width) // 2 * 2)
        pixels = opened.convert("RGB").resize((columns, rows)).load()
    assert pixels is not None
    text = Text()
    for row in range(0, rows, 2):
        for column in range(columns):
            upper, lower = (Color.from_rgb(*pixels[column, line]) for line in (row, row + 1))  # type: ignore[misc]
            text.append(UPPER_HALF, Style(color=upper, bgcolor=lower))
        text.append("\n")
    return text
