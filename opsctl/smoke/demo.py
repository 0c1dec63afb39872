"""A photo and an order through the edge, and what becomes of them. Both stay there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

from opsctl.clock import Clock
from opsctl.errors import OpsctlError
from opsctl.smoke import jpeg, orders, photos
from opsctl.smoke.check import CheckFailed, Trial, open_trial
from opsctl.smoke.target import SmokeTarget

BUDGET_SECONDS = 60


class DemoFailed(OpsctlError):
    """Something went in and what it should lead to was not seen."""


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


@dataclass(frozen=True)
class OrderSeen:
    """An order as the service gave it back, and seconds until it was placed and until it was read."""

    order: Mapping[str, Any]
    place_seconds: float
    seconds: float


@dataclass(frozen=True)
class Demonstration:
    photo: Followed
    order: OrderSeen


def demonstrate(target: SmokeTarget, photo: bytes, *, clock: Clock | None = None) -> Demonstration:
    """Sign in, upload a JPEG and wait for all that it leads to, place an order and read it back. Both stay there.

    Raises:
        DemoFailed: an effect was not seen within a minute.
    """
    try:
        with open_trial(target, budget_seconds=BUDGET_SECONDS, clock=clock) as trial:
            return Demonstration(_follow_photo(trial, photo), _order(trial))
    except (CheckFailed, ValueError) as failure:
        raise DemoFailed(
            f"Not everything came through: {failure}.", next="opsctl smoke says which part fails."
        ) from failure


def _follow_photo(trial: Trial, photo: bytes) -> Followed:
    announcements = photos.Announcements.listen(trial)
    begun = trial.seconds
    photo_id = photos.upload(trial, photo)
    uploaded = trial.seconds
    photos.wait_until_ready(trial, photo_id)
    thumbnail = trial.get(f"/thumbnails/{photo_id}.jpg").body
    trial.until("the announcement", lambda: announcements.poll() and announcements.of(photo_id))
    record = photos.record(trial.target, photo_id)
    ended = trial.seconds
    size = jpeg.pixel_size(thumbnail)
    announced = {key: value for key, value in announcements.of(photo_id)[0].items() if key != "sent_at"}
    return Followed(photo_id, plain(record or {}), thumbnail, size, announced, uploaded - begun, ended - begun)


def _order(trial: Trial) -> OrderSeen:
    begun = trial.seconds
    order_id = orders.place(trial)["order_id"]
    placed = trial.seconds
    return OrderSeen(orders.read(trial, order_id), placed - begun, trial.seconds - begun)


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
