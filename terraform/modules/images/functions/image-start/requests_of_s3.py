"""From an object that arrived to a request to process it. No AWS here."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote_plus

PREFIX = "incoming/"


def request_of(record: dict[str, Any], correlation_id: str) -> dict[str, Any]:
    """One record of an S3 event as the state machine takes it.

    Args:
        record: its key is URL-encoded, and begins with incoming/ (the notification's filter).

    Returns:
        image_id: images/<the key after incoming/>, also where the outputs go.
        sequencer: orders the events of one key: a later upload has a greater one, a second delivery the same
            (S3 user guide, "Event message structure"; of different lengths, the shorter is filled up with zeros on its
            right, so both get 32 digits).
        redrives: how often it was taken out of the dead-letter queue: 0.
    """
    stored = record["s3"]["object"]
    key = unquote_plus(stored["key"])
    return {
        "origin": "images",
        "image_id": f"images/{key.removeprefix(PREFIX)}",
        "bucket": record["s3"]["bucket"]["name"],
        "key": key,
        "correlation_id": correlation_id,
        "sequencer": str(stored.get("sequencer", "")).ljust(32, "0"),
        "redrives": 0,
    }
