"""What clients may ask about photos, and how a photo looks to them. No AWS here."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

CONTENT_TYPES = ("image/jpeg", "image/png", "image/webp")
LARGEST_BYTES = 10 * 1024 * 1024
LARGEST_PAGE = 100
EXPIRES_SECONDS = 300

_PAGE_KEY = {"photo_id", "album", "created_at"}  # what DynamoDB needs to go on in the index `newest`


class BadRequest(ValueError):
    """The client asked for something that can't be. The message is for the client."""


@dataclass(frozen=True)
class Upload:
    """An upload that a client wants to send by itself."""

    content_type: str
    content_length: int


def parse_upload(body: object) -> Upload:
    """An upload from the JSON of a request. API Gateway's model asks the same; this holds without it too.

    Raises:
        BadRequest: the type is no image's that we take, or the length is not 1 byte to 10 MiB.
    """
    fields = body if isinstance(body, dict) else {}
    content_type, content_length = fields.get("content_type"), fields.get("content_length")
    if content_type not in CONTENT_TYPES:
        raise BadRequest(f"content_type must be one of {', '.join(CONTENT_TYPES)}")
    if type(content_length) is not int or not 1 <= content_length <= LARGEST_BYTES:
        raise BadRequest(f"content_length must be the file's length in bytes, 1 to {LARGEST_BYTES}")
    return Upload(content_type, content_length)


def is_photo_id(text: str) -> bool:
    return re.fullmatch(r"[A-Za-z0-9-]{1,64}", text) is not None


def parse_limit(text: str | None) -> int:
    """How many photos a page shall have, 1 to 100; 25 if nothing is said.

    Raises:
        BadRequest: not such a number.
    """
    if text is None:
        return 25
    if not re.fullmatch(r"[0-9]{1,3}", text) or not 1 <= int(text) <= LARGEST_PAGE:
        raise BadRequest(f"limit must be 1 to {LARGEST_PAGE}")
    return int(text)


def page_token(key: Mapping[str, Any] | None) -> str | None:
    """Where a page ended, as text that clients hand back; None after the last page."""
    return base64.urlsafe_b64encode(json.dumps(dict(key)).encode()).decode() if key else None


def parse_page_token(token: str | None) -> dict[str, str] | None:
    """The reverse of `page_token`.

    Raises:
        BadRequest: not a token of ours.
    """
    if not token:
        return None
    try:
        key = json.loads(base64.b64decode(token, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError) as error:
        raise BadRequest("next is not a token of this API") from error
    if not isinstance(key, dict) or set(key) != _PAGE_KEY or not all(isinstance(value, str) for value in key.values()):
        raise BadRequest("next is not a token of this API")
    return key


def as_seen_by_clients(record: Mapping[str, Any]) -> dict[str, Any]:
    """A photo's record as the API shows it."""
    thumbnail = record["thumbnail"]
    return {
        "photo_id": record["photo_id"],
        "status": record["status"],
        "width": int(record["width"]),
        "height": int(record["height"]),
        "thumbnail": {
            "key": thumbnail["key"],
            "width": int(thumbnail["width"]),
            "height": int(thumbnail["height"]),
            "url": f"/{thumbnail['key']}",
        },
        "created_at": record["created_at"],
    }
