"""Whether a journal is whole: every record as written, none gone, none moved, none from elsewhere, no tail cut off.

What each witness shows. The chain: an edit, a removal inside, a changed order, a record of another journal. The head,
kept apart from the records: a tail that was cut off. What this machine remembers: both cut to match, or a journal
rewritten from some record on with hashes that fit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from opsctl.journal.record import GENESIS, Head, Record, edited
from opsctl.journal.witness import Seen

NAME = re.compile(r"(\d{8,})\.json")


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        kind: "edited", "unreadable", "moved", "foreign", "unlinked", "missing", "stray", "head", "cut" or "rewritten".
        record: the number of the record that it is about; None when it is about the journal as a whole.
        text: in people's words.
    """

    kind: str
    record: int | None
    text: str


@dataclass(frozen=True)
class Verdict:
    """What was found.

    Attributes:
        checked: how many records were read.
        notes: what a reader may wonder about and is in order.
        head: of the journal as it was read; None when it has none that can be read.
        seen: what this machine remembered before.
    """

    checked: int
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    head: Head | None
    seen: Seen | None

    @property
    def whole(self) -> bool:
        return not self.findings


def verify(environment: str, objects: Mapping[str, bytes], head: bytes | None, seen: Seen | None) -> Verdict:
    """Judge a journal by everything that is kept of it.

    Args:
        objects: name (`00000001.json`) → content of every object in the journal's folder.
        head: what is kept apart; None when there is nothing.
        seen: what this machine remembers; None on one that never saw this journal.
    """
    findings, notes = [], []
    bodies: dict[int, bytes] = {}
    for name, body in objects.items():
        matched = NAME.fullmatch(name)
        if matched and name == file_name(int(matched[1])) and int(matched[1]) > 0:
            bodies[int(matched[1])] = body
        else:
            findings.append(Finding("stray", None, f"{name} is not a record of this journal"))
    records: dict[int, Record] = {}
    for number in sorted(bodies):
        found, record = _judge(environment, number, bodies[number], records)
        findings += found
        if record:
            records[number] = record
    last = max(bodies, default=0)
    findings += [_missing(first, end) for first, end in _gaps(sorted(bodies))]
    kept = _head(head)
    judged, noted = _judge_head(head, kept, records, last)
    findings += judged
    notes += noted
    if seen:
        findings += _judge_seen(seen, kept, records, last)
    return Verdict(len(bodies), tuple(findings), tuple(notes), kept, seen)


def file_name(sequence: int) -> str:
    return f"{sequence:08d}.json"


def _judge(
    environment: str, number: int, body: bytes, before: Mapping[int, Record]
) -> tuple[list[Finding], Record | None]:
    try:
        record = Record.from_json(body)
    except ValueError:
        return [Finding("unreadable", number, f"record {number} can't be read: it is not a record any more")], None
    if edited(body):
        return [Finding("edited", number, f"record {number} was changed after it was written")], record
    if record.entry.environment != environment:
        whose = record.entry.environment
        return [Finding("foreign", number, f"record {number} is one of {whose}, put here from elsewhere")], record
    if record.sequence != number:
        was = record.sequence
        return [Finding("moved", number, f"record {was} was put in the place of record {number}")], record
    previous = before.get(number - 1)
    expected = previous.hash if previous else GENESIS if number == 1 else None
    if expected is not None and record.previous != expected:
        text = f"record {number} does not follow record {number - 1}" if previous else "record 1 does not begin one"
        return [Finding("unlinked", number, f"{text}: one of the two was written anew")], record
    return [], record


def _gaps(numbers: list[int]) -> list[tuple[int, int]]:
    return [
        (before + 1, after - 1) for before, after in zip([0, *numbers], numbers, strict=False) if after > before + 1
    ]


def _missing(first: int, last: int) -> Finding:
    return Finding("missing", first, f"{_span(first, last)} missing")


def _span(first: int, last: int) -> str:
    return f"record {first} is" if first == last else f"records {first} to {last} are"


def _head(body: bytes | None) -> Head | None:
    try:
        return Head.from_json(body) if body is not None else None
    except ValueError:
        return None


def _judge_head(
    body: bytes | None, head: Head | None, records: Mapping[int, Record], last: int
) -> tuple[list[Finding], list[str]]:
    if head is None:
        if body is not None:
            return [Finding("head", None, "the head can't be read: it was changed")], []
        if last > 1:  # a command that dies between its first record and the head leaves one record
            return [Finding("head", None, f"the head is gone, and there are {last} records")], []
        return [], ["record 1 is not yet noted in the head; the next command does that"] * last
    if head.length > last:
        text = f"the head knows {head.length} records, and {_span(last + 1, head.length)} gone: the end was cut off"
        return [Finding("cut", last + 1, text)], []
    noted = records.get(head.length)
    if noted and noted.hash != head.hash:
        text = f"the head does not fit record {head.length}: one of the two was changed"
        return [Finding("head", head.length, text)], []
    if last > head.length + 1:  # nobody writes behind a record before the head knows it
        text = f"the head knows {head.length} records, and there are {last}: it was set back"
        return [Finding("head", head.length, text)], []
    if last > head.length:
        return [], [f"record {last} is not yet noted in the head; the next command does that"]
    return [], []


def _judge_seen(seen: Seen, head: Head | None, records: Mapping[int, Record], last: int) -> list[Finding]:
    length, when = seen.head.length, f"{seen.at[:16].replace('T', ' ')} UTC"
    if length > last:
        text = f"this machine saw {length} records at {when}, and there are {last}: the end was cut off"
        return [Finding("cut", last + 1, text)]
    known = records.get(length)
    if known and known.hash != seen.head.hash:
        text = f"record {length} is not the one that this machine saw at {when}: the journal was written anew"
        return [Finding("rewritten", length, text)]
    if head and head.length < length:
        text = f"the head knows {head.length} records, and this machine saw it know {length}: it was set back"
        return [Finding("head", head.length, text)]
    return []
