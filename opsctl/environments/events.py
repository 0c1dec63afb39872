"""What `up`, `down` and `plan` tell their listener, beside the events of Terraform and of the local cloud."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Listener = Callable[[object], None]


@dataclass(frozen=True)
class StageStarted:
    """A stage has begun: `title` is what a person reads."""

    title: str


@dataclass(frozen=True)
class StageFinished:
    """It ended well, after `seconds`; `result` adds what came out, if there is more to say."""

    title: str
    seconds: float
    result: str = ""


@dataclass(frozen=True)
class Notice:
    """Something that a person should know and need not act on."""

    text: str


def ignore(event: object) -> None:
    """A listener for callers that want only the result."""
