"""The journal: any edit, removal, move or cut shows, two writers never share a place, and no death loses a record."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsctl.errors import OpsctlError
from opsctl.journal import CorruptJournal, Entry, Head, Journal, NotRecorded, Outbox, Record, Unreadable, Witness
from opsctl.journal.bounds import RECORD_BYTES, bounded
from opsctl.journal.record import chain, head_of
from opsctl.terraform.masking import Masker

AT = "2026-11-21T12:00:00+00:00"


def entry(command: str = "up", environment: str = "local", **details: Any) -> Entry:
    return Entry(environment, command, AT, "arn:aws:iam::1:user/ada", "host", "done", 1.5, {"n": 1} | details)


class Died(BaseException):
    """The process is gone; no `except Exception` helps it."""


class Shelf:
    """An object store in memory, in which a write may be the writer's last deed."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.before_write: Callable[[str], None] = lambda key: None
        self.reads = 0

    def create(self, key: str, body: bytes) -> bool:
        return self.replace(key, body, None) is not None

    def replace(self, key: str, body: bytes, etag: str | None) -> str | None:
        self.before_write(key)
        there = self.objects.get(key)
        if (None if there is None else there.hex()) != etag:
            return None
        self.objects[key] = body
        return body.hex()

    def remove(self, key: str) -> None:
        self.before_write(key)
        self.objects.pop(key, None)

    def read_tagged(self, key: str) -> tuple[bytes, str] | None:
        body = self.read(key)
        return None if body is None else (body, body.hex())

    def read(self, key: str) -> bytes | None:
        self.reads += 1
        return self.objects.get(key)

    def keys(self, prefix: str) -> Iterator[str]:
        return iter([key for key in self.objects if key.startswith(prefix)])


def key(sequence: int) -> str:
    return f"local/journal/{sequence:08d}.json"


HEAD = "heads/local.json"


def shelf_of(length: int) -> Shelf:
    shelf = Shelf()
    for number in range(length):
        Journal(shelf, "local").append(entry(f"command {number}"))
    return shelf


def kinds(shelf: Shelf, witness: Witness | None = None) -> list[str]:
    """What a verification complains of."""
    return [finding.kind for finding in Journal(shelf, "local", witness=witness).verify(AT).findings]


# Writing and reading


def test_a_record_comes_back_as_it_was_written() -> None:
    shelf = Shelf()
    written = [Journal(shelf, "local").append(entry(name)) for name in ("up", "deploy", "down")]
    journal = Journal(shelf, "local")
    assert journal.records() == written
    assert list(journal.newest(2)) == written[::-1]
    assert journal.last() == written[-1]
    assert kinds(shelf) == []


def test_environments_do_not_see_each_other_s_records() -> None:
    shelf = Shelf()
    Journal(shelf, "dev").append(entry())
    assert Journal(shelf, "prod").last() is None


def test_an_append_and_the_last_record_cost_as_much_in_a_long_journal_as_in_a_short_one() -> None:
    costs = []
    for length in (2, 60):
        shelf = shelf_of(length)
        shelf.reads = 0
        Journal(shelf, "local").append(entry())
        appended, shelf.reads = shelf.reads, 0
        Journal(shelf, "local").last()
        costs.append((appended, shelf.reads))
    assert costs == [(1, 4), (1, 4)]


def test_a_rival_who_took_the_place_first_keeps_it_and_we_take_the_next() -> None:
    shelf = Shelf()
    journal = Journal(shelf, "local")

    def rival(key: str) -> None:
        shelf.before_write = lambda key: None
        Journal(shelf, "local").append(entry("rival"))

    shelf.before_write = rival
    mine = journal.append(entry("mine"))
    assert [record.entry.command for record in journal.records()] == ["rival", "mine"]
    assert (mine.sequence, kinds(shelf)) == (2, [])


