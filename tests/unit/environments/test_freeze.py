"""Freeze windows: what is inside, by the clock on the wall of a place."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from opsctl.environments.guards.freeze import WEEKDAYS, Unreadable, Window, parse_window

VIENNA = ZoneInfo("Europe/Vienna")
WEEKEND = parse_window("Fri 16:00", "Mon 08:00", VIENNA, "weekend")
HOLIDAYS = parse_window("2026-12-20", "2027-01-03", VIENNA)

times = st.times().map(lambda at: at.replace(second=0, microsecond=0, tzinfo=None))
weekly = st.tuples(st.sampled_from(WEEKDAYS), times).map(lambda pair: f"{pair[0]} {pair[1]:%H:%M}")
moments = st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))


def closed(window: Window, local: str, *, fold: int = 0) -> bool:
    """Whether the window is closed when clocks in its zone show this."""
    return window.covering(datetime.fromisoformat(local).replace(tzinfo=window.zone, fold=fold)) is not None


@pytest.mark.parametrize(
    ("local", "frozen"),
    [
        ("2026-11-20T15:59", False),
        ("2026-11-20T16:00", True),
        ("2026-11-21T00:00", True),
        ("2026-11-22T23:59", True),
        ("2026-11-23T07:59", True),
        ("2026-11-23T08:00", False),
        ("2026-11-25T12:00", False),
    ],
)
def test_a_weekly_window_goes_over_midnight_and_the_weekend(local: str, frozen: bool) -> None:
    assert closed(WEEKEND, local) is frozen


@pytest.mark.parametrize(
    ("local", "frozen"),
    [
        ("2026-12-19T23:59:59", False),
        ("2026-12-20T00:00", True),
        ("2027-01-03T23:59:59", True),
        ("2027-01-04T00:00", False),
        ("2025-12-24T12:00", False),
    ],
)
def test_a_dated_window_holds_from_its_first_day_to_the_end_of_its_last(local: str, frozen: bool) -> None:
    assert closed(HOLIDAYS, local) is frozen


def test_a_dated_window_may_say_hours() -> None:
    window = parse_window("2026-12-20 18:00", "2026-12-20 20:30", VIENNA)
    assert [closed(window, f"2026-12-20T{at}") for at in ("17:59", "18:00", "20:29", "20:30")] == [0, 1, 1, 0]


def test_a_daily_window_holds_every_night() -> None:
    window = parse_window("22:00", "06:00", VIENNA)
    for day in range(1, 29):
        assert [closed(window, f"2026-02-{day:02}T{at}") for at in ("05:59", "06:00", "21:59", "22:00")] == [1, 0, 0, 1]


def test_the_same_hour_is_another_instant_in_summer_and_in_winter() -> None:
    assert WEEKEND.covering(datetime(2026, 7, 3, 14, 0, tzinfo=UTC))
    assert not WEEKEND.covering(datetime(2026, 12, 4, 14, 0, tzinfo=UTC))
    assert WEEKEND.covering(datetime(2026, 12, 4, 15, 0, tzinfo=UTC))


def test_who_is_refused_learns_when_it_ends_in_utc() -> None:
    span = WEEKEND.covering(datetime(2026, 11, 21, 12, tzinfo=UTC))
    assert span is not None
    assert (span.begins, span.ends) == (datetime(2026, 11, 20, 15, tzinfo=UTC), datetime(2026, 11, 23, 7, tzinfo=UTC))


# Europe/Vienna: forward at 2026-03-29 02:00 → 03:00, back at 2026-10-25 03:00 → 02:00.
def test_an_end_in_the_hour_that_comes_twice_is_its_second_one() -> None:
    window = parse_window("Sat 20:00", "Sun 02:30", VIENNA)
    assert closed(window, "2026-10-25T02:45", fold=0)
    assert closed(window, "2026-10-25T02:15", fold=1)
    assert not closed(window, "2026-10-25T02:30", fold=1)


def test_a_begin_in_the_hour_that_comes_twice_is_its_first_one() -> None:
    window = parse_window("2026-10-25 02:30", "2026-10-25 04:00", VIENNA)
    assert not closed(window, "2026-10-25T02:29", fold=0)
    assert closed(window, "2026-10-25T02:30", fold=0)
    assert closed(window, "2026-10-25T02:00", fold=1)


def test_bounds_in_the_hour_that_never_comes_leave_no_hole() -> None:
    before, after = parse_window("Sat 20:00", "Sun 02:30", VIENNA), parse_window("Sun 02:30", "Sun 12:00", VIENNA)
    assert closed(before, "2026-03-29T03:29")
    assert not closed(before, "2026-03-29T03:30")
    assert closed(after, "2026-03-29T01:59")
    assert not closed(after, "2026-03-29T01:29")


@settings(deadline=None)
@given(begins=weekly, ends=weekly, now=moments, weeks=st.integers(-60, 60))
def test_a_weekly_window_is_the_same_every_week(begins: str, ends: str, now: datetime, weeks: int) -> None:
    assume(begins != ends)
    window = parse_window(begins, ends, UTC)
    assert bool(window.covering(now)) == bool(window.covering(now + timedelta(weeks=weeks)))


@settings(deadline=None)
@given(begins=weekly, ends=weekly, now=moments)
def test_the_week_is_the_window_and_its_complement(begins: str, ends: str, now: datetime) -> None:
    assume(begins != ends)
    inside, outside = parse_window(begins, ends, UTC).covering(now), parse_window(ends, begins, UTC).covering(now)
    assert (inside is None) != (outside is None)
    span = inside or outside
    assert span is not None
    assert span.begins <= now < span.ends


@settings(deadline=None)
@given(begins=weekly, ends=weekly, now=moments)
@example(begins="Sun 02:30", ends="Mon 00:00", now=datetime(2026, 10, 25, 0, 45, tzinfo=UTC))
@example(begins="Sun 02:30", ends="Mon 00:00", now=datetime(2026, 3, 29, 0, 45, tzinfo=UTC))
def test_where_clocks_are_changed_a_moment_may_be_in_both_and_is_never_in_neither(
    begins: str, ends: str, now: datetime
) -> None:
    assume(begins != ends)
    spans = [parse_window(*bounds, VIENNA).covering(now) for bounds in ((begins, ends), (ends, begins))]
    assert any(spans)
    if all(spans):
        assert now.astimezone(VIENNA).month in (3, 10)


@settings(deadline=None)
@given(begins=weekly, ends=weekly, now=moments)
def test_away_from_changed_clocks_the_wall_clock_alone_decides(begins: str, ends: str, now: datetime) -> None:
    local = now.astimezone(VIENNA)
    assume(begins != ends and local.month not in (3, 4, 10, 11))

    def minute(text: str) -> int:
        at = time.fromisoformat(text[4:])
        return (WEEKDAYS.index(text[:3]) * 24 + at.hour) * 60 + at.minute

    since = ((local.weekday() * 24 + local.hour) * 60 + local.minute - minute(begins)) % (7 * 24 * 60)
    expected = since < (minute(ends) - minute(begins)) % (7 * 24 * 60)
    assert bool(parse_window(begins, ends, VIENNA).covering(now)) is expected


@settings(deadline=None)
@given(st.text(max_size=20).filter(lambda text: not text[:1].isdigit()))
def test_any_other_text_is_refused_in_words(text: str) -> None:
    with pytest.raises(Unreadable, match="none of"):
        parse_window(text, "Mon 08:00", UTC)


@pytest.mark.parametrize(
    ("begins", "ends", "words"),
    [
        ("2026-12-20", "Mon 08:00", "two kinds"),
        ("Fri 16:00", "08:00", "two kinds"),
        ("Fri 16:00", "Fri 16:00", "no length"),
        ("2027-01-03", "2026-12-20", "not after"),
        ("2026-02-30", "2026-03-01", "day is out of range"),
        ("Fri 24:00", "Mon 08:00", "hour must be in 0..23"),
        ("Friday 16:00", "Mon 08:00", "none of"),
    ],
)
def test_a_window_that_says_nothing_is_refused(begins: str, ends: str, words: str) -> None:
    with pytest.raises(Unreadable, match=words):
        parse_window(begins, ends, UTC)
