"""The journal: a chain in which any edit or removal shows, and in which two writers never share a place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsctl.journal import Entry, Journal, Record, chain, verify
from opsctl.journal.store import CorruptJournal


def entry(command: str = "up") -> Entry:
    return Entry(
        "local", command, "2026-11-21T12:00:00+00:00", "arn:aws:iam::1:user/ada", "host", "done", 1.5, {"n": 1}
    )


def journal_of(length: int) -> list[Record]:
    records: list[Record] = []
    for number in range(length):
        records.append(chain(entry(f"command {number}"), records[-1] if records else None))
    return records


class Shelf:
    """An object store in memory."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.before_create = lambda: None

    def create(self, key: str, body: bytes) -> bool:
        self.before_create()
        return self.objects.setdefault(key, body) is body

    def read(self, key: str) -> bytes | None:
        return self.objects.get(key)

    def keys(self, prefix: str) -> Iterator[str]:
        return iter([key for key in self.objects if key.startswith(prefix)])


def test_a_record_comes_back_as_it_was_written() -> None:
    shelf = Shelf()
    written = [Journal(shelf, "local").append(entry(name)) for name in ("up", "deploy", "down")]
    assert Journal(shelf, "local").records() == written
    assert Journal(shelf, "local").last() == written[-1]
    assert verify(written) is None


def test_environments_do_not_see_each_other_s_records() -> None:
    shelf = Shelf()
    Journal(shelf, "dev").append(entry())
    assert Journal(shelf, "prod").last() is None


def test_a_rival_who_took_the_place_first_keeps_it_and_we_take_the_next() -> None:
    shelf = Shelf()
    journal = Journal(shelf, "local")

    def rival() -> None:
        shelf.before_create = lambda: None
        Journal(shelf, "local").append(entry("rival"))

    shelf.before_create = rival
    mine = journal.append(entry("mine"))
    assert [record.entry.command for record in journal.records()] == ["rival", "mine"]
    assert (mine.sequence, verify(journal.records())) == (2, None)


@given(st.integers(2, 8), st.data())
def test_an_edited_record_is_found(length: int, data: st.DataObject) -> None:
    records = journal_of(length)
    place = data.draw(st.integers(0, length - 1))
    records[place] = replace(records[place], entry=replace(records[place].entry, who="somebody else"))
    assert verify(records) == f"record {place + 1} was changed after it was written"


@given(st.integers(2, 8), st.data())
def test_a_record_taken_out_is_found(length: int, data: st.DataObject) -> None:
    records = journal_of(length)
    place = data.draw(st.integers(0, length - 2))
    del records[place]
    assert verify(records) == f"record {place + 1} is missing"


def test_a_record_rewritten_with_a_hash_of_its_own_breaks_the_next_one() -> None:
    records = journal_of(3)
    records[1] = chain(entry("forged"), records[0])
    assert verify(records) == "record 3 does not follow the record before it"


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"sequence": 1}'])
def test_a_corrupt_record_is_named(content: bytes) -> None:
    shelf = Shelf()
    shelf.objects["local/journal/00000001.json"] = content
    with pytest.raises(CorruptJournal) as raised:
        Journal(shelf, "local").last()
    assert raised.value.where == "local/journal/00000001.json"