def test_a_write_whose_answer_was_lost_is_known_for_ours_when_it_is_tried_again() -> None:
    shelf = Shelf()
    written = shelf.replace

    def twice(key: str, body: bytes, etag: str | None) -> str | None:
        written(key, body, etag)
        return written(key, body, etag) if "journal" in key else None

    shelf.replace = twice  # type: ignore[method-assign]
    Journal(shelf, "local").append(entry())
    assert [record.sequence for record in Journal(shelf, "local").records()] == [1]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.integers(0, 5), max_size=8), st.integers(0, 3))
def test_writers_that_die_between_any_two_writes_leave_a_whole_journal(deaths: list[int], rivals: int) -> None:
    """Each writer dies before its n-th write; others write in between. What was written stays, and stays in order."""
    shelf, promised = Shelf(), []
    for number, death in enumerate(deaths):
        left = death

        def die(key: str) -> None:
            nonlocal left
            if left == 0:
                raise Died
            left -= 1
            if left == 1:
                before, shelf.before_write = shelf.before_write, lambda key: None
                for rival in range(rivals):
                    promised.append(Journal(shelf, "local").append(entry(f"rival {rival}")).entry.id)
                shelf.before_write = before

        shelf.before_write = die
        with contextlib.suppress(Died):
            promised.append(Journal(shelf, "local").append(entry(f"command {number}")).entry.id)
        shelf.before_write = lambda key: None
        assert kinds(shelf) == []
    Journal(shelf, "local").append(entry("the last"))
    verdict = Journal(shelf, "local").verify(AT)
    assert (verdict.findings, verdict.notes) == ((), ())
    ids = [record.entry.id for record in Journal(shelf, "local").records()]
    assert set(promised) <= set(ids)
    assert len(set(ids)) == len(ids)


def test_a_journal_that_others_write_into_while_it_is_verified_is_whole() -> None:
    shelf = shelf_of(2)
    listed = shelf.keys
    turns = iter(range(3))

    def keys(prefix: str) -> Iterator[str]:
        if next(turns, None) is not None:
            for _ in range(3):
                Journal(shelf, "local").append(entry())
        return listed(prefix)

    shelf.keys = keys  # type: ignore[method-assign]
    assert kinds(shelf) == []


# What must be found


def forge(shelf: Shelf, sequence: int) -> None:
    """Write a record anew, with another deed and a hash that fits it."""
    before = head_of(Record.from_json(shelf.objects[key(sequence - 1)])) if sequence > 1 else Head(0, "0" * 64)
    shelf.objects[key(sequence)] = chain(entry("forged"), before).to_json().encode()


@settings(max_examples=300, deadline=None)
@given(st.integers(1, 5), st.data())
def test_any_byte_that_is_changed_added_or_taken_out_is_found(length: int, data: st.DataObject) -> None:
    shelf = shelf_of(length)
    place = data.draw(st.sampled_from([HEAD, *(key(number) for number in range(1, length + 1))]))
    body = bytearray(shelf.objects[place])
    at, byte = data.draw(st.integers(0, len(body) - 1)), data.draw(st.integers(0, 255))
    how = data.draw(st.sampled_from(["change", "add", "remove"]))
    if how == "change":
        body[at] = byte if byte != body[at] else byte ^ 1
    elif how == "add":
        body.insert(at, byte)
    else:
        del body[at]
    if bytes(body) == shelf.objects[place]:  # a digit put beside its like
        return
    shelf.objects[place] = bytes(body)
    assert kinds(shelf) != []


@pytest.mark.parametrize("place", [HEAD, key(1)])
def test_another_spelling_of_the_same_is_found(place: str) -> None:
    shelf = shelf_of(2)
    shelf.objects[place] = json.dumps(json.loads(shelf.objects[place])).encode()
    assert len(kinds(shelf)) == 1


