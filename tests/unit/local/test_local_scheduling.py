"""When schedules of EventBridge Scheduler run, and what their targets are told."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsctl.local.scheduling import Run, may_retry, next_time, payload, plan

MADE = datetime(2026, 3, 1, 12, 0, 10, tzinfo=UTC)


def a_schedule(expression: str, zone: str = "UTC", **settings: Any) -> dict[str, Any]:
    return {
        "Arn": "arn:aws:scheduler:eu-central-1:111122223333:schedule/a/b", "ScheduleExpression": expression,
        "ScheduleExpressionTimezone": zone, "FlexibleTimeWindow": {"Mode": "OFF"},
        "LastModificationDate": MADE.timestamp(), "Target": {"Arn": "a", "Input": "{}"}, **settings,
    }  # fmt: skip


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "zone", "due"),
    [
        ("at(2026-03-01T13:00:00)", "UTC", "2026-03-01T13:00:00"),
        ("at(2026-03-01T13:30:00)", "Europe/Vienna", "2026-03-01T12:30:00"),
        ("at(2026-03-01T11:00:00)", "UTC", None),
        ("rate(5 minutes)", "UTC", "2026-03-01T12:05:10"),
        ("rate(1 hour)", "UTC", "2026-03-01T13:00:10"),
        ("cron(0 13 * * ? *)", "UTC", "2026-03-01T13:00:00"),
        ("cron(0 9 * * ? *)", "America/New_York", "2026-03-01T14:00:00"),
        ("cron(0 0 1 1 ? 2020)", "UTC", None),
        ("nonsense", "UTC", None),
    ],
)
def test_a_schedule_is_due_when_its_expression_says_in_its_time_zone(
    expression: str, zone: str, due: str | None
) -> None:
    assert next_time(a_schedule(expression, zone), MADE) == (at(due) if due else None)


def test_summer_time_moves_a_cron_with_the_wall_clock() -> None:
    schedule = a_schedule("cron(0 9 * * ? *)", "Europe/Vienna")
    assert next_time(schedule, at("2026-03-28T12:00:00")) == at("2026-03-29T07:00:00")
    assert next_time(schedule, at("2026-03-27T12:00:00")) == at("2026-03-28T08:00:00")


@given(st.integers(1, 60), st.integers(0, 10_000_000))
def test_a_rate_never_skips_nor_doubles_a_turn(minutes: int, seconds: int) -> None:
    schedule, after = a_schedule(f"rate({minutes} minutes)"), MADE + timedelta(seconds=seconds)
    due = next_time(schedule, after)
    assert due is not None
    assert timedelta(0) < due - after <= timedelta(minutes=minutes)
    assert (due - MADE) % timedelta(minutes=minutes) == timedelta(0)


def test_it_runs_between_its_start_and_its_end() -> None:
    begins, ends = at("2026-03-02T00:00:00"), at("2026-03-02T00:07:00")
    schedule = a_schedule("rate(5 minutes)", StartDate=begins.timestamp(), EndDate=ends.timestamp())
    assert next_time(schedule, MADE) == begins + timedelta(minutes=5)
    assert next_time(schedule, begins + timedelta(minutes=5)) is None


@given(st.floats(0, 1))
def test_a_flexible_window_is_kept(chance: float) -> None:
    window = {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 15}
    run = plan(a_schedule("rate(1 hour)", FlexibleTimeWindow=window), MADE, chance)
    assert run is not None
    assert timedelta(0) <= run.starts - run.scheduled <= timedelta(minutes=15)


def test_the_target_is_told_what_its_input_asks_for() -> None:
    schedule = a_schedule("rate(1 hour)", Target={"Arn": "a", "Input": '{"at": "<aws.scheduler.scheduled-time>"}'})
    said = payload(schedule, Run(MADE, MADE), execution_id="e", attempt=2, account="1", region="r")
    assert json.loads(said) == {"at": "2026-03-01T12:00:10Z"}


def test_without_an_input_it_is_told_an_event() -> None:
    schedule = a_schedule("rate(1 hour)", Target={"Arn": "a"})
    said = json.loads(payload(schedule, Run(MADE, MADE), execution_id="e", attempt=1, account="1", region="r"))
    assert (said["id"], said["detail"], said["resources"]) == ("e", "{}", [schedule["Arn"]])


@pytest.mark.parametrize(
    ("retries", "age", "limit"),
    [(0, 0, ""), (2, 59, ""), (3, 0, "MaximumRetryAttempts"), (0, 60, "MaximumEventAgeInSeconds")],
)
def test_retries_end_at_the_policys_limits(retries: int, age: float, limit: str) -> None:
    policy = {"MaximumRetryAttempts": 3, "MaximumEventAgeInSeconds": 60}
    schedule = a_schedule("rate(1 hour)", Target={"Arn": "a", "RetryPolicy": policy})
    assert may_retry(schedule, retries=retries, age_seconds=age) == limit
