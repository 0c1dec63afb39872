from __future__ import annotations

import struct
import zlib
from io import BytesIO
from types import ModuleType

import pytest
from PIL import Image

ORIENTATION = 0x0112
GPS = 0x8825


def an_image(
    size: tuple[int, int], mode: str = "RGB", colour: object = "teal", format: str = "JPEG", **save: object
) -> bytes:
    file = BytesIO()
    Image.new(mode, size, colour).save(file, format, **save)  # type: ignore[arg-type]
    return file.getvalue()


def opened(jpeg: bytes) -> Image.Image:
    image = Image.open(BytesIO(jpeg))
    assert image.format == "JPEG"
    image.load()
    return image


def a_png_that_claims(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("original", "thumbnail"),
    [((1024, 768), (256, 192)), ((300, 900), (85, 256)), ((256, 256), (256, 256)), ((5000, 10), (256, 1))],
)
def test_a_photo_fits_the_box_and_keeps_its_aspect(
    thumbnails: ModuleType, original: tuple[int, int], thumbnail: tuple[int, int]
) -> None:
    made = thumbnails.make_thumbnail(an_image(original))
    assert opened(made.jpeg).size == (made.width, made.height) == thumbnail
    assert (made.original_width, made.original_height) == original


def test_a_small_photo_is_not_enlarged(thumbnails: ModuleType) -> None:
    assert opened(thumbnails.make_thumbnail(an_image((40, 30))).jpeg).size == (40, 30)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_every_format_that_we_take_becomes_a_jpeg(thumbnails: ModuleType, format: str) -> None:
    assert opened(thumbnails.make_thumbnail(an_image((640, 480), format=format)).jpeg).size == (256, 192)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_a_photo_taken_with_the_camera_on_its_side_stands_upright(thumbnails: ModuleType, format: str) -> None:
    lying = Image.new("RGB", (800, 400), "white")
    lying.paste("black", (0, 0, 400, 400))  # black on the left: on top once it is turned by a quarter, clockwise
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    file = BytesIO()
    lying.save(file, format, exif=exif)
    made = thumbnails.make_thumbnail(file.getvalue())
    upright = opened(made.jpeg)
    assert upright.size == (128, 256)
    assert (made.original_width, made.original_height) == (400, 800)
    assert sum(upright.getpixel((64, 20))) < 60 < 700 < sum(upright.getpixel((64, 236)))


def test_where_a_photo_was_taken_does_not_get_into_the_thumbnail(thumbnails: ModuleType) -> None:
    exif = Image.Exif()
    exif.get_ifd(GPS)[1] = "N"
    exif[0x010E] = "my garden"
    made = thumbnails.make_thumbnail(an_image((640, 480), exif=exif, comment=b"at home"))
    thumbnail = opened(made.jpeg)
    assert not thumbnail.getexif()
    assert "comment" not in thumbnail.info
    assert b"garden" not in made.jpeg
    assert b"at home" not in made.jpeg


def test_transparent_parts_become_white(thumbnails: ModuleType) -> None:
    made = thumbnails.make_thumbnail(an_image((300, 300), mode="RGBA", colour=(0, 0, 0, 0), format="PNG"))
    assert min(opened(made.jpeg).getpixel((128, 128))) > 250


@pytest.mark.parametrize(
    ("mode", "colour", "format"),
    [
        ("P", 1, "PNG"),
        ("LA", (9, 9), "PNG"),
        ("L", 9, "JPEG"),
        ("CMYK", (9, 9, 9, 9), "JPEG"),
        ("I;16", 9, "PNG"),
        ("1", 1, "PNG"),
    ],
)
def test_every_kind_of_pixel_is_taken(thumbnails: ModuleType, mode: str, colour: object, format: str) -> None:
    assert opened(thumbnails.make_thumbnail(an_image((300, 300), mode, colour, format)).jpeg).mode == "RGB"


def test_the_same_photo_gives_the_same_bytes(thumbnails: ModuleType) -> None:
    photo = an_image((640, 480))
    assert thumbnails.make_thumbnail(photo).jpeg == thumbnails.make_thumbnail(photo).jpeg


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b"hello, I am text", "not a JPEG, PNG or WebP image"),
        (b"GIF89a" + bytes(100), "not a JPEG, PNG or WebP image"),
        (an_image((640, 480))[:400], "damaged"),
        (an_image((640, 480), format="PNG")[:300], "damaged"),
        (an_image((640, 480))[:64] + b"\x00not an image\x00" * 64, "not a JPEG|damaged"),
        (a_png_that_claims(10_000, 5_001), "10000 x 5001 pixels; at most 50000000"),
        (a_png_that_claims(100_000, 100_000), "more than 50000000 pixels"),
        (b"\xff\xd8" + bytes(10 * 1024 * 1024), "has 10485762 bytes; at most 10485760"),
    ],
    ids=["empty", "text", "gif", "half a jpeg", "half a png", "garbage", "many pixels", "bomb", "too large"],
)
def test_what_is_no_photo_is_rejected_with_its_reason(thumbnails: ModuleType, content: bytes, reason: str) -> None:
    with pytest.raises(thumbnails.Rejected, match=reason):
        thumbnails.make_thumbnail(content)


def test_the_id_is_found_in_the_key_as_s3_writes_it(thumbnails: ModuleType) -> None:
    assert (
        thumbnails.photo_id_in("uploads/0f8fad5b-d9cb-469f-a165-70867728950e") == "0f8fad5b-d9cb-469f-a165-70867728950e"
    )


@pytest.mark.parametrize(
    "key", ["uploads/", "thumbnails/a.jpg", "uploads/a/b", "uploads/..%2Fthumbnails%2Fa", "uploads/a+b"]
)
def test_a_key_that_is_no_upload_is_rejected(thumbnails: ModuleType, key: str) -> None:
    with pytest.raises(thumbnails.Rejected, match="the key is not uploads/"):
        thumbnails.photo_id_in(key)