@given(st.integers(1, 6), st.data())
def test_any_field_that_is_changed_is_found_also_with_the_same_spelling(length: int, data: st.DataObject) -> None:
    shelf = shelf_of(length)
    place = data.draw(st.integers(1, length))
    record = Record.from_json(shelf.objects[key(place)])
    name = data.draw(st.sampled_from(["environment", "command", "at", "who", "host", "result", "id"]))
    changed: dict[str, Any] = {name: data.draw(st.text(max_size=5))}
    forged = replace(record, entry=replace(record.entry, **changed))
    shelf.objects[key(place)] = forged.to_json().encode()
    assert kinds(shelf) == ["edited"]


@given(st.integers(1, 7), st.data())
def test_records_taken_out_are_found_wherever_they_were(length: int, data: st.DataObject) -> None:
    shelf = shelf_of(length)
    for number in data.draw(st.sets(st.integers(1, length), min_size=1)):
        del shelf.objects[key(number)]
    assert set(kinds(shelf)) & {"missing", "cut"}


@given(st.integers(2, 7), st.data())
def test_a_changed_order_is_found(length: int, data: st.DataObject) -> None:
    shelf = shelf_of(length)
    order = data.draw(st.permutations(range(1, length + 1)).filter(lambda drawn: drawn != sorted(drawn)))
    bodies = [shelf.objects[key(number)] for number in order]
    for number, body in enumerate(bodies, 1):
        shelf.objects[key(number)] = body
    assert "moved" in kinds(shelf)


@given(st.integers(1, 7), st.data())
def test_an_end_that_is_cut_off_is_found_at_any_length(length: int, data: st.DataObject) -> None:
    shelf = shelf_of(length)
    for number in range(data.draw(st.integers(1, length)), length + 1):
        del shelf.objects[key(number)]
    assert kinds(shelf) == ["cut"]


@given(length=st.integers(2, 7), data=st.data())
def test_an_end_cut_off_together_with_the_head_is_found_by_who_saw_it(
    tmp_path_factory: pytest.TempPathFactory, length: int, data: st.DataObject
) -> None:
    shelf, witness = shelf_of(length), Witness(tmp_path_factory.mktemp("state") / "seen.json")
    assert kinds(shelf, witness) == []
    kept = data.draw(st.integers(0, length - 1))
    for number in range(kept + 1, length + 1):
        del shelf.objects[key(number)]
    if kept:
        shelf.objects[HEAD] = head_of(Record.from_json(shelf.objects[key(kept)])).to_json().encode()
    else:
        del shelf.objects[HEAD]
    assert kinds(shelf) == [], "records and head agree"
    assert kinds(shelf, witness) == ["cut"]


def test_a_journal_written_anew_with_hashes_that_fit_is_found_by_who_saw_it(tmp_path: Path) -> None:
    shelf, witness = shelf_of(4), Witness(tmp_path / "seen.json")
    Journal(shelf, "local", witness=witness).append(entry())
    for number in range(3, 6):
        forge(shelf, number)
    shelf.objects[HEAD] = head_of(Record.from_json(shelf.objects[key(5)])).to_json().encode()
    assert kinds(shelf) == []
    assert kinds(shelf, witness) == ["rewritten"]
    Journal(shelf, "local", witness=witness).append(entry())
    assert kinds(shelf, witness) == ["rewritten"], "a later command does not make it good"


def test_a_head_that_is_set_back_is_found(tmp_path: Path) -> None:
    shelf, witness = shelf_of(4), Witness(tmp_path / "seen.json")
    assert kinds(shelf, witness) == []
    for length, found in ((1, ["head"]), (2, ["head"])):
        shelf.objects[HEAD] = head_of(Record.from_json(shelf.objects[key(length)])).to_json().encode()
        assert kinds(shelf) == found
    shelf.objects[HEAD] = head_of(Record.from_json(shelf.objects[key(3)])).to_json().encode()
    assert kinds(shelf) == [], "as after a command that died before it moved the head"
    assert kinds(shelf, witness) == ["head"]


def test_a_head_that_is_gone_is_found() -> None:
    shelf = shelf_of(3)
    del shelf.objects[HEAD]
    assert kinds(shelf) == ["head"]


