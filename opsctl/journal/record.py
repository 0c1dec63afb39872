"""A record and the hash that ties it to the one before: a chain that shows any edit or removal inside it.

A record is stored as its canonical JSON, byte for byte: another spelling of the same record counts as an edit.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from typing import Any

GENESIS = "0" * 64
ABANDONED = "abandoned"
"""The result of a command that was killed; somebody else wrote its record."""


@dataclass(frozen=True)
class Entry:
    """What one command did, before it has a place in a journal. Any feature's: an environment's, a runbook's step.

    Attributes:
        at: UTC time at which the command ended, ISO 8601.
        who: the caller's ARN as AWS STS gives it.
        result: "done", "failed", "interrupted" or `ABANDONED`.
        details: figures and names only (plan hash, counts, versions, commit); never a variable's value.
        id: tells two entries apart that are otherwise alike; "" in records older than ids.
    """

    environment: str
    command: str
    at: str
    who: str
    host: str
    result: str
    seconds: float
    details: Mapping[str, Any] = field(default_factory=dict)
    id: str = field(default_factory=lambda: secrets.token_hex(8))

    @classmethod
    def from_document(cls, document: Any) -> Entry:
        """Fields of later versions are left out; the record's hash covers them all the same.

        Raises:
            ValueError: `document` is not an entry.
        """
        if not isinstance(document, dict):
            raise ValueError("an entry must be an object")
        kinds: dict[str, type | tuple[type, ...]] = {"seconds": (int, float), "details": dict}
        known = {"id": ""} | {f.name: document[f.name] for f in fields(cls) if f.name in document}
        missing = {f.name for f in fields(cls)} - set(known)
        wrong = {name for name, value in known.items() if not isinstance(value, kinds.get(name, str))}
        if missing or wrong:
            raise ValueError(f"{min(missing | wrong)} is missing or of a wrong type")
        return cls(**known)


@dataclass(frozen=True)
class Record:
    """An entry at its place: `sequence` counts from 1, `previous` is the hash of the record before (or 64 zeros)."""

    sequence: int
    previous: str
    entry: Entry
    hash: str

    def to_json(self) -> str:
        return canonical(asdict(self))

    @classmethod
    def from_json(cls, text: str | bytes) -> Record:
        """Raises ValueError when `text` is not a record. Whether it was edited is for `edited` to say."""
        document = parse(text)
        entry = Entry.from_document(document.get("entry"))
        sequence, previous, own = (document.get(key) for key in ("sequence", "previous", "hash"))
        if type(sequence) is not int or not isinstance(previous, str) or not isinstance(own, str):
            raise ValueError("sequence, previous or hash is missing or of a wrong type")
        return cls(sequence, previous, entry, own)


@dataclass(frozen=True)
class Head:
    """How long a journal is, and the hash of its last record. What is kept apart from the records, and what a machine
    remembers of them, are both of this shape."""

    length: int
    hash: str

    def to_json(self) -> str:
        return canonical(asdict(self))

    @classmethod
    def from_json(cls, text: str | bytes) -> Head:
        """Raises ValueError when `text` is not a head, to the byte."""
        document = parse(text)
        length, own = document.get("length"), document.get("hash")
        if type(length) is not int or length < 1 or not isinstance(own, str):
            raise ValueError("length or hash is missing or of a wrong type")
        head = cls(length, own)
        if head.to_json() != (text.decode() if isinstance(text, bytes) else text):
            raise ValueError("it is not written as opsctl writes it")
        return head


NOTHING = Head(0, GENESIS)
"""The head of a journal without a record."""


def chain(entry: Entry, after: Head) -> Record:
    """The record that puts `entry` behind the journal whose head is `after`."""
    sequence = after.length + 1
    return Record(sequence, after.hash, entry, _hash([sequence, after.hash, asdict(entry)]))


def head_of(record: Record) -> Head:
    """The head of a journal that ends with `record`."""
    return Head(record.sequence, record.hash)


def edited(text: str | bytes) -> bool:
    """Whether a readable record is not, to the byte, what its own hash was made from."""
    document = parse(text)
    try:
        own = _hash([document["sequence"], document["previous"], document["entry"]])
        kept = {key: document[key] for key in ("sequence", "previous", "entry")}
        return canonical(kept | {"hash": own}) != (text.decode() if isinstance(text, bytes) else text)
    except (KeyError, ValueError):
        return True


def moment(text: str) -> datetime | None:
    """An aware time from ISO 8601; None for anything else, which only an edited record holds."""
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        return None
    return parsed.astimezone(UTC)


def canonical(document: Any) -> str:
    """JSON with sorted keys, no spaces, ASCII only.

    Raises:
        ValueError: a figure that JSON has no word for (NaN, infinity).
    """
    return json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False)


def parse(text: str | bytes) -> dict[str, Any]:
    """Raises ValueError when `text` is not a JSON object in UTF-8."""
    try:
        document = json.loads(text.decode() if isinstance(text, bytes) else text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if not isinstance(document, dict):
        raise ValueError("it is not an object")
    return document


def _hash(content: list[Any]) -> str:
    return hashlib.sha256(canonical(content).encode()).hexdigest()
