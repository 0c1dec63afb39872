"""The size in which people look at an image. No AWS here."""

from __future__ import annotations

from pictures import encode, fit

BOX = (800, 600)


def resized(original: bytes) -> bytes:
    """The image within 800 x 600 pixels, upright, as a lossless PNG that is quick to write.

    Raises:
        pictures.Refused: it can't be read.
    """
    return encode(fit(original, BOX), "PNG", compress_level=1)