def test_a_record_written_anew_with_a_hash_that_fits_breaks_the_next_one() -> None:
    shelf = shelf_of(3)
    forge(shelf, 2)
    assert kinds(shelf) == ["unlinked"]
    last = shelf_of(3)
    forge(last, 3)
    assert kinds(last) == ["head"]


def test_a_record_of_another_journal_is_found() -> None:
    shelf = shelf_of(2)
    Journal(shelf, "prod").append(entry(environment="prod"))
    shelf.objects[key(3)] = shelf.objects["prod/journal/00000001.json"]
    assert "foreign" in kinds(shelf)
    shelf.objects[key(3)] = shelf_of(3).objects[key(3)]
    assert "unlinked" in kinds(shelf)


@pytest.mark.parametrize("name", ["local/journal/3.json", "local/journal/note.txt", "local/journal/00000000.json"])
def test_what_is_no_record_is_named(name: str) -> None:
    shelf = shelf_of(2)
    shelf.objects[name] = b"{}"
    assert kinds(shelf) == ["stray"]


def test_a_cut_off_end_still_shows_after_the_next_command() -> None:
    shelf = shelf_of(4)
    del shelf.objects[key(3)], shelf.objects[key(4)]
    Journal(shelf, "local").append(entry())
    [finding] = Journal(shelf, "local").verify(AT).findings
    assert finding.text == "records 3 to 4 are missing"


def test_a_reader_is_shown_the_place_of_a_record_that_is_gone() -> None:
    shelf = shelf_of(4)
    shelf.objects[key(2)] = b"{"
    del shelf.objects[key(4)]
    found = list(Journal(shelf, "local").newest())
    assert [item for item in found if isinstance(item, Unreadable)] == [Unreadable(4), Unreadable(2)]
    with pytest.raises(CorruptJournal):
        Journal(shelf, "local").last()


def test_a_head_that_claims_too_much_does_not_send_a_reader_through_a_billion_records() -> None:
    shelf = shelf_of(2)
    shelf.objects[HEAD] = Head(10**12, "0" * 64).to_json().encode()
    assert len(list(Journal(shelf, "local").newest())) == 3


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"sequence": 1}', b"[" * 100_000, b"\xff", b'{"entry": NaN}'])
def test_a_corrupt_record_is_named_and_nothing_is_written_behind_it(content: bytes) -> None:
    shelf = shelf_of(1)
    shelf.objects[key(2)] = content
    with pytest.raises(CorruptJournal) as raised:
        Journal(shelf, "local").append(entry())
    assert raised.value.where == key(2)
    assert len(shelf.objects) == 3
    assert kinds(shelf) == ["unreadable"]


def test_a_record_of_a_later_version_is_read_and_its_unknown_fields_are_covered() -> None:
    shelf = shelf_of(1)
    document = json.loads(shelf.objects[key(1)])
    document["entry"]["new"] = 1
    shelf.objects[key(1)] = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
    assert Journal(shelf, "local").records()[0].entry.command == "command 0"
    assert kinds(shelf) == ["edited"]


# What a machine remembers


def test_the_machine_s_memory_moves_on_with_what_others_wrote(tmp_path: Path) -> None:
    shelf, witness = Shelf(), Witness(tmp_path / "seen.json")
    Journal(shelf, "local", witness=witness).append(entry())
    for _ in range(3):
        Journal(shelf, "local").append(entry())
    Journal(shelf, "local", witness=witness).append(entry())
    seen = witness.seen()
    assert seen is not None
    assert seen.head.length == 5


def test_a_memory_that_can_not_be_written_or_read_never_fails_a_command(tmp_path: Path) -> None:
    file = tmp_path / "is a file"
    file.write_text("not JSON")
    shelf = Shelf()
    Journal(shelf, "local", witness=Witness(file / "seen.json")).append(entry())
    Journal(shelf, "local", witness=Witness(file)).append(entry())
    assert kinds(shelf) == []


# What can't be written at once


