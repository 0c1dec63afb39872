"""The journal of one environment in an object store: one object per record, and its head apart from them.

Order of writes: nobody writes record n + 1 before the head knows record n. A command that dies between its record and
the head leaves the head one behind, which the next one mends; more than one behind is nobody's accident.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

from opsctl.errors import OpsctlError
from opsctl.journal.bounds import Mask, bounded
from opsctl.journal.outbox import Outbox
from opsctl.journal.record import (
    ABANDONED,
    NOTHING,
    Entry,
    Head,
    Record,
    canonical,
    chain,
    edited,
    head_of,
    moment,
    parse,
)
from opsctl.journal.verification import NAME, Verdict, file_name, verify
from opsctl.journal.witness import Witness

ATTEMPTS = 1000
"""Each one lost means that somebody else wrote; or that a journal without a head is walked from its start."""
PAGE = 32
"""Records read side by side, `Aws.map` lets 8 of them at once go out: 100 records take about a second on AWS."""
RETRIES = 5
"""How often a verification that somebody writes into begins again."""

CLOCKS_DIFFER = timedelta(hours=1)

Parallel = Callable[[Callable[[Any], Any], list[Any]], Iterable[Any]]


class ObjectStore(Protocol):
    """What the journal needs of a bucket."""

    def create(self, key: str, body: bytes) -> bool:
        """Write an object that must not exist yet; False when it does."""
        ...

    def replace(self, key: str, body: bytes, etag: str | None) -> str | None:
        """Write over the version `etag` (None: over nothing); None when another one is there."""
        ...

    def remove(self, key: str) -> object: ...
    def read_tagged(self, key: str) -> tuple[bytes, str] | None: ...
    def read(self, key: str) -> bytes | None: ...
    def keys(self, prefix: str) -> Iterator[str]: ...


class CorruptJournal(OpsctlError):
    """A record or the head can't be read, or does not follow what is before it."""


class NotRecorded(OpsctlError):
    """The change is done, and there is no record of it: neither the journal nor the disk took one."""


@dataclass(frozen=True)
class Begun:
    """A command that said that it begins, and has no record yet: it is at work, or was killed.

    Attributes:
        under_lock: it works under the environment's lock.
    """

    entry: Entry
    under_lock: bool


@dataclass(frozen=True)
class Unreadable:
    """The place of a record that is gone or is none any more."""

    sequence: int


