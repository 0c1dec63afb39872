"""The versions of a photo. No AWS here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from io import BytesIO

from PIL import Image, ImageOps

VERSIONS = {"small": 320, "medium": 640, "large": 1280}
"""Longest side of each version, in pixels."""
RECIPE = "1"
"""Raise it when the same photo is to give other bytes: versions that are there already are then made anew."""
FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
LARGEST_BYTES = 20 * 1024 * 1024
LARGEST_PIXELS = 50_000_000  # as RGBA 200 MB, which with one copy of it fits the job's 2,048 MB

Image.MAX_IMAGE_PIXELS = LARGEST_PIXELS

_ORIENTATION = 0x0112  # EXIF tag


class Rejected(Exception):
    """This file will never become a photo. The message says why, in words for people."""


@dataclass(frozen=True)
class Version:
    """A version of a photo: a JPEG, upright, without the original's metadata; width and height in pixels."""

    name: str
    jpeg: bytes
    width: int
    height: int


def photo_name(key: str) -> str:
    """What a photo's versions are called after: its key without the first folder (uploads/abc → abc)."""
    return key.partition("/")[2] or key


def version_key(name: str, version: str) -> str:
    return f"versions/{name}/{version}.jpg"


def make_versions(original: bytes, names: Iterable[str]) -> list[Version]:
    """Shrink a photo to the longest sides that VERSIONS gives: aspect kept, upright, none enlarged.

    Raises:
        Rejected: not a JPEG, PNG, WebP or GIF image, empty, damaged, too long, or of more pixels than we decode.
    """
    if not 0 < len(original) <= LARGEST_BYTES:
        raise Rejected(f"the file has {len(original)} bytes; 1 to {LARGEST_BYTES} are taken")
    wanted = sorted(names, key=VERSIONS.__getitem__, reverse=True)
    try:
        with Image.open(BytesIO(original), formats=FORMATS) as image:
            if image.width * image.height > LARGEST_PIXELS:
                raise Rejected(
                    f"the image has {image.width} x {image.height} pixels; at most {LARGEST_PIXELS} are taken"
                )
            return list(_shrunk(image, wanted))
    except (Rejected, MemoryError):
        raise
    except Image.DecompressionBombError as error:
        raise Rejected(f"the image has more than {LARGEST_PIXELS} pixels") from error
    except Image.UnidentifiedImageError as error:
        raise Rejected("the file is not a JPEG, PNG, WebP or GIF image") from error
    except Exception as error:  # all input is in memory: whatever a decoder raises is about the file
        raise Rejected(f"the image is damaged: {error}") from error


def _shrunk(image: Image.Image, names: Sequence[str]) -> Iterable[Version]:
    """Each out of the one before, which is larger: a photo is decoded once, a JPEG at a fraction of its size."""
    orientation = image.getexif().get(_ORIENTATION, 1)
    image.draft("RGB", (VERSIONS[names[0]],) * 2)
    upright = _turned(image, orientation)
    for name in names:
        upright.thumbnail((VERSIONS[name],) * 2, Image.Resampling.LANCZOS)
        file = BytesIO()
        upright.save(file, "JPEG", quality=85, optimize=True)
        yield Version(name, file.getvalue(), upright.width, upright.height)


def _turned(image: Image.Image, orientation: int) -> Image.Image:
    """The image as RGB and upright, with white behind what is transparent, and nothing else of the file."""
    if image.mode in ("RGBA", "LA", "P", "PA"):
        colours = image.convert("RGBA")
        flat = Image.new("RGB", image.size, "white")
        flat.paste(colours, mask=colours.getchannel("A"))
    else:
        flat = image.convert("RGB")
    flat.getexif()[_ORIENTATION] = orientation
    upright = ImageOps.exif_transpose(flat)
    upright.info.clear()
    return upright