def test_a_record_that_can_not_be_written_waits_and_the_next_command_appends_it_once(tmp_path: Path) -> None:
    shelf, outbox = Shelf(), Outbox(tmp_path / "unrecorded")

    def down(key: str) -> None:
        raise OpsctlError("no network")

    shelf.before_write = down
    first = entry("first")
    assert Journal(shelf, "local", outbox=outbox).record(first) is not None
    shelf.before_write = lambda key: None
    assert Journal(shelf, "local", outbox=outbox).record(entry("second")) is None
    assert [record.entry.command for record in Journal(shelf, "local").records()] == ["first", "second"]
    assert outbox.waiting() == []
    outbox.put(first)  # as if the process had died before it removed the file
    Journal(shelf, "local", outbox=outbox).record(entry("third"))
    assert [record.entry.command for record in Journal(shelf, "local").records()] == ["first", "second", "third"]


@pytest.mark.parametrize("writes", range(4))
def test_a_death_while_a_record_is_written_loses_it_never_and_doubles_it_never(tmp_path: Path, writes: int) -> None:
    shelf, outbox = Shelf(), Outbox(tmp_path / "unrecorded")
    left = writes

    def die(key: str) -> None:
        nonlocal left
        if left == 0:
            raise Died
        left -= 1

    journal = Journal(shelf, "local", outbox=outbox)
    first = entry("first")
    journal.begin(first, under_lock=False)
    shelf.before_write = die
    if writes < 3:
        with pytest.raises(Died):
            journal.record(first)
    else:
        journal.record(first)
    shelf.before_write = lambda key: None
    Journal(shelf, "local", outbox=outbox).record(entry("second"))
    assert [record.entry.command for record in journal.records()] == ["first", "second"]
    assert (journal.begun(), outbox.waiting(), kinds(shelf)) == ([], [], [])


def test_a_record_that_neither_journal_nor_disk_takes_is_said_to_be_lost(tmp_path: Path) -> None:
    shelf, file = Shelf(), tmp_path / "a file"
    file.write_text("")

    def down(key: str) -> None:
        raise OpsctlError("no network")

    shelf.before_write = down
    with pytest.raises(NotRecorded) as raised:
        Journal(shelf, "local", outbox=Outbox(file / "unrecorded")).record(entry())
    assert "no network" in raised.value.where


# What a record may hold

SECRET = "hunter2-hunter2"


def test_a_known_secret_is_masked_wherever_it_stands_also_where_the_text_is_cut() -> None:
    shelf = Shelf()
    told = entry(f"up {SECRET}", why=f"see {SECRET}", deep=[{"x": ("aHVudGVyMi1odW50ZXIy", "x" * 490 + SECRET)}])
    Journal(shelf, "local", mask=Masker([SECRET])).append(told)
    text = shelf.objects[key(1)].decode()
    assert "hunter2" not in text
    assert "aHVudGVy" not in text


def test_a_value_whose_name_says_that_it_is_secret_is_masked() -> None:
    kept = bounded(entry(password="pa55word", token_count=3), lambda text: text)
    assert (kept.details["password"], kept.details["token_count"]) == ("(masked)", 3)


@settings(deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=700) | st.binary(),
        lambda inner: st.lists(inner, max_size=80) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
        max_leaves=120,
    )
)
def test_whatever_the_details_hold_the_record_is_small_and_comes_back(value: Any) -> None:
    shelf = Shelf()
    record = Journal(shelf, "local").append(entry(value=value))
    assert len(shelf.objects[key(1)]) < RECORD_BYTES + 500
    assert Journal(shelf, "local").records() == [record]
    assert kinds(shelf) == []


def test_long_lists_say_how_much_was_left_out() -> None:
    kept = bounded(entry(created=[f"aws_x.y[{number}]" for number in range(700)]), lambda text: text)
    assert kept.details["created"][0] == "aws_x.y[0]"
    assert kept.details["created"][-1] == "and 650 more"
