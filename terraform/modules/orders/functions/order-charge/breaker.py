"""A circuit breaker as a value: who may call, and what a result changes. No AWS and no clock here.

    closed ── N failures in a row ──▶ open ── cool-down over ──▶ half-open ── the one probe succeeds ──▶ closed
                                       ▲                             │
                                       └──────── the probe fails ────┘

All workers share one breaker, so every change is a new value that replaces the one it was made from, or is thrown
away because somebody was faster (compare and swap, in store.py).
(Nygard, Release It!; Azure architecture centre, "Circuit Breaker pattern".)
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum


class State(Enum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


@dataclass(frozen=True)
class Settings:
    """
    Attributes:
        failures: in a row, that open it.
        cool_down_ms: how long it stays open.
        probe_ms: how long one probe may take; after that its worker is taken for dead, and another may probe.
    """

    failures: int
    cool_down_ms: int
    probe_ms: int


@dataclass(frozen=True)
class Breaker:
    """
    Attributes:
        failures: in a row, while it is closed.
        since_ms: when it came into this state (Unix time).
        generation: how many times it changed its state. Results of calls of an earlier one count for nothing.
    """

    state: State = State.CLOSED
    failures: int = 0
    since_ms: int = 0
    generation: int = 0

    def turned(self, state: State, now_ms: int) -> Breaker:
        return Breaker(state, 0, now_ms, self.generation + 1)


def admit(breaker: Breaker, now_ms: int, settings: Settings) -> tuple[bool, Breaker]:
    """Whether a call may be made now, and the breaker that must be in place for it.

    When that is another than the given one, the caller is the probe, provided that it can put it in place.
    """
    waited = now_ms - breaker.since_ms
    match breaker.state:
        case State.CLOSED:
            return True, breaker
        case State.OPEN if waited < settings.cool_down_ms:
            return False, breaker
        case State.HALF_OPEN if waited < settings.probe_ms:
            return False, breaker
    return True, breaker.turned(State.HALF_OPEN, now_ms)


def after(breaker: Breaker, generation: int, *, succeeded: bool, now_ms: int, settings: Settings) -> Breaker:
    """The breaker once the result of a call is known that was admitted in `generation`."""
    if generation != breaker.generation:
        return breaker
    if breaker.state is State.HALF_OPEN:
        return breaker.turned(State.CLOSED if succeeded else State.OPEN, now_ms)
    if succeeded:
        return replace(breaker, failures=0)
    failures = breaker.failures + 1
    return breaker.turned(State.OPEN, now_ms) if failures >= settings.failures else replace(breaker, failures=failures)
