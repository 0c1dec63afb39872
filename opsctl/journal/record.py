"""A record and the hash that ties it to the one before: a chain that shows any edit or removal inside it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

GENESIS = "0" * 64


@dataclass(frozen=True)
class Entry:
    """What one command did, before it has a place in a journal.

    Attributes:
        at: UTC time at which the command ended, ISO 8601.
        who: the caller's ARN as AWS STS gives it.
        result: "done", "failed" or "interrupted".
        details: figures and names only (plan hash, counts, versions, commit); never a variable's value.
    """

    environment: str
    command: str
    at: str
    who: str
    host: str
    result: str
    seconds: float
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Record:
    """An entry at its place: `sequence` counts from 1, `previous` is the hash of the record before (or 64 zeros)."""

    sequence: int
    previous: str
    entry: Entry
    hash: str

    def to_json(self) -> str:
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Record:
        """Raises ValueError, TypeError or KeyError when `text` is not a record."""
        document = json.loads(text)
        return cls(document["sequence"], document["previous"], Entry(**document["entry"]), document["hash"])


def chain(entry: Entry, after: Record | None) -> Record:
    """The record that puts `entry` behind `after`."""
    sequence, previous = (after.sequence + 1, after.hash) if after else (1, GENESIS)
    return Record(sequence, previous, entry, _hash(sequence, previous, entry))


def verify(records: Sequence[Record]) -> str | None:
    """The first thing that is wrong with a journal read from its start, in people's words; None when nothing is."""
    before: Record | None = None
    for record in records:
        expected = chain(record.entry, before)
        if record.sequence != expected.sequence:
            return f"record {expected.sequence} is missing"
        if record.previous != expected.previous:
            return f"record {record.sequence} does not follow the record before it"
        if record.hash != expected.hash:
            return f"record {record.sequence} was changed after it was written"
        before = record
    return None


def _hash(sequence: int, previous: str, entry: Entry) -> str:
    content = json.dumps([sequence, previous, asdict(entry)], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(content.encode()).hexdigest()
