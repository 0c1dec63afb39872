"""Whose an image is: one execution's, whatever is delivered twice. No AWS here."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

# An Express workflow ends after five minutes at the latest: what was claimed before that is nobody's.
LONGEST_EXECUTION = timedelta(minutes=5)

# The record may be claimed if there is none, if it is ours (a second attempt), if the request is a later one than that
# which it is about (a new upload of the key, or a redrive), or if whoever claimed it has ended without a result.
CONDITION = (
    "attribute_not_exists(image_id) OR #execution = :execution OR sequencer < :sequencer OR redrives < :redrives"
    " OR (#status = :processing AND claimed_at < :dead)"
)
PROCESSING = "processing"


def claim(request: dict[str, Any], execution: str, now: datetime) -> dict[str, Any]:
    """The values of a claim, by their names in CONDITION and in the record."""
    return {
        ":processing": PROCESSING,
        ":execution": execution,
        ":sequencer": request["sequencer"],
        ":redrives": request["redrives"],
        ":now": int(now.timestamp()),
        ":dead": int((now - LONGEST_EXECUTION).timestamp()),
    }


def outcome_without_claim(status: str) -> str:
    """What a request is that could not claim: `duplicate` of one that is done, or `in_other_hands`."""
    return "in_other_hands" if status == PROCESSING else "duplicate"
