"""Send one photo through the edge and follow it: its thumbnail, its record, its announcement. It stays there."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

from opsctl.clock import Clock, SystemClock
from opsctl.errors import OpsctlError
from opsctl.smoke import jpeg, photos
from opsctl.smoke.check import CheckFailed, Trial
from opsctl.smoke.edge import Edge
from opsctl.smoke.target import SmokeTarget

BUDGET_SECONDS = 60


class PhotoLost(OpsctlError):
    """The photo went in and something that it should lead to was not seen."""


@dataclass(frozen=True)
class Followed:
    """What became of a photo.

    Attributes:
        record: the DynamoDB item, as plain values.
        thumbnail: the JPEG as the edge serves it, and its (width, height) in pixels.
        announcement: the SNS message.
        upload_seconds, seconds: until the API had taken it, and until all of this was seen.
    """

    photo_id: str
    record: Mapping[str, Any]
    thumbnail: bytes
    thumbnail_size: tuple[int, int]
    announcement: Mapping[str, Any]
    upload_seconds: float
    seconds: float


def sample_photo() -> bytes:
    """A real photograph (assets/README.md says whose)."""
    return (resources.files("opsctl.smoke") / "assets" / "chelsea.jpg").read_bytes()


def follow_photo(target: SmokeTarget, photo: bytes, *, clock: Clock | None = None) -> Followed:
    """Upload a JPEG and wait for all that it leads to. Only the queue that listens for the announcement is removed.

    Raises:
        PhotoLost: an effect was not seen within a minute.
    """
    clock = clock or SystemClock()
    trial = Trial(target, Edge(target.base_url, target.host), clock, BUDGET_SECONDS, threading.Event())
    try:
        announcements = photos.Announcements.listen(trial)
        begun = trial.seconds
        photo_id = photos.upload(trial, photo)
        uploaded = trial.seconds
        photos.wait_until_ready(trial, photo_id)
        thumbnail = trial.get(f"/thumbnails/{photo_id}.jpg").body
        trial.until("the announcement", lambda: announcements.poll() and announcements.of(photo_id))
        record = photos.record(target, photo_id)
        ended = trial.seconds
        size = jpeg.pixel_size(thumbnail)
    except (CheckFailed, ValueError) as failure:
        raise PhotoLost(
            f"The photo did not come through: {failure}.", next="opsctl smoke says which part fails."
        ) from failure
    finally:
        trial.clean_up()
    announced = {key: value for key, value in announcements.of(photo_id)[0].items() if key != "sent_at"}
    return Followed(photo_id, plain(record or {}), thumbnail, size, announced, uploaded - begun, ended - begun)


def plain(item: Mapping[str, Any]) -> dict[str, Any]:
    """A DynamoDB item without its type words. Source: DynamoDB API reference, AttributeValue."""

    def value(typed: Mapping[str, Any]) -> Any:
        [(kind, content)] = typed.items()
        if kind == "M":
            return plain(content)
        if kind == "L":
            return [value(element) for element in content]
        if kind == "N":
            return float(content) if "." in content else int(content)
        return None if kind == "NULL" else content

    return {name: value(typed) for name, typed in item.items()}
