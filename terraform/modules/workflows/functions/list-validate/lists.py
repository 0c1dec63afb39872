"""What a list is, and what is wrong with one. No AWS here.

A list is a JSON array of 1 to 10,000 objects, at most 1 MiB of UTF-8:

    {"sku": "print-20x30", "title": "Print 20 x 30", "price_cents": 1250}

`sku` is unique in the list; other fields are let through.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

LARGEST_BYTES = 1024 * 1024
MOST_ENTRIES = 10_000
LONGEST_TITLE = 200
HIGHEST_PRICE_CENTS = 100_000_000

_KEY = re.compile(r"lists/incoming/([A-Za-z0-9][A-Za-z0-9._-]{0,99})\.json")

# What each field must be, and the words for it.
FIELDS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "sku": (
        lambda value: isinstance(value, str) and re.fullmatch(r"[a-z0-9][a-z0-9-]{1,39}", value) is not None,
        "must be 2 to 40 lower-case letters, digits and hyphens",
    ),
    "title": (
        lambda value: isinstance(value, str) and 1 <= len(value.strip()) <= LONGEST_TITLE,
        f"must be a text of 1 to {LONGEST_TITLE} characters",
    ),
    "price_cents": (
        lambda value: type(value) is int and 0 <= value <= HIGHEST_PRICE_CENTS,
        f"must be a whole number of cents, 0 to {HIGHEST_PRICE_CENTS}",
    ),
}


class InvalidList(Exception):
    """The list is wrong, and will be. The message is JSON, for the state machine: {reason, index and field if known}.

    Attributes:
        index: of the first wrong entry, from 0; None when it is about the whole list.
        field: of that entry.
    """

    def __init__(self, reason: str, index: int | None = None, field: str | None = None) -> None:
        found = {"index": index, "field": field, "reason": reason}
        self.problem = {name: value for name, value in found.items() if value is not None}
        super().__init__(json.dumps(self.problem))


def list_id_in(key: str) -> str:
    """The list's id: its file name.

    Raises:
        InvalidList: no key of a list.
    """
    found = _KEY.fullmatch(key)
    if not found:
        raise InvalidList("the key must be lists/incoming/<id>.json, the id 1 to 100 letters, digits, dots and hyphens")
    return found[1]


def check_size(size_bytes: int) -> None:
    """Before anything is read.

    Raises:
        InvalidList: empty, or larger than LARGEST_BYTES.
    """
    if not 0 < size_bytes <= LARGEST_BYTES:
        raise InvalidList(f"the file has {size_bytes} bytes; it must have 1 to {LARGEST_BYTES}")


def parse(content: bytes) -> list[dict[str, Any]]:
    """The entries of a list.

    Raises:
        InvalidList: with the first entry that is wrong.
    """
    try:
        entries = json.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise InvalidList(f"no JSON: {error}"[:300]) from error
    if not isinstance(entries, list):
        raise InvalidList("must be a JSON array")
    if not 1 <= len(entries) <= MOST_ENTRIES:
        raise InvalidList(f"{len(entries)} entries; there must be 1 to {MOST_ENTRIES}")
    first: dict[str, int] = {}
    for index, entry in enumerate(entries):
        if not isinstance(entry, dict):
            raise InvalidList("must be a JSON object", index)
        for field, (is_right, words) in FIELDS.items():
            if field not in entry:
                raise InvalidList("is missing", index, field)
            if not is_right(entry[field]):
                raise InvalidList(words, index, field)
        if (seen := first.setdefault(entry["sku"], index)) != index:
            raise InvalidList(f"is that of entry {seen}, too", index, "sku")
    return entries
