"""What is to be done about a connection. No AWS here."""

from __future__ import annotations

from enum import Enum
from typing import Protocol

SETTLING_SECONDS = 30
"""A connection that is younger may be in its $connect still: API Gateway doesn't know it yet."""


class Duty(Enum):
    NOTHING = "nothing"
    ASK = "ask"
    HANG_UP = "hang up"


class Aged(Protocol):
    @property
    def connected_at(self) -> int: ...
    @property
    def expires_at(self) -> int: ...


def duty(connection: Aged, *, now: float) -> Duty:
    """Hang up once the token has expired, ask API Gateway about the others. `now`: epoch seconds."""
    if connection.expires_at <= now:
        return Duty.HANG_UP
    return Duty.ASK if connection.connected_at + SETTLING_SECONDS <= now else Duty.NOTHING