class Journal:
    """Append-only records under `<environment>/journal/`, their head at `heads/<environment>.json`, and what has begun
    under `begun/<environment>/`.

    Args:
        witness: what this machine remembers of the journal; None remembers nothing.
        outbox: where entries wait when the journal can't be written.
        mask: takes known secrets out of a text, before it is stored.
        parallel: maps a function over keys, in order; reads go through it.
    """

    def __init__(
        self, store: ObjectStore, environment: str, *, witness: Witness | None = None, outbox: Outbox | None = None,
        mask: Mask = lambda text: text, parallel: Parallel = map,
    ) -> None:  # fmt: skip
        self.environment, self.witness, self.outbox = environment, witness, outbox
        self._store, self._mask, self._parallel = store, mask, parallel
        self._prefix, self._head_key = f"{environment}/journal/", f"heads/{environment}.json"
        self._begun = f"begun/{environment}/"

    # Writing

    def begin(self, entry: Entry, *, under_lock: bool) -> None:
        """Say that a command begins; `record` with the same id takes it back."""
        kept = {"entry": asdict(bounded(entry, self._mask)), "under_lock": under_lock}
        self._store.create(f"{self._begun}{entry.id}.json", canonical(kept).encode())

    def forget(self, begun: Begun) -> None:
        """Take back that a command began: its record is there."""
        self._store.remove(f"{self._begun}{begun.entry.id}.json")

    def begun(self) -> list[Begun]:
        """What began and has no record, in no order. What can't be read is left out, and where it is."""
        found = []
        for key in self._store.keys(self._begun):
            with contextlib.suppress(ValueError):
                document = parse(self._store.read(key) or b"")
                found.append(Begun(Entry.from_document(document.get("entry")), document.get("under_lock") is True))
        return found

    def record(self, entry: Entry) -> Path | None:
        """Append what waits and then `entry`, or have it wait for the next command: nothing is lost.

        The entry is on this machine's disk before the journal is asked, so that a death in between loses nothing.

        Returns:
            None when it is in the journal, else the file in which it waits.

        Raises:
            NotRecorded: the journal can't be written, and the disk can't either.
        """
        entry, file = bounded(entry, self._mask), None
        with contextlib.suppress(OSError, OpsctlError):
            file = self.outbox.put(entry) if self.outbox else None
        try:
            self._flush(entry)
            if file is None:
                self.append(entry)
                self._store.remove(f"{self._begun}{entry.id}.json")
        except OpsctlError as error:
            if file is None:
                raise NotRecorded(
                    f"{entry.command} of {self.environment} is {entry.result}, and no record of it could be written.",
                    where=f"{error.what} {error.where}".strip(),
                    next=f"Keep this yourself: {entry.command} {entry.result} at {entry.at} by {entry.who}.",
                ) from error
        return file if file and file.exists() else None

    def append(self, entry: Entry) -> Record:
        """Write `entry` behind the last record. Three requests however long the journal is, and without a rival.

        Raises:
            CorruptJournal: the head can't be read, or what is behind it is not a record that follows it.
        """
        entry = bounded(entry, self._mask)
        for _ in range(ATTEMPTS):
            tagged = self._store.read_tagged(self._head_key)
            head = self._parsed_head(tagged)
            record = chain(entry, head)
            if not self._store.create(self._key(record.sequence), record.to_json().encode()):
                there = self._follower(head)
                if there is None:
                    continue
                if there.hash != record.hash:  # ours, when the answer to our first try was lost
                    self._note(there, tagged)
                    continue
            with contextlib.suppress(OpsctlError):  # the record is written; the next command mends the head
                self._note(record, tagged)
                self._remember(head, record)
            return record
        raise CorruptJournal(
            f"The journal of {self.environment} did not stand still for {ATTEMPTS} tries.", where=self._head_key
        )

    def flush(self) -> None:
        """Append what waits on this machine. What can't be appended goes on waiting."""
        with contextlib.suppress(OpsctlError):
            self._flush(None)

    def _flush(self, own: Entry | None) -> None:
        """Append what waits, each once: a process may have died between appending an entry and removing its file."""
        if self.outbox is None:
            return
        with self.outbox.held():
            waiting = self.outbox.waiting()
            fresh = own is not None and [entry.id for _, entry in waiting] == [own.id]
            for file, entry in sorted(waiting, key=lambda one: own is not None and one[1].id == own.id):  # ours is last
                there = None if fresh else self.find(entry.id, entry.at)
                if there is None:
                    self.append(entry)
                elif there.entry.result == ABANDONED != entry.result:
                    # Others thought it dead, and recorded it as such, while its record waited here.
                    self.append(replace(entry, details=dict(entry.details) | {"corrects": there.sequence}))
                self._store.remove(f"{self._begun}{entry.id}.json")
                file.unlink(missing_ok=True)

    def _follower(self, head: Head) -> Record | None:
        """The record behind `head`, which somebody wrote and did not note yet; None when it is not there."""
        key = self._key(head.length + 1)
        body = self._store.read(key)
        if body is None:
            return None
        record = self._parsed(key, body)
        if (record.sequence, record.previous, record.entry.environment) != (
            head.length + 1, head.hash, self.environment
        ) or edited(body):  # fmt: skip
            raise CorruptJournal(
                f"Record {head.length + 1} of {self.environment}'s journal does not follow the one before it.",
                where=key, next=f"opsctl history {self.environment} --verify",
            )  # fmt: skip
        return record

    def _note(self, record: Record, tagged: tuple[bytes, str] | None) -> None:
        """Move the head to `record`; it never goes back."""
        body = head_of(record).to_json().encode()
        while self._store.replace(self._head_key, body, tagged and tagged[1]) is None:
            tagged = self._store.read_tagged(self._head_key)
            if self._parsed_head(tagged).length >= record.sequence:
                return

    def _remember(self, before: Head, record: Record) -> None:
        """Move this machine's memory on, unless what it remembers is not what the journal has there now."""
        if self.witness is None:
            return
        seen = self.witness.seen()
        if seen and seen.head != before:
            body = self._store.read(self._key(seen.head.length)) if seen.head.length <= before.length else None
            with contextlib.suppress(CorruptJournal):
                if body is None or head_of(self._parsed("", body)) != seen.head:
                    return
        self.witness.note(head_of(record), record.entry.at)

    # Reading

    def last(self) -> Record | None:
        """Four reads at most, however long the journal is.

        Raises:
            CorruptJournal: the last record can't be read.
        """
        found = next(self.newest(1), None)
        if isinstance(found, Unreadable):
            raise CorruptJournal(
                f"Record {found.sequence} of {self.environment}'s journal can't be read.",
                where=self._key(found.sequence), next=f"opsctl history {self.environment} --verify",
            )  # fmt: skip
        return found

    def newest(self, page: int = PAGE) -> Iterator[Record | Unreadable]:
        """From the last record back to the first, read `page` at a time and side by side: one request each, and up
        to three for the end. A record that is gone or broken keeps its place."""
        numbers = self._numbers()
        for number, body in self._bodies(numbers, page):
            try:
                yield Record.from_json(body or b"")
            except ValueError:
                yield Unreadable(number)

    def find(self, id: str, since: str) -> Record | None:
        """The record of the entry `id`, which is not older than `since` (UTC, ISO 8601); looked for from the last one
        back. Clocks of two machines may differ by an hour."""
        earliest = moment(since)
        for found in self.newest():
            if not isinstance(found, Record):
                continue
            if found.entry.id == id:
                return found
            at = moment(found.entry.at)
            if at and earliest and at < earliest - CLOCKS_DIFFER:
                return None
        return None

    def records(self) -> list[Record]:
        """All records, oldest first.

        Raises:
            CorruptJournal: one of them can't be read.
        """
        keys = sorted(self._store.keys(self._prefix))
        bodies = self._parallel(self._store.read, keys)
        return [self._parsed(key, body or b"") for key, body in zip(keys, bodies, strict=True)]

    def verify(self, at: str) -> Verdict:
        """Read everything and judge it; a whole journal is what this machine remembers from then on.

        Costs a listing, one read per record and two of the head.

        Args:
            at: UTC time for this machine's memory, ISO 8601.
        """
        for _ in range(RETRIES):
            # In this order: what is remembered or noted was there before it was.
            seen = self.witness.seen() if self.witness else None
            head = self._store.read(self._head_key)
            keys = sorted(self._store.keys(self._prefix))
            bodies = self._parallel(self._store.read, keys)
            objects = {
                key.removeprefix(self._prefix): body for key, body in zip(keys, bodies, strict=True) if body is not None
            }
            if self._store.read(self._head_key) == head:
                break
        verdict = verify(self.environment, objects, head, seen)
        if verdict.whole and verdict.head and self.witness:
            self.witness.note(verdict.head, at)
        return verdict

    def _bodies(self, numbers: Sequence[int], page: int) -> Iterator[tuple[int, bytes | None]]:
        for begin in range(0, len(numbers), page):
            some = list(numbers[begin : begin + page])
            yield from zip(some, self._parallel(self._store.read, list(map(self._key, some))), strict=True)

    def _numbers(self) -> Sequence[int]:
        """Places of the records, the last first. The head says how many, unless it is gone or can't be right."""
        try:
            head = self._parsed_head(self._store.read_tagged(self._head_key))
        except CorruptJournal:
            head = NOTHING
        for last in (head.length + 1, head.length):
            if last and self._store.read(self._key(last)) is not None and head != NOTHING:
                return range(last, 0, -1)
        names = (NAME.fullmatch(key.removeprefix(self._prefix)) for key in self._store.keys(self._prefix))
        return sorted({head.length, *(int(name[1]) for name in names if name)} - {0}, reverse=True)

    def _key(self, sequence: int) -> str:
        return self._prefix + file_name(sequence)

    def _parsed(self, key: str, body: bytes) -> Record:
        try:
            return Record.from_json(body)
        except ValueError as error:
            raise CorruptJournal(
                f"A record of {self.environment}'s journal can't be read.", where=key,
                next="Restore that object from its earlier version in the state bucket; nothing else was changed.",
            ) from error  # fmt: skip

    def _parsed_head(self, tagged: tuple[bytes, str] | None) -> Head:
        try:
            return Head.from_json(tagged[0]) if tagged else NOTHING
        except ValueError as error:
            raise CorruptJournal(
                f"The head of {self.environment}'s journal can't be read.", where=self._head_key,
                next="Restore that object from its earlier version in the state bucket; nothing else was changed.",
            ) from error  # fmt: skip
