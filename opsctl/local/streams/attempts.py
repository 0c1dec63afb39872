"""What Lambda does with a batch of a stream's records that fails: goes on, halves, tries again, gives up. Pure.

Sources: Lambda developer guide, "Retain discarded batch records for a Kinesis Data Streams event source" (errors while
invoking; splitting doesn't consume the retry quota) and "Configuring partial batch response" (which answer means what).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

LARGEST_EVENT_BYTES = 6 * 1024 * 1024
"""Quota of a synchronous invocation's payload."""


@dataclass(frozen=True)
class StreamRecord:
    """A record of a shard.

    Attributes:
        sequence: its number as text; within a shard, later ones sort after earlier ones.
        key: what order holds for: partition key, or the item's key.
        created: seconds since 1970.
        event: the record as the function sees it.
        size: of that as JSON, in bytes, roughly.
    """

    sequence: str
    key: str
    created: float
    event: Mapping[str, Any] = field(default_factory=dict, compare=False)
    size: int = 0


@dataclass(frozen=True)
class Policy:
    """A mapping's settings for what fails. -1: no limit."""

    retries: int = -1
    age_seconds: float = -1
    bisect: bool = False
    reports_items: bool = False


@dataclass(frozen=True)
class Attempt:
    """Records that the function gets together, and how often just these have failed."""

    records: tuple[StreamRecord, ...]
    failures: int = 0


@dataclass(frozen=True)
class Outcome:
    """How an invocation went: so many records, from the first on, are done; or it raised, and none is."""

    done: int
    raised: bool = False


@dataclass(frozen=True)
class Step:
    """What follows: attempts, in this order, and records that are given up."""

    attempts: tuple[Attempt, ...] = ()
    given_up: tuple[StreamRecord, ...] = ()


def outcome_of(answer: Any, records: Sequence[StreamRecord], policy: Policy) -> Outcome:
    """What a function's answer says of its batch. It raised nothing."""
    reported = answer.get("batchItemFailures") if isinstance(answer, dict) and policy.reports_items else None
    if not reported:
        return Outcome(len(records))
    positions = {record.sequence: position for position, record in enumerate(records)}
    try:
        return Outcome(min(positions[item["itemIdentifier"]] for item in reported))
    except (KeyError, TypeError):
        return Outcome(0, raised=True)  # an answer that names no record of the batch is a complete failure


def after(attempt: Attempt, outcome: Outcome, policy: Policy) -> Step:
    """What follows an attempt.

    A record that is reported, and is the first of its batch, gives Lambda nothing to split at: the batch is tried again
    as it is. Only one that raised is halved.
    """
    rest = attempt.records[outcome.done :]
    if not rest:
        return Step()
    if outcome.done:
        return Step((Attempt(rest),))
    if outcome.raised and policy.bisect and len(rest) > 1:
        middle = len(rest) // 2
        return Step((Attempt(rest[:middle], attempt.failures), Attempt(rest[middle:], attempt.failures)))
    if 0 <= policy.retries <= attempt.failures:
        return Step(given_up=rest)
    return Step((Attempt(rest, attempt.failures + 1),))


def too_old(records: Sequence[StreamRecord], policy: Policy, *, now: float) -> int:
    """How many records, from the first on, are older than they may be. `now`: seconds since 1970."""
    if policy.age_seconds < 0:
        return 0
    return next(
        (position for position, record in enumerate(records) if now - record.created <= policy.age_seconds),
        len(records),
    )


def that_fit(records: Sequence[StreamRecord], most: int) -> tuple[StreamRecord, ...]:
    """The first records that fit one event, `most` at most; at least one, however large."""
    size, taken = 0, 0
    for record in records[:most]:
        size += record.size
        if taken and size > LARGEST_EVENT_BYTES:
            break
        taken += 1
    return tuple(records[:taken])
