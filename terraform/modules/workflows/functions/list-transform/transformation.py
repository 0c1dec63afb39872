"""What a list becomes. No AWS here."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any


def transform(list_id: str, entries: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The catalogue of a checked list: entries by sku, titles without stray white space, prices as text, a summary."""
    ordered = sorted(entries, key=lambda entry: entry["sku"])
    prices = [entry["price_cents"] for entry in ordered]
    return {
        "list_id": list_id,
        "entries": [
            {
                "sku": entry["sku"],
                "title": " ".join(entry["title"].split()),
                "price_cents": entry["price_cents"],
                "price": f"{entry['price_cents'] // 100}.{entry['price_cents'] % 100:02d}",
            }
            for entry in ordered
        ],
        "summary": {
            "count": len(prices),
            "total_cents": sum(prices),
            "lowest_cents": min(prices),
            "highest_cents": max(prices),
        },
    }


def to_bytes(result: Mapping[str, Any]) -> bytes:
    """Always the same bytes for the same result, so that doing it twice changes nothing."""
    return json.dumps(result, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
