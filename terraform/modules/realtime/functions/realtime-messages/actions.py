"""What clients may ask for: the body of a message, checked. No AWS here.

A message is a JSON object with `action`, and `id` if its sender wants to find the answer by it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

PHOTOS = "photos"
"""Announcements of photos: everybody may listen, nobody may send."""
ROOM = re.compile(r"room-[a-z0-9-]{1,40}")
LONGEST_MESSAGE = 4096
LONGEST_ID = 64


class BadMessage(Exception):
    """It can't be done. `code` is for programs, the message for people: it repeats no more than the action."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True)
class Ping:
    """Answered with `pong`."""


@dataclass(frozen=True)
class Subscribe:
    topic: str


@dataclass(frozen=True)
class Unsubscribe:
    topic: str


@dataclass(frozen=True)
class Send:
    """A message (at most 4,096 characters) for all subscribers of a room but its sender."""

    topic: str
    message: str


Command = Ping | Subscribe | Unsubscribe | Send


def read(body: str) -> Command:
    """The command in a message's body.

    Raises:
        BadMessage: codes not_json, unknown_action, bad_topic, bad_message.
    """
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        message = None
    if not isinstance(message, dict):
        raise BadMessage("not_json", "A message must be a JSON object with an action.")
    action = message.get("action")
    if not isinstance(action, str) or action not in READERS:
        shown = f"There is no action {action[:40]!r}" if isinstance(action, str) else "There is no action in it"
        raise BadMessage("unknown_action", f"{shown}; there are {', '.join(sorted(READERS))}.")
    return READERS[action](message)


def id_of(body: str) -> str:
    """The `id` that the sender gave, "" if there is none of use."""
    try:
        given = json.loads(body).get("id")
    except (ValueError, AttributeError, RecursionError):
        return ""
    return given if isinstance(given, str) and len(given) <= LONGEST_ID else ""


def _topic(message: Mapping[str, Any]) -> str:
    topic = message.get("topic")
    if not isinstance(topic, str) or not (topic == PHOTOS or ROOM.fullmatch(topic)):
        raise BadMessage("bad_topic", f"topic must be {PHOTOS}, or room- and 1 to 40 of a-z, 0-9 and -.")
    return topic


def _send(message: Mapping[str, Any]) -> Send:
    topic, text = _topic(message), message.get("message")
    if topic == PHOTOS:
        raise BadMessage("bad_topic", f"Nobody can send to {PHOTOS}.")
    if not isinstance(text, str) or not 0 < len(text) <= LONGEST_MESSAGE:
        raise BadMessage("bad_message", f"message must be a text of 1 to {LONGEST_MESSAGE} characters.")
    return Send(topic, text)


READERS: Mapping[str, Callable[[Mapping[str, Any]], Command]] = {
    "ping": lambda _: Ping(),
    "subscribe": lambda message: Subscribe(_topic(message)),
    "unsubscribe": lambda message: Unsubscribe(_topic(message)),
    "send": _send,
}
