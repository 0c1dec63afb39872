"""What Batch decides about a job: retries, dependencies, arrays, and the order of statuses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsctl.local.batch import api
from opsctl.local.batch.api import ClientException, Definition
from opsctl.local.batch.jobs import (
    FOLLOWING,
    Attempt,
    Dependency,
    End,
    Job,
    NoSuchStep,
    Request,
    Retries,
    RetryRule,
    Status,
    array_status,
    exit_code,
    readiness,
    summary,
    tried_again,
    waits_for,
)

QUEUE = "arn:aws:batch:eu-central-1:111122223333:job-queue/q"
DEFINITION = Definition(
    "arn:aws:batch:eu-central-1:111122223333:job-definition/d:1",
    {
        "image": "i:1",
        "command": ["a"],
        "environment": [{"name": "A", "value": "1"}],
        "resourceRequirements": [{"type": "VCPU", "value": "0.5"}, {"type": "MEMORY", "value": "1024"}],
    },
    {"key": "none"},
    {"attempts": 2},
    {"attemptDurationSeconds": 90},
)
KILLED = End(137)
BAD_FILE = End(65)


def request(**changes: object) -> Request:
    return Request("n", QUEUE, DEFINITION.arn, "i:1", **changes)  # type: ignore[arg-type]


def job(status: Status = Status.SUBMITTED, index: int | None = None, **changes: object) -> Job:
    job_id = "j" if index is None else f"j:{index}"
    return Job(job_id, f"arn:{job_id}", request(**changes), 1, status, index=index)


def test_a_failed_attempt_is_repeated_until_the_attempts_are_used_up() -> None:
    retries = Retries(attempts=3)
    assert [tried_again(retries, made, KILLED) for made in (1, 2, 3)] == [True, True, False]


def test_the_first_rule_that_matches_decides() -> None:
    rules = (RetryRule("EXIT", on_exit_code="65"), RetryRule("RETRY", on_status_reason="*"))
    assert not tried_again(Retries(5, rules), 1, BAD_FILE)
    assert tried_again(Retries(5, rules), 1, KILLED)
    assert tried_again(Retries(5, tuple(reversed(rules))), 1, BAD_FILE)


def test_what_no_rule_matches_is_repeated() -> None:
    assert tried_again(Retries(2, (RetryRule("EXIT", on_exit_code="65"),)), 1, KILLED)


def test_all_conditions_of_a_rule_must_hold() -> None:
    rule = RetryRule("EXIT", on_exit_code="137", on_reason="OutOfMemoryError*")
    assert tried_again(Retries(2, (rule,)), 1, KILLED)
    assert not tried_again(Retries(2, (rule,)), 1, End(137, "OutOfMemoryError: Container killed"))


def test_a_star_stands_for_any_rest_and_nothing_else_does() -> None:
    def pulled(pattern: str) -> bool:
        return RetryRule("EXIT", on_reason=pattern).matches(End(None, "CannotPullContainerError: no such tag"))

    assert pulled("CannotPullContainerError*")
    assert pulled("*")
    assert not pulled("CannotPullContainerError")
    assert not pulled("cannotpull*")


def test_one_that_took_too_long_or_was_terminated_is_never_repeated() -> None:
    assert not tried_again(Retries(10), 1, End(143, status_reason="Job attempt duration exceeded timeout", final=True))


def test_a_killed_process_ends_as_a_container_does() -> None:
    assert (exit_code(-9), exit_code(-15), exit_code(3)) == (137, 143, 3)


def test_only_that_job_goes_back_to_runnable() -> None:
    running = job(Status.RUNNING, retries=Retries(2))
    again = running.attempted(Attempt(KILLED, "s", "t", 1, 2))
    assert (again.status, len(again.attempts), again.log_stream) == (Status.RUNNABLE, 1, "")
    over = again.moved(Status.STARTING).moved(Status.RUNNING).attempted(Attempt(KILLED, "s", "t", 3, 4))
    assert (over.status, len(over.attempts), over.stopped_at) == (Status.FAILED, 2, 4)


@given(st.lists(st.sampled_from(list(Status)), max_size=12))
def test_a_job_takes_documented_steps_only_and_none_after_its_end(steps: list[Status]) -> None:
    one = job()
    for status in steps:
        before = one.status
        if status in FOLLOWING[before]:
            one = one.moved(status)
        else:
            with pytest.raises(NoSuchStep):
                one.moved(status)
            assert one.status is before
        assert not before.over or one.status is before


@given(st.lists(st.sampled_from(list(Status)), min_size=2, max_size=40))
def test_an_array_is_over_when_all_its_children_are_and_failed_if_one_did(children: list[Status]) -> None:
    status = array_status(summary(children), len(children))
    if all(child.over for child in children):
        assert status is (Status.FAILED if Status.FAILED in children else Status.SUCCEEDED)
    else:
        assert status in (Status.SUBMITTED, Status.PENDING)
    assert sum(summary(children).values()) == len(children)


def test_a_child_waits_for_its_like_in_an_n_to_n_dependency() -> None:
    assert waits_for(job(index=4, size=9, dependencies=(Dependency("other", "N_TO_N"),))) == ("other:4",)


def test_a_sequential_array_goes_one_by_one() -> None:
    sequential = (Dependency(type="SEQUENTIAL"),)
    assert waits_for(job(index=0, size=3, dependencies=sequential)) == ()
    assert waits_for(job(index=2, size=3, dependencies=sequential)) == ("j:1",)


def test_a_plain_dependency_is_the_whole_job() -> None:
    assert waits_for(job(index=2, size=3, dependencies=(Dependency("other"),))) == ("other",)


@pytest.mark.parametrize(
    ("statuses", "ready"),
    [
        ((Status.SUCCEEDED, Status.SUCCEEDED), Status.RUNNABLE),
        ((Status.SUCCEEDED, Status.RUNNING), Status.PENDING),
        ((Status.FAILED, Status.RUNNING), Status.FAILED),
        ((None, Status.SUCCEEDED), Status.RUNNABLE),
    ],
)
def test_a_job_runs_when_all_succeeded_that_it_waits_for(statuses: tuple[Status | None, ...], ready: Status) -> None:
    known = dict(zip(("a", "b"), statuses, strict=True))
    assert readiness(job(dependencies=(Dependency("a"), Dependency("b"))), known.get) is ready


def test_parameters_take_their_places_in_the_command() -> None:
    made = request(
        command=("get", "Ref::key", "--as=Ref::name", "Ref::unknown"), parameters=(("key", "k"), ("name", "n"))
    )
    assert made.argv == ("get", "k", "--as=n", "Ref::unknown")


def test_what_a_submission_does_not_say_comes_from_the_definition() -> None:
    overrides = {"environment": [{"name": "B", "value": "2"}]}
    body = {"jobName": "n", "containerOverrides": overrides, "parameters": {"key": "k"}}
    made = api.request_from(body, DEFINITION, QUEUE)
    assert dict(made.environment) == {"A": "1", "B": "2"}
    assert (made.command, made.vcpus, made.memory_mb, made.seconds) == (("a",), 0.5, 1024, 90)
    assert (made.retries.attempts, dict(made.parameters), made.log_group) == (2, {"key": "k"}, "/aws/batch/job")


@pytest.mark.parametrize(
    "body",
    [
        {"jobName": "no spaces"},
        {"jobName": "n", "arrayProperties": {"size": 1}},
        {"jobName": "n", "arrayProperties": {"size": 10_001}},
        {"jobName": "n", "timeout": {"attemptDurationSeconds": 59}},
        {"jobName": "n", "retryStrategy": {"attempts": 11}},
        {"jobName": "n", "dependsOn": [{"jobId": "a"}] * 21},
        {"jobName": "n", "dependsOn": [{"type": "SEQUENTIAL"}]},
        {"jobName": "n", "dependsOn": [{"jobId": "a", "type": "ALL"}]},
        {"jobName": "n", "containerOverrides": {"environment": [{"name": "AWS_BATCH_JOB_ID", "value": "x"}]}},
    ],
    ids=str,
)
def test_what_batch_does_not_take_is_refused(body: dict[str, object]) -> None:
    with pytest.raises(ClientException):
        api.request_from(body, DEFINITION, QUEUE)


def test_a_list_without_a_status_shows_what_runs_and_a_filter_shows_all_of_a_name() -> None:
    listed = [job(Status.RUNNING), job(Status.FAILED)]
    assert [each.status for each in api.chosen(listed, {})] == [Status.RUNNING]
    assert [each.status for each in api.chosen(listed, {"jobStatus": "FAILED"})] == [Status.FAILED]
    assert len(api.chosen(listed, {"filters": [{"name": "JOB_NAME", "values": ["N*"]}]})) == 2
    assert api.chosen(listed, {"filters": [{"name": "JOB_NAME", "values": ["m"]}]}) == []
    with pytest.raises(ClientException):
        api.chosen(listed, {"filters": [{"name": "COLOUR", "values": ["red"]}]})


def test_an_arrays_parent_is_described_with_its_children_counted_and_a_child_with_its_index() -> None:
    counted = summary([Status.SUCCEEDED, Status.FAILED])
    parent = api.detail(job(Status.PENDING, size=2), counted)
    assert parent["arrayProperties"] == {"size": 2, "statusSummary": counted}
    assert api.detail(job(Status.RUNNING, index=1, size=2), {})["arrayProperties"] == {"index": 1, "statusSummary": {}}
