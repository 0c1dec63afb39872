"""Freeze windows: when an environment is not to be changed, said in the local time of a place. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
DAY = timedelta(days=1)


@dataclass(frozen=True)
class WallTime:
    """A time that comes again: every week, or every day where `weekday` (0 is Monday) is None."""

    weekday: int | None
    at: time

    def on(self, day: date) -> datetime | None:
        """This time on that day, or None where it isn't one of its days."""
        return datetime.combine(day, self.at) if self.weekday in (None, day.weekday()) else None

    def after(self, moment: datetime) -> datetime:
        """The first of its times that is later than `moment`."""
        days = (moment.date() + DAY * ahead for ahead in range(8))
        return next(found for day in days if (found := self.on(day)) and found > moment)


@dataclass(frozen=True)
class Span:
    """One time that a window is closed. Both ends are UTC; the end itself is free again."""

    begins: datetime
    ends: datetime


@dataclass(frozen=True)
class Window:
    """A freeze window.

    Attributes:
        begins, ends: both local date-times (it happens once) or both `WallTime` (again and again).
        text: as it was written, for people.
    """

    begins: datetime | WallTime
    ends: datetime | WallTime
    zone: tzinfo
    text: str
    why: str = ""

    def covering(self, now: datetime) -> Span | None:
        """The span that `now` (aware) falls into, or None."""
        for begins, ends in self._local_spans(now.astimezone(self.zone).date()):
            span = Span(min(_instants(begins, self.zone)), max(_instants(ends, self.zone)))
            if span.begins <= now < span.ends:
                return span
        return None

    def _local_spans(self, today: date) -> Iterator[tuple[datetime, datetime]]:
        if isinstance(self.begins, datetime) and isinstance(self.ends, datetime):
            yield self.begins, self.ends
        elif isinstance(self.begins, WallTime) and isinstance(self.ends, WallTime):
            # A span lasts a week at most; a day more on both sides, for clocks that are changed around midnight.
            for days in range(-8, 2):
                if begins := self.begins.on(today + DAY * days):
                    yield begins, self.ends.after(begins)


def _instants(local: datetime, zone: tzinfo) -> tuple[datetime, datetime]:
    """When a clock on the wall shows `local`: twice when it is set back, and never (but around then) when it is set
    forward. A window takes the earlier one for its begin and the later one for its end: rather longer than shorter."""
    earlier, later = (local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    return earlier, later


class Unreadable(ValueError):
    """Not one of the forms that a window has. The message says what is wrong."""


DATED = re.compile(r"(?P<date>2\d{3}-\d\d-\d\d)(?:[T ](?P<time>\d\d:\d\d(?::\d\d)?))?")
RECURRING = re.compile(rf"(?:(?P<day>{'|'.join(WEEKDAYS)}) )?(?P<time>\d\d:\d\d(?::\d\d)?)")


def parse_window(begins: str, ends: str, zone: tzinfo, why: str = "") -> Window:
    """A window from how it is written.

    Args:
        begins, ends: both a date ("2026-12-20", with or without " 18:00"; a last day counts to its end), both a day
            of the week with a time ("Fri 16:00"), or both a time ("22:00", every day).

    Raises:
        Unreadable: one of them is none of these, they are of two kinds, or the window has no length.
    """
    first, last = _parse(begins), _parse(ends, is_last=True)
    text = f"{begins} to {ends} {zone}"
    if isinstance(first, datetime) and isinstance(last, datetime):
        if last <= first:
            raise Unreadable(f"{ends} is not after {begins}")
        return Window(first, last, zone, text, why)
    if isinstance(first, WallTime) and isinstance(last, WallTime):
        if (first.weekday is None) != (last.weekday is None):
            raise Unreadable(f"{begins} and {ends} are of two kinds: give both a day of the week, or neither")
        if first == last:
            raise Unreadable(f"{begins} to {ends} has no length")
        return Window(first, last, zone, text, why)
    raise Unreadable(f"{begins} and {ends} are of two kinds: one has a date, the other has none")


def _parse(text: str, *, is_last: bool = False) -> datetime | WallTime:
    try:
        if match := DATED.fullmatch(text):
            if match["time"]:
                return datetime.combine(date.fromisoformat(match["date"]), time.fromisoformat(match["time"]))
            return datetime.combine(date.fromisoformat(match["date"]) + DAY * is_last, time())
        if match := RECURRING.fullmatch(text):
            weekday = WEEKDAYS.index(match["day"]) if match["day"] else None
            return WallTime(weekday, time.fromisoformat(match["time"]))
    except ValueError as error:
        raise Unreadable(f"{text!r}: {error}") from error
    raise Unreadable(f"{text!r} is none of 2026-12-20, 2026-12-20 18:00, Fri 16:00, 22:00")
