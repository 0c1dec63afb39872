"""What was tried with a picture, and when: an Express workflow keeps no history of its own."""

from __future__ import annotations

from datetime import datetime
from typing import Any


def attempt(step: str, execution: str, now: datetime) -> dict[str, str]:
    """One entry of a record's list `attempts`. Two entries of one step and execution: the first of them failed."""
    return {"step": step, "execution": execution, "at": now.isoformat(timespec="milliseconds")}


def note_attempt(table: Any, image_id: str, entry: dict[str, str]) -> None:
    """Add an attempt to a picture's record, before anything else is done.

    Args:
        table: boto3's, of the module `images`.
    """
    table.update_item(
        Key={"image_id": image_id},
        UpdateExpression="SET attempts = list_append(if_not_exists(attempts, :none), :entry)",
        ExpressionAttributeValues={":none": [], ":entry": [entry]},
    )
