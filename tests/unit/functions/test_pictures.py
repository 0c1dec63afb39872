"""The layer's package `pictures`, and the rules of the image functions: sizes, formats, what is refused and why."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import BytesIO
from types import ModuleType
from typing import Any

import pictures
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.unit.functions.conftest import function_modules

ORIENTATION = 0x0112
BOX = (800, 600)


def an_image(
    size: tuple[int, int], mode: str = "RGB", colour: Any = "teal", format: str = "JPEG", **save: Any
) -> bytes:
    file = BytesIO()
    Image.new(mode, size, colour).save(file, format, **save)
    return file.getvalue()


def a_png_that_claims(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("original", "expected"),
    [((1600, 1200), BOX), ((4000, 1000), (800, 200)), ((1000, 4000), (150, 600)), ((40, 30), (40, 30))],
)
def test_a_picture_fits_800_by_600_keeps_its_aspect_and_is_not_enlarged(
    original: tuple[int, int], expected: tuple[int, int]
) -> None:
    assert pictures.fit(an_image(original), BOX).size == expected


@given(width=st.integers(1, 3000), height=st.integers(1, 3000), turned=st.booleans())
@settings(max_examples=40, deadline=None)
def test_whatever_its_size_and_turn_it_stays_within_the_box(width: int, height: int, turned: bool) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6 if turned else 1
    content = an_image((width, height), "L", 9, exif=exif)
    made, facts = pictures.fit(content, BOX), pictures.inspect(content)
    assert (facts.width, facts.height) == ((height, width) if turned else (width, height))
    assert made.width <= min(800, facts.width)
    assert made.height <= min(600, facts.height)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_what_lies_on_its_side_stands_upright(format: str) -> None:
    lying = Image.new("RGB", (2000, 1000), "white")
    lying.paste("black", (0, 0, 1000, 1000))
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    file = BytesIO()
    lying.save(file, format, exif=exif)
    upright = pictures.fit(file.getvalue(), BOX)
    assert upright.size == (300, 600)
    assert sum(upright.getpixel((150, 20))) < 60 < 700 < sum(upright.getpixel((150, 580)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("mode", "colour", "format", "seen"),
    [
        ("CMYK", (0, 0, 0, 255), "JPEG", 0),
        ("CMYK", (0, 0, 0, 0), "JPEG", 255),
        ("I;16", 65535, "PNG", 255),
        ("I;16", 32768, "PNG", 128),
        ("I;16", 0, "PNG", 0),
        ("RGBA", (0, 0, 0, 0), "PNG", 255),
        ("LA", (0, 255), "PNG", 0),
        ("1", 1, "PNG", 255),
        ("L", 200, "GIF", 200),
    ],
)
def test_every_kind_of_pixel_keeps_its_brightness(mode: str, colour: Any, format: str, seen: int) -> None:
    made = pictures.fit(an_image((300, 300), mode, colour, format), BOX)
    assert made.mode == "RGB"
    assert all(abs(part - seen) <= 3 for part in made.getpixel((150, 150)))  # type: ignore[union-attr]


def test_of_a_moving_picture_the_first_frame_is_taken() -> None:
    file = BytesIO()
    Image.new("L", (300, 300), 10).save(
        file, "GIF", save_all=True, append_images=[Image.new("L", (300, 300), grey) for grey in (240, 99)], duration=100
    )
    assert pictures.inspect(file.getvalue()).frames == 3
    assert pictures.fit(file.getvalue(), BOX).getpixel((9, 9)) == (10, 10, 10)


def test_a_format_is_what_the_content_says() -> None:
    assert pictures.inspect(an_image((9, 9), format="PNG")) == pictures.Facts("png", 9, 9, 1)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b"hello, I am text", "not a JPEG, PNG, WebP or GIF image"),
        (b"BM" + bytes(100), "not a JPEG, PNG, WebP or GIF image"),
        (an_image((640, 480))[:400], "damaged"),
        (an_image((1200, 900))[:-300], "damaged"),
        (an_image((640, 480), format="PNG")[:300], "damaged"),
        (a_png_that_claims(10_000, 5_001), "10000 x 5001 pixels; at most 50000000"),
        (a_png_that_claims(100_000, 100_000), "more than 50000000 pixels"),
        (b"\xff\xd8" + bytes(25 * 1024 * 1024), "has 26214402 bytes; at most 26214400"),
    ],
    ids=[
        "empty",
        "text",
        "bitmap",
        "half a jpeg",
        "a jpeg without its end",
        "half a png",
        "many pixels",
        "bomb",
        "large",
    ],
)
def test_what_is_no_picture_is_refused_with_its_reason(content: bytes, reason: str) -> None:
    with pytest.raises(pictures.Refused, match=reason):
        pictures.inspect(content)


def test_a_bomb_is_refused_before_anything_of_it_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image.Image, "load", lambda image: pytest.fail("decoded"))
    with pytest.raises(pictures.Refused, match="pixels"):
        pictures.inspect(a_png_that_claims(10_000, 5_001))


@given(content=st.binary(max_size=400))
@settings(max_examples=150, deadline=None)
def test_whatever_follows_the_first_bytes_it_is_taken_or_refused_and_nothing_else(content: bytes) -> None:
    for begin in (
        b"",
        an_image((30, 20))[:60],
        an_image((30, 20), format="PNG")[:40],
        b"GIF89a",
        b"RIFF\0\0\0\0WEBPVP8 ",
    ):
        try:
            pictures.inspect(begin + content)
        except pictures.Refused:
            continue


@pytest.fixture(scope="module")
def filters() -> Iterator[ModuleType]:
    with function_modules("image-filter", "images") as load:
        yield load("filters")


@pytest.fixture(scope="module")
def optimising() -> Iterator[ModuleType]:
    with function_modules("image-optimise", "images") as load:
        yield load("optimising")


@pytest.fixture(scope="module")
def requests_of_s3() -> Iterator[ModuleType]:
    with function_modules("image-start", "images") as load:
        yield load("requests_of_s3")


@pytest.fixture(scope="module")
def claims() -> Iterator[ModuleType]:
    with function_modules("image-validate", "images") as load:
        yield load("claims")


def test_filters_take_the_colours_and_sharpen_the_edges(filters: ModuleType) -> None:
    original = Image.new("RGB", (400, 300), (200, 60, 60))
    original.paste((90, 160, 160), (200, 0, 400, 300))
    file = BytesIO()
    original.save(file, "PNG")
    made = {name: Image.open(BytesIO(png)) for name, png in filters.filtered(file.getvalue())}
    assert {name: (image.format, image.size) for name, image in made.items()} == {
        "greyscale": ("PNG", (400, 300)),
        "sharpened": ("PNG", (400, 300)),
    }
    assert made["greyscale"].mode == "L"
    assert made["sharpened"].getpixel((199, 150))[0] > 200 > 90 > made["sharpened"].getpixel((200, 150))[0]  # type: ignore[index]


def test_a_finished_version_is_a_progressive_jpeg_without_metadata_but_with_its_colour_profile(
    optimising: ModuleType,
) -> None:
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[0x010E] = "my garden"
    original = an_image((640, 480), exif=exif, comment=b"at home", icc_profile=profile)
    png = pictures.encode(pictures.fit(original, BOX), "PNG")
    jpeg = optimising.optimised(png)
    image = Image.open(BytesIO(jpeg))
    assert (image.format, image.size, image.info.get("progressive")) == ("JPEG", (640, 480), 1)
    assert image.info["icc_profile"] == profile
    assert not image.getexif()
    assert b"garden" not in jpeg + png
    assert b"at home" not in jpeg + png
    assert optimising.optimised(png) == jpeg


def s3_record(key: str, sequencer: str) -> dict[str, Any]:
    return {"s3": {"bucket": {"name": "b"}, "object": {"key": key, "size": 9, "sequencer": sequencer}}}


def test_a_request_names_the_object_as_it_is_called_and_keeps_the_order_of_events(requests_of_s3: ModuleType) -> None:
    request = requests_of_s3.request_of(s3_record("incoming/my+garden%28.jpg", "0055AED6DCD90281E5"), "c-1234567")
    assert (request["image_id"], request["key"]) == ("images/my garden(.jpg", "incoming/my garden(.jpg")
    later = requests_of_s3.request_of(s3_record("incoming/a", "0055AED6DCD90281E6"), "c-1234567")
    longer = requests_of_s3.request_of(s3_record("incoming/a", "0055AED6DCD90281E5A1"), "c-1234567")
    assert request["sequencer"] < longer["sequencer"] < later["sequencer"]


def test_a_claim_lasts_as_long_as_an_express_workflow_can_run(claims: ModuleType) -> None:
    now = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
    values = claims.claim({"sequencer": "0", "redrives": 0}, "me", now)
    assert values[":now"] - values[":dead"] == timedelta(minutes=5).total_seconds()
    assert claims.outcome_without_claim("processing") == "in_other_hands"
    assert {claims.outcome_without_claim(status) for status in ("ready", "rejected", "failed")} == {"duplicate"}
