"""When a schedule of EventBridge Scheduler runs, and what its target gets. Pure.

Source: EventBridge Scheduler user guide, "Schedule types", "Flexible time windows", "Adding context attributes";
API reference, Target and RetryPolicy. MiniStack's parser reads cron's fields.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
AT = re.compile(r"at\((\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})\)")
MOST_RETRIES, OLDEST_SECONDS = 185, 86400
"""RetryPolicy's defaults."""


@dataclass(frozen=True)
class Run:
    """One run: its time (what the target is told), and when it is done, within the flexible window."""

    scheduled: datetime
    starts: datetime


def next_time(schedule: Mapping[str, Any], after: datetime) -> datetime | None:
    """The first time later than `after` (UTC) at which a schedule is due; None if there is none any more.

    A rate counts from StartDate, or else from when the schedule was made or changed.
    """
    begins = max(_moment(schedule.get("StartDate")) or after, after)
    found = _next_time(schedule, begins)
    ends = _moment(schedule.get("EndDate"))
    return None if found is None or (ends is not None and found > ends) else found


def _next_time(schedule: Mapping[str, Any], after: datetime) -> datetime | None:
    expression, zone = str(schedule["ScheduleExpression"]).strip(), _zone(schedule)
    if match := AT.fullmatch(expression):
        when = datetime.fromisoformat(match[1]).replace(tzinfo=zone).astimezone(UTC)
        return when if when > after else None
    if match := RATE.fullmatch(expression):
        step = timedelta(**{f"{match[2]}s": int(match[1])})
        begins = _moment(schedule.get("StartDate")) or _moment(schedule["LastModificationDate"]) or after
        return begins + step * ((after - begins) // step + 1)
    from ministack.services import eventbridge

    fields = eventbridge._parse_cron_fields(expression)
    if fields is None:
        return None
    found = eventbridge._cron_next_fire(fields, after.astimezone(zone))
    return None if found is None else found.astimezone(UTC)


def plan(schedule: Mapping[str, Any], after: datetime, chance: float) -> Run | None:
    """The next run. `chance` (0 to 1) says where in a flexible window it falls."""
    scheduled = next_time(schedule, after)
    if scheduled is None:
        return None
    window = schedule.get("FlexibleTimeWindow") or {}
    minutes = window.get("MaximumWindowInMinutes", 0) if window.get("Mode") == "FLEXIBLE" else 0
    return Run(scheduled, scheduled + timedelta(minutes=minutes) * chance)


def payload(
    schedule: Mapping[str, Any], run: Run, *, execution_id: str, attempt: int, account: str, region: str
) -> str:
    """What the target gets: the schedule's Input with context attributes filled in, or else an event."""
    time = f"{run.scheduled:%Y-%m-%dT%H:%M:%S}Z"
    given = (schedule.get("Target") or {}).get("Input")
    if given is None:
        return (
            f'{{"version":"0","id":"{execution_id}","detail-type":"Scheduled Event","source":"aws.scheduler",'
            f'"account":"{account}","time":"{time}","region":"{region}","resources":["{schedule["Arn"]}"],"detail":"{{}}"}}'
        )
    attributes = {
        "schedule-arn": schedule["Arn"], "scheduled-time": time, "execution-id": execution_id,
        "attempt-number": str(attempt),
    }  # fmt: skip
    text = str(given)
    for name, value in attributes.items():
        text = text.replace(f"<aws.scheduler.{name}>", value)
    return text


def may_retry(schedule: Mapping[str, Any], *, retries: int, age_seconds: float) -> str:
    """ "" if another attempt may be made; else which limit is reached, as dead letters name it."""
    policy = (schedule.get("Target") or {}).get("RetryPolicy") or {}
    if retries >= policy.get("MaximumRetryAttempts", MOST_RETRIES):
        return "MaximumRetryAttempts"
    if age_seconds >= policy.get("MaximumEventAgeInSeconds", OLDEST_SECONDS):
        return "MaximumEventAgeInSeconds"
    return ""


def _zone(schedule: Mapping[str, Any]) -> ZoneInfo:
    try:
        return ZoneInfo(schedule.get("ScheduleExpressionTimezone") or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def _moment(value: Any) -> datetime | None:
    """Epoch seconds or ISO 8601, as UTC."""
    if value is None:
        return None
    if isinstance(value, (int, float)):
        return datetime.fromtimestamp(value, UTC)
    found = datetime.fromisoformat(str(value))
    return found if found.tzinfo else found.replace(tzinfo=UTC)
