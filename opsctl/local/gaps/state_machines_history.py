"""What an execution did, event by event, as GetExecutionHistory and the logs tell it.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_HistoryEvent.html and
https://docs.aws.amazon.com/step-functions/latest/dg/cloudwatch-log-level.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

Listener = Callable[[Mapping[str, Any], Mapping[str, Any]], None]

# Which events a log level lets through; ALL has every one, OFF none.
FATAL = frozenset({"ExecutionAborted", "ExecutionFailed", "ExecutionTimedOut"})
ERROR_ENDINGS = ("Failed", "Aborted", "TimedOut")


def is_logged(level: str, event_type: str) -> bool:
    """Whether an event is written at a log level."""
    if level == "ERROR":
        return event_type == "FailStateEntered" or event_type.endswith(ERROR_ENDINGS)
    return level == "ALL" or (level == "FATAL" and event_type in FATAL)


def details_name(event_type: str) -> str:
    """The field of an event that holds its details."""
    for ending in ("StateEntered", "StateExited"):
        if event_type.endswith(ending):
            return f"s{ending[1:]}EventDetails"
    return f"{event_type[0].lower()}{event_type[1:]}EventDetails"


class Trail:
    """One line of events: the execution's own, or that of a branch, which goes on from where it left the other."""

    def __init__(self, events: list[dict[str, Any]], listener: Listener, last: int = 0) -> None:
        self._events, self._listener, self.last = events, listener, last

    def branch(self) -> Trail:
        return Trail(self._events, self._listener, self.last)

    def add(self, event_type: str, details: Mapping[str, Any] | None = None) -> None:
        event: dict[str, Any] = {
            "id": len(self._events) + 1,
            "previousEventId": self.last,
            "type": event_type,
            "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        }
        if details is not None:
            event[details_name(event_type)] = dict(details)
        self._events.append(event)
        self.last = event["id"]
        self._listener(event, details or {})
