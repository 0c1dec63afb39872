"""What a photo is and what its thumbnail looks like. No AWS here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import unquote_plus

import pictures

FORMATS = ("JPEG", "PNG", "WebP")
# API Gateway takes no larger body (quota "Payload size"); presigned uploads get the same.
LARGEST_BYTES = 10 * 1024 * 1024
BOX = (256, 256)

_KEY = re.compile(r"uploads/([A-Za-z0-9-]{1,64})")


class Rejected(Exception):
    """What was uploaded will never become a photo. The message says why, in words for people."""


@dataclass(frozen=True)
class Thumbnail:
    """A thumbnail and what it was made from.

    Attributes:
        jpeg: the thumbnail, at most 256 x 256 pixels, upright, without the original's metadata.
        width, height: of the thumbnail, in pixels.
        original_width, original_height: of the upright original, in pixels.
    """

    jpeg: bytes
    width: int
    height: int
    original_width: int
    original_height: int


def photo_id_in(key: str) -> str:
    """The photo's id out of an object's key as S3 writes it into an event (URL-encoded).

    Raises:
        Rejected: the key is not uploads/<photo id>.
    """
    match = _KEY.fullmatch(unquote_plus(key))
    if not match:
        raise Rejected("the key is not uploads/<photo id>")
    return match[1]


def check_size(size_bytes: int) -> None:
    """Whether an upload may be fetched at all.

    Raises:
        Rejected: it is empty or larger than 10 MiB.
    """
    with _rejecting():
        pictures.check_size(size_bytes, LARGEST_BYTES)


def make_thumbnail(original: bytes) -> Thumbnail:
    """Shrink a photo into 256 x 256 pixels: aspect kept, upright by its EXIF orientation, a small one not enlarged.

    Raises:
        Rejected: not a JPEG, PNG or WebP image, damaged, or of more pixels than we decode.
    """
    check_size(len(original))
    with _rejecting():
        width, height = pictures.upright_size(original, FORMATS)
        small = pictures.fit(original, BOX, FORMATS)
    return Thumbnail(
        pictures.encode(small, "JPEG", quality=85, optimize=True), small.width, small.height, width, height
    )


@contextmanager
def _rejecting() -> Iterator[None]:
    try:
        yield
    except pictures.Refused as refusal:
        raise Rejected(str(refusal)) from refusal
