"""Retries, error names and log levels of Step Functions, as AWS documents them."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsctl.local.gaps.state_machines_calls import service_model, to_wire
from opsctl.local.gaps.state_machines_history import Trail, details_name, is_logged
from opsctl.local.gaps.state_machines_interpreter import matches, retry_delay_seconds

RETRIER = st.fixed_dictionaries(
    {"IntervalSeconds": st.integers(1, 60), "BackoffRate": st.floats(1, 5)},
    optional={"MaxDelaySeconds": st.integers(61, 300)},
)


def test_a_retry_waits_longer_each_time_up_to_its_limit() -> None:
    retrier = {"IntervalSeconds": 3, "BackoffRate": 1.5, "MaxDelaySeconds": 6}
    assert [retry_delay_seconds(retrier, attempt, random.uniform) for attempt in range(4)] == [3, 4.5, 6, 6]
    assert [retry_delay_seconds({}, attempt, random.uniform) for attempt in range(3)] == [1, 2, 4]


@given(RETRIER, st.integers(0, 8), st.randoms())
def test_full_jitter_is_anything_up_to_the_plain_delay(
    retrier: dict[str, float], attempt: int, chance: random.Random
) -> None:
    plain = retry_delay_seconds(retrier, attempt, chance.uniform)
    jittered = retry_delay_seconds({**retrier, "JitterStrategy": "FULL"}, attempt, chance.uniform)
    assert 0 <= jittered <= plain <= retrier.get("MaxDelaySeconds", plain)


@given(RETRIER)
def test_a_retry_never_waits_less_than_before(retrier: dict[str, float]) -> None:
    delays = [retry_delay_seconds(retrier, attempt, random.uniform) for attempt in range(6)]
    assert all(before <= after for before, after in itertools.pairwise(delays))


@pytest.mark.parametrize(
    ("names", "error", "is_meant"),
    [
        (["States.ALL"], "Refused", True),
        (["States.ALL"], "States.Timeout", True),
        (["States.ALL"], "States.Runtime", False),
        (["States.ALL"], "States.DataLimitExceeded", False),
        (["States.Runtime"], "States.Runtime", True),
        (["States.TaskFailed"], "Refused", True),
        (["States.TaskFailed"], "States.Timeout", False),
        (["States.TaskFailed"], "States.HeartbeatTimeout", False),
        (["States.Timeout"], "States.HeartbeatTimeout", True),
        (["States.HeartbeatTimeout"], "States.Timeout", False),
        (["Refused"], "Other", False),
    ],
)
def test_an_error_is_matched_by_name_or_by_kind(names: list[str], error: str, is_meant: bool) -> None:
    assert matches(names, error) is is_meant


def test_a_log_level_lets_through_what_is_documented() -> None:
    kinds = ["PassStateEntered", "TaskFailed", "TaskTimedOut", "FailStateEntered", "ExecutionFailed", "MapStateExited"]
    logged = {level: [kind for kind in kinds if is_logged(level, kind)] for level in ("ALL", "ERROR", "FATAL", "OFF")}
    assert logged == {"ALL": kinds, "ERROR": kinds[1:5], "FATAL": ["ExecutionFailed"], "OFF": []}


def test_every_event_has_its_details_where_the_api_has_them() -> None:
    members = service_model("stepfunctions").shape_for("HistoryEvent").members  # type: ignore[attr-defined]
    for kind in (
        "ExecutionStarted", "TaskStateEntered", "MapStateExited", "MapStateStarted", "MapIterationFailed",
        "TaskScheduled", "TaskSubmitted", "TaskTimedOut", "LambdaFunctionFailed", "ExecutionAborted",
    ):  # fmt: skip
        assert details_name(kind) in members


def test_a_branch_goes_on_from_where_it_left() -> None:
    events: list[dict[str, object]] = []
    trail = Trail(events, lambda event, details: None)
    trail.add("ParallelStateStarted")
    branches = [trail.branch(), trail.branch()]
    for branch in branches:
        branch.add("PassStateEntered", {"name": "A"})
    assert [(event["id"], event["previousEventId"]) for event in events] == [(1, 0), (2, 1), (3, 1)]


def test_parameters_get_the_service_s_own_names_and_json_where_it_wants_text() -> None:
    submit = service_model("batch").operation_model("SubmitJob").input_shape
    assert to_wire({"JobName": "a", "ArrayProperties": {"Size": 3}}, submit) == {
        "jobName": "a", "arrayProperties": {"size": 3},
    }  # fmt: skip
    put = service_model("dynamodb").operation_model("PutItem").input_shape
    assert to_wire({"Item": {"Id": {"S": "x"}}}, put) == {"Item": {"Id": {"S": "x"}}}
    send = service_model("sqs").operation_model("SendMessage").input_shape
    assert to_wire({"MessageBody": {"a": 1}}, send) == {"MessageBody": '{"a":1}'}
