"""What is announced, as subscribers get it. No AWS here."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


class NotAnAnnouncement(ValueError):
    """Nothing that subscribers know. It ends in the failure queue with this as its reason."""


@dataclass(frozen=True)
class Announcement:
    """One announcement. `id` is the same however often it is delivered; clients may look at it."""

    id: str
    topic: str
    content: dict[str, Any]

    def message(self) -> dict[str, Any]:
        return {"type": "announcement", "topic": self.topic, "id": self.id, **self.content}


def read(message: str) -> Announcement:
    """The announcement in an SNS message.

    Raises:
        NotAnAnnouncement
    """
    try:
        said = json.loads(message)
    except ValueError:
        said = None
    if not isinstance(said, dict) or said.get("event") != "photo.ready" or not isinstance(said.get("photo_id"), str):
        raise NotAnAnnouncement("not a photo.ready with a photo_id")
    photo = {name: said[name] for name in ("photo_id", "thumbnail_key", "width", "height") if name in said}
    return Announcement(f"photo.ready/{said['photo_id']}", "photos", {"photo": photo})
