"""The journal of one environment in an object store, one object per record, in the order of their keys."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from opsctl.errors import OpsctlError
from opsctl.journal.record import Entry, Record, chain


class ObjectStore(Protocol):
    """What the journal needs of a bucket."""

    def create(self, key: str, body: bytes) -> bool:
        """Write an object that must not exist yet; False when it does."""
        ...

    def read(self, key: str) -> bytes | None: ...
    def keys(self, prefix: str) -> Iterator[str]: ...


class CorruptJournal(OpsctlError):
    """A record can't be read."""


class Journal:
    """Append-only records under `<environment>/journal/`. Two writers at once each get a place of their own."""

    def __init__(self, store: ObjectStore, environment: str) -> None:
        self._store, self._prefix = store, f"{environment}/journal/"

    def append(self, entry: Entry) -> Record:
        """Write `entry` behind the last record. Costs one listing and, without a rival, one read and one write.

        Raises:
            CorruptJournal: the last record can't be read.
        """
        while True:
            record = chain(entry, self.last())
            if self._store.create(self._key(record.sequence), record.to_json().encode()):
                return record

    def last(self) -> Record | None:
        key = max(self._store.keys(self._prefix), default=None)
        return self._read(key) if key else None

    def records(self) -> list[Record]:
        """All records, oldest first."""
        return [self._read(key) for key in sorted(self._store.keys(self._prefix))]

    def _key(self, sequence: int) -> str:
        return f"{self._prefix}{sequence:08d}.json"

    def _read(self, key: str) -> Record:
        try:
            return Record.from_json((self._store.read(key) or b"").decode())
        except (ValueError, TypeError, KeyError) as error:
            raise CorruptJournal(
                f"A record of the journal can't be read ({type(error).__name__}).",
                where=key,
                next="Restore that object from its earlier version in the state bucket; nothing else was changed.",
            ) from error
