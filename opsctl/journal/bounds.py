"""An entry cut to what a journal may hold: figures and names, no secret that is known, and not more than a page.

A record is never refused for what it says: that something was done must not be lost because of how it was told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any

from opsctl.journal.record import Entry, canonical
from opsctl.terraform.masking import MASK, SECRET_NAMES

RECORD_BYTES = 16_384
"""Our choice: some 100 addresses with their actions; a history of 1,000 records stays under 16 MB."""
LIMITS = ((500, 50), (200, 20), (60, 5))
"""(characters of a text, items of a list or table), tried one after the other until the record is small enough."""
DEPTH = 5
MORE = "…"

Mask = Callable[[str], str]


def bounded(entry: Entry, mask: Mask) -> Entry:
    """`entry` as it is stored: `mask` over every text, long texts and lists cut, and what is no JSON as text."""
    smallest = entry
    for text, items in LIMITS:
        smallest = replace(
            entry,
            **{name: _text(getattr(entry, name), mask, text) for name in ("command", "who", "host")},
            seconds=_plain(entry.seconds, mask, text, items, DEPTH),
            details=_plain(entry.details, mask, text, items, DEPTH),
        )
        if len(canonical(asdict(smallest))) <= RECORD_BYTES:
            return smallest
    return replace(smallest, details={MORE: "too large to be kept"})


def _plain(value: Any, mask: Mask, text: int, items: int, depth: int) -> Any:
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if abs(value) < float("inf") else str(value)  # NaN, too: it compares with nothing
    if depth and isinstance(value, Mapping):
        kept = {
            _text(str(key), mask, text): MASK
            if SECRET_NAMES.search(str(key)) and isinstance(inner, str) and inner
            else _plain(inner, mask, text, items, depth - 1)
            for key, inner in list(value.items())[:items]
        }
        return kept | ({MORE: f"and {len(value) - items} more"} if len(value) > items else {})
    if depth and isinstance(value, list | tuple | set | frozenset):
        members = sorted(value, key=str) if isinstance(value, set | frozenset) else list(value)
        kept_members = [_plain(member, mask, text, items, depth - 1) for member in members[:items]]
        return kept_members + ([f"and {len(members) - items} more"] if len(members) > items else [])
    return _text(str(value), mask, text)


def _text(value: str, mask: Mask, limit: int) -> str:
    # Masked before it is cut: half a secret is not found any more.
    masked = mask(value).encode(errors="replace").decode()
    return masked if len(masked) <= limit else masked[: limit - 1] + MORE
