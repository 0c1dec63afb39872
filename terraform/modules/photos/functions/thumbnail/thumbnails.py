"""What a photo is and what its thumbnail looks like. No AWS here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from io import BytesIO
from urllib.parse import unquote_plus

from PIL import Image, ImageOps

FORMATS = ("JPEG", "PNG", "WEBP")
LARGEST_BYTES = (
    10 * 1024 * 1024
)  # API Gateway takes no larger body (quota "Payload size"); presigned uploads get the same
LARGEST_PIXELS = 50_000_000  # as RGBA 200 MB, which with one copy of it fits the function's 1,024 MB
BOX = (256, 256)

# Pillow's own limit only warns up to twice its value; ours is checked before anything is decoded.
Image.MAX_IMAGE_PIXELS = LARGEST_PIXELS

_KEY = re.compile(r"uploads/([A-Za-z0-9-]{1,64})")
_ORIENTATION = 0x0112  # EXIF tag; 5 to 8 lie on their side


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
    if size_bytes == 0:
        raise Rejected("the file is empty")
    if size_bytes > LARGEST_BYTES:
        raise Rejected(f"the file has {size_bytes} bytes; at most {LARGEST_BYTES} are taken")


def make_thumbnail(original: bytes) -> Thumbnail:
    """Shrink a photo into 256 x 256 pixels: aspect kept, upright by its EXIF orientation, a small one not enlarged.

    Raises:
        Rejected: not a JPEG, PNG or WebP image, damaged, or of more pixels than we decode.
    """
    check_size(len(original))
    try:
        with Image.open(BytesIO(original), formats=FORMATS) as image:
            if image.width * image.height > LARGEST_PIXELS:
                raise Rejected(
                    f"the image has {image.width} x {image.height} pixels; at most {LARGEST_PIXELS} are taken"
                )
            return _shrink(image)
    except (Rejected, MemoryError):
        raise
    except Image.DecompressionBombError as error:
        raise Rejected(f"the image has more than {LARGEST_PIXELS} pixels") from error
    except Image.UnidentifiedImageError as error:
        raise Rejected("the file is not a JPEG, PNG or WebP image") from error
    except Exception as error:  # all input is in memory: whatever a decoder raises is about the file
        raise Rejected(f"the image is damaged: {error}") from error


def _shrink(image: Image.Image) -> Thumbnail:
    width, height = image.size
    if image.getexif().get(_ORIENTATION, 1) >= 5:
        width, height = height, width
    profile = image.info.get("icc_profile") if image.mode in ("RGB", "RGBA") else None
    if image.mode not in ("RGB", "L", "CMYK"):
        image = _on_white(image)
    image.thumbnail(BOX, Image.Resampling.LANCZOS)
    upright = ImageOps.exif_transpose(image).convert("RGB")
    upright.info.clear()  # a comment would be copied along
    file = BytesIO()
    upright.save(file, "JPEG", quality=85, optimize=True, icc_profile=profile)
    return Thumbnail(file.getvalue(), upright.width, upright.height, width, height)


def _on_white(image: Image.Image) -> Image.Image:
    """The image as RGB, with white behind what is transparent. JPEG knows no transparency."""
    exif = image.getexif()
    colours = image.convert("RGBA")
    flat = Image.new("RGB", image.size, "white")
    flat.paste(colours, mask=colours.getchannel("A"))
    flat.info["exif"] = exif.tobytes()
    return flat
