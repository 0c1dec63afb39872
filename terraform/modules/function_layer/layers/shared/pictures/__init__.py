"""Pictures as our functions take them: what is refused, and how one is opened. No AWS here.

Pillow is not in this layer: the functions that use this package bring it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO

from PIL import Image, ImageOps

FORMATS = ("JPEG", "PNG", "WebP", "GIF")
LARGEST_BYTES = 25 * 1024 * 1024
LARGEST_PIXELS = 50_000_000  # as RGB 150 MB, which with one copy of it fits a function's 1,024 MB

# Pillow's own limit only warns up to twice its value; ours is checked before anything is decoded.
Image.MAX_IMAGE_PIXELS = LARGEST_PIXELS

_ORIENTATION = 0x0112  # EXIF tag; 5 to 8 lie on their side
_SIXTEEN_BIT = ("I;16", "I;16B", "I;16L", "I")


class Refused(Exception):
    """The file will never be a picture for us. The message says why, in words for people."""


@dataclass(frozen=True)
class Facts:
    """What a picture is.

    Attributes:
        format: by its content, whatever its name says: jpeg, png, webp or gif.
        width, height: in pixels, as people see it (upright).
        frames: more than 1 if it moves; only the first is taken.
    """

    format: str
    width: int
    height: int
    frames: int


def check_size(size_bytes: int, largest_bytes: int | None = None) -> None:
    """Whether a file may be fetched at all.

    Raises:
        Refused: it is empty or larger than `largest_bytes` (25 MiB).
    """
    limit = LARGEST_BYTES if largest_bytes is None else largest_bytes
    if size_bytes == 0:
        raise Refused("the file is empty")
    if size_bytes > limit:
        raise Refused(f"the file has {size_bytes} bytes; at most {limit} are taken")


def upright_size(content: bytes, formats: Sequence[str] = FORMATS) -> tuple[int, int]:
    """Width and height as people see the picture, in pixels. Reads its header only.

    Raises:
        Refused: as `inspect`, but for damage further on.
    """
    with _opened(content, formats) as image:
        return image.size[::-1] if _lies_on_its_side(image) else image.size


def inspect(content: bytes) -> Facts:
    """What a picture is, once all of it was read; a JPEG is decoded at an eighth of its size, which finds every gap.

    Raises:
        Refused: not an image of one of the formats, damaged, or of more pixels than we decode.
    """
    with _opened(content, FORMATS) as image:
        width, height = image.size[::-1] if _lies_on_its_side(image) else image.size
        facts = Facts(str(image.format).lower(), width, height, getattr(image, "n_frames", 1))
        image.draft(None, (1, 1))
        image.load()
    return facts


def fit(content: bytes, box: tuple[int, int], formats: Sequence[str] = FORMATS) -> Image.Image:
    """The picture in RGB, upright, shrunk by Lanczos into the box (width, height); a small one is not enlarged.

    Colours are sRGB or have their profile in `info`; nothing else of the file's metadata is kept. White is behind what
    is transparent, 16 bits become 8, of a moving picture the first frame is taken.

    Raises:
        Refused: as `inspect`.
    """
    with _opened(content, formats) as image:
        profile = image.info.get("icc_profile") if image.mode in ("RGB", "RGBA") else None
        exif = image.getexif()
        if image.mode not in ("RGB", "L", "CMYK"):
            image = _in_eight_bit_colours(image)
        image.thumbnail(box[::-1] if exif.get(_ORIENTATION, 1) >= 5 else box, Image.Resampling.LANCZOS)
        image.info["exif"] = exif.tobytes() if exif else b""
        upright = ImageOps.exif_transpose(image).convert("RGB")
    upright.info = {"icc_profile": profile} if profile else {}
    return upright


def encode(image: Image.Image, format: str, **settings: object) -> bytes:
    """A picture as a file, with its colour profile and no other metadata."""
    file = BytesIO()
    image.save(file, format, icc_profile=image.info.get("icc_profile"), **settings)
    return file.getvalue()


@contextmanager
def _opened(content: bytes, formats: Sequence[str]) -> Iterator[Image.Image]:
    check_size(len(content))
    try:
        with Image.open(BytesIO(content), formats=formats) as image:
            if image.width * image.height > LARGEST_PIXELS:
                raise Refused(
                    f"the image has {image.width} x {image.height} pixels; at most {LARGEST_PIXELS} are taken"
                )
            yield image
    except (Refused, MemoryError):
        raise
    except Image.DecompressionBombError as error:
        raise Refused(f"the image has more than {LARGEST_PIXELS} pixels") from error
    except Image.UnidentifiedImageError as error:
        raise Refused(f"the file is not a {', '.join(formats[:-1])} or {formats[-1]} image") from error
    except Exception as error:  # all input is in memory: whatever a decoder raises is about the file
        raise Refused(f"the image is damaged: {error}") from error


def _lies_on_its_side(image: Image.Image) -> bool:
    return bool(image.getexif().get(_ORIENTATION, 1) >= 5)


def _in_eight_bit_colours(image: Image.Image) -> Image.Image:
    """RGB, with white behind what is transparent (JPEG knows no transparency). 16 bits are scaled, not cut off."""
    if image.mode in _SIXTEEN_BIT:
        return image.convert("I").point(lambda value: value * (1 / 256)).convert("L")
    colours = image.convert("RGBA")
    flat = Image.new("RGB", image.size, "white")
    flat.paste(colours, mask=colours.getchannel("A"))
    return flat
