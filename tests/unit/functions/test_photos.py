from __future__ import annotations

from decimal import Decimal
from types import ModuleType

import pytest

KEY = {"photo_id": "p-1", "album": "all", "created_at": "2026-11-21T10:00:00.000+00:00"}


def test_an_upload_says_its_type_and_its_length(photos: ModuleType) -> None:
    upload = photos.parse_upload({"content_type": "image/webp", "content_length": 10485760})
    assert (upload.content_type, upload.content_length) == ("image/webp", 10485760)


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (None, "content_type"),
        ([], "content_type"),
        ({"content_type": "image/gif", "content_length": 1}, "content_type"),
        ({"content_type": "image/jpeg"}, "content_length"),
        ({"content_type": "image/jpeg", "content_length": 0}, "content_length"),
        ({"content_type": "image/jpeg", "content_length": 10485761}, "content_length"),
        ({"content_type": "image/jpeg", "content_length": "12"}, "content_length"),
        ({"content_type": "image/jpeg", "content_length": True}, "content_length"),
    ],
)
def test_an_upload_that_can_not_be_is_refused_by_name(photos: ModuleType, body: object, what: str) -> None:
    with pytest.raises(photos.BadRequest, match=what):
        photos.parse_upload(body)


def test_a_page_has_25_photos_unless_asked_for_another_number(photos: ModuleType) -> None:
    assert [photos.parse_limit(text) for text in (None, "1", "100")] == [25, 1, 100]


@pytest.mark.parametrize("text", ["0", "101", "-1", "ten", "", "1.5", "9999999999"])
def test_a_page_of_another_size_is_refused(photos: ModuleType, text: str) -> None:
    with pytest.raises(photos.BadRequest, match="limit must be 1 to 100"):
        photos.parse_limit(text)


def test_a_page_token_leads_back_to_where_the_page_ended(photos: ModuleType) -> None:
    assert photos.parse_page_token(photos.page_token(KEY)) == KEY
    assert photos.page_token(None) is None
    assert photos.parse_page_token(None) is None


@pytest.mark.parametrize("token", ["%%%", "bm90IGpzb24=", "e30=", "WzFd", "é"])
def test_a_token_that_is_not_ours_is_refused(photos: ModuleType, token: str) -> None:
    with pytest.raises(photos.BadRequest, match="next is not a token"):
        photos.parse_page_token(token)


def test_a_token_with_another_key_is_refused(photos: ModuleType) -> None:
    with pytest.raises(photos.BadRequest, match="next is not a token"):
        photos.parse_page_token(photos.page_token(KEY | {"claimed_at": "1"}))


def test_clients_see_a_photo_without_what_the_worker_keeps_for_itself(photos: ModuleType) -> None:
    record = KEY | {
        "status": "ready",
        "width": Decimal(640),
        "height": Decimal(480),
        "thumbnail": {"key": "thumbnails/p-1.jpg", "width": Decimal(256), "height": Decimal(192)},
        "announcement": "made",
    }
    assert photos.as_seen_by_clients(record) == {
        "photo_id": "p-1",
        "status": "ready",
        "width": 640,
        "height": 480,
        "thumbnail": {"key": "thumbnails/p-1.jpg", "width": 256, "height": 192, "url": "/thumbnails/p-1.jpg"},
        "created_at": "2026-11-21T10:00:00.000+00:00",
    }


@pytest.mark.parametrize(("text", "is_one"), [("0f8fad5b-d9cb", True), ("", False), ("a/b", False), ("a" * 65, False)])
def test_what_a_photo_id_is(photos: ModuleType, text: str, is_one: bool) -> None:
    assert photos.is_photo_id(text) is is_one
