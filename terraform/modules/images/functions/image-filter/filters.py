"""The filters that every image gets. No AWS here."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pictures import encode, fit
from PIL import Image, ImageFilter, ImageOps

BOX = (800, 600)

FILTERS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "greyscale": ImageOps.grayscale,
    "sharpened": lambda image: image.filter(ImageFilter.UnsharpMask(radius=2, percent=150, threshold=3)),
}


def filtered(original: bytes) -> Iterator[tuple[str, bytes]]:
    """The image through each filter, within 800 x 600 pixels: name and lossless PNG.

    Raises:
        pictures.Refused: it can't be read.
    """
    image = fit(original, BOX)
    for name, apply in FILTERS.items():
        yield name, encode(apply(image), "PNG", compress_level=1)
