"""The list pipeline (S6) and the Step Functions patterns (S10) on the real stack: effects and execution histories."""

from __future__ import annotations

import itertools
import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from opsctl.aws import Aws
from opsctl.smoke import workflows
from opsctl.smoke.check import Trial
from opsctl.smoke.photos import Announcements
from opsctl.workflows import lint
from tests.e2e.project import Project, wait_for

ENTRY = {"sku": "print-20x30", "title": "Print", "price_cents": 1250}


def lists_machine(trial: Trial) -> str:
    return str(trial.target.output("workflows.state_machines.lists.arn"))


def executions_of(trial: Trial, key: str) -> list[str]:
    """ARNs of the executions for a list, newest first."""
    found = trial.aws.call("stepfunctions", "list_executions", stateMachineArn=lists_machine(trial), maxResults=100)
    arns = [execution["executionArn"] for execution in found["executions"]]
    given = {arn: trial.aws.call("stepfunctions", "describe_execution", executionArn=arn)["input"] for arn in arns}
    return [arn for arn in arns if json.loads(given[arn])["detail"]["object"]["key"] == key]


def started(trial: Trial, key: str) -> str:
    """The execution that S3's event started for a list."""
    return str(wait_for(lambda: executions_of(trial, key), what=f"an execution for {key}")[0])


def ended(trial: Trial, execution: str) -> dict[str, Any]:
    found: dict[str, Any] = wait_for(lambda: workflows.ended(trial, execution), what=f"the end of {execution}")
    return found


def history(trial: Trial, execution: str) -> list[dict[str, Any]]:
    return list(
        trial.aws.pages("stepfunctions", "get_execution_history", "events", executionArn=execution, maxResults=1000)
    )


def path_of(events: list[dict[str, Any]]) -> list[str]:
    """The states that an execution went through, in order; those inside of a Map by each iteration."""
    return [event["stateEnteredEventDetails"]["name"] for event in events if event["type"].endswith("StateEntered")]


def errors_in(events: list[dict[str, Any]]) -> list[str]:
    return [
        event[name]["error"]
        for event in events
        for name in ("taskFailedEventDetails", "taskTimedOutEventDetails")
        if name in event
    ]


def delays(events: list[dict[str, Any]]) -> list[timedelta]:
    """From each failure of a task to its next attempt."""
    marks = [event for event in events if event["type"] in ("TaskFailed", "TaskScheduled")]
    return [
        after["timestamp"] - before["timestamp"]
        for before, after in itertools.pairwise(marks)
        if (before["type"], after["type"]) == ("TaskFailed", "TaskScheduled")
    ]


def most_at_once(events: list[dict[str, Any]]) -> int:
    changes = {"Started": 1, "Succeeded": -1, "Failed": -1, "Aborted": -1}
    return max(itertools.accumulate(changes.get(event["type"].partition("MapIteration")[2], 0) for event in events))


def letters(trial: Trial, keys: set[str]) -> dict[str, dict[str, str]]:
    """Attributes of the messages about these lists, which are taken out of the failure queue."""
    url, found = trial.target.output(workflows.FAILURES), {}
    while keys - found.keys():
        answer = trial.aws.call(
            "sqs", "receive_message", QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=5, VisibilityTimeout=20,
            MessageAttributeNames=["All"],
        )  # fmt: skip
        assert answer.get("Messages"), f"nothing about {keys - found.keys()}"
        for message in answer["Messages"]:
            attributes = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
            if attributes["correlation_id"] in keys:
                found[attributes["correlation_id"]] = attributes
                trial.aws.call("sqs", "delete_message", QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return found


def told(announced: Announcements, about: str) -> list[dict[str, Any]]:
    while announced.poll(wait_seconds=1):
        pass
    return announced.of(about)


@contextmanager
def throttled(aws: Aws, function: str) -> Iterator[None]:
    """Lambda takes no call of this function: as with an account at its limit."""
    aws.call("lambda", "put_function_concurrency", FunctionName=function, ReservedConcurrentExecutions=0)
    try:
        yield
    finally:
        aws.call("lambda", "delete_function_concurrency", FunctionName=function)


@contextmanager
def halted(stack: Project, function: str) -> Iterator[list[int]]:
    """The function's warm workers stand still: whoever is given to them now is half-way until they are killed."""
    mark = f"AWS_LAMBDA_FUNCTION_NAME={function}".encode()
    workers = []
    for pid in stack.processes():
        try:
            if mark in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
                workers.append(pid)
        except OSError:
            continue
    assert workers, f"{function} has no warm worker"
    for pid in workers:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield workers
    finally:
        kill(workers)


def kill(workers: list[int]) -> None:
    while workers:
        try:
            os.kill(workers.pop(), signal.SIGKILL)
        except ProcessLookupError:
            continue


def test_a_valid_list_arrives_transformed_and_announced(trial: Trial) -> None:
    announced = Announcements.listen(trial, workflows.TOPIC, "key")
    key = workflows.put_list(trial, f"good-{trial.id}", workflows.SAMPLE)
    execution = started(trial, key)
    assert ended(trial, execution)["status"] == "SUCCEEDED"
    assert path_of(history(trial, execution)) == ["Validate", "Transform", "Announce", "Ready"]
    result = workflows.result_of(trial, key)
    assert result is not None
    assert [(entry["sku"], entry["title"], entry["price"]) for entry in result["entries"]] == [
        ("frame-oak", "Frame, oak", "39.05"), ("print-20x30", "Print 20 x 30", "12.50"),
    ]  # fmt: skip
    [message] = told(announced, key)
    assert (message["event"], message["result"]["key"]) == ("list.ready", workflows.result_key(key))


WRONG: dict[str, tuple[Any, dict[str, Any]]] = {
    "field": ([ENTRY, {**ENTRY, "sku": "b-2", "price_cents": 1.5}], {"index": 1, "field": "price_cents"}),
    "malformed": (b'[{"sku": ', {}),
    "empty": ([], {}),
    "oversized": (b"[" + b" " * 1024 * 1024 + b"]", {}),
    "many": ([{**ENTRY, "sku": f"s-{number}"} for number in range(10_001)], {}),
}


def test_an_invalid_list_takes_the_catch_path_and_leaves_the_results_untouched(trial: Trial) -> None:
    announced = Announcements.listen(trial, workflows.TOPIC, "key")
    keys = {name: workflows.put_list(trial, f"{name}-{trial.id}", content) for name, (content, _) in WRONG.items()}
    reasons = {}
    for name, key in keys.items():
        execution = started(trial, key)
        output = json.loads(ended(trial, execution)["output"])
        assert path_of(history(trial, execution)) == ["Validate", "AnnounceRejection", "KeepRejection", "Rejected"], (
            name
        )
        assert output["outcome"] == "rejected"
        found = {field: output["problem"].get(field) for field in ("index", "field")}
        assert {field: value for field, value in found.items() if value is not None} == WRONG[name][1], name
        assert output["problem"]["reason"]
        assert workflows.result_of(trial, key) is None
        reasons[key] = output["problem"]["reason"]
    told(announced, key)
    assert all([message["event"] for message in announced.of(key)] == ["list.rejected"] for key in reasons)
    kept = letters(trial, set(keys.values()))
    assert all(reason in kept[key]["reason"] for key, reason in reasons.items())


def test_a_transient_fault_is_retried_with_growing_pauses_and_succeeds(trial: Trial) -> None:
    function = trial.target.output("workflows.functions.list-transform.function_name")
    with throttled(trial.aws, function):
        key = workflows.put_list(trial, f"throttled-{trial.id}", workflows.SAMPLE)
        execution = started(trial, key)
        wait_for(lambda: len(errors_in(history(trial, execution))) == 2, what="two failed attempts")
    assert ended(trial, execution)["status"] == "SUCCEEDED"
    events = history(trial, execution)
    assert set(errors_in(events)) == {"Lambda.TooManyRequestsException"}
    first, second = delays(events)[:2]
    assert first >= timedelta(seconds=1)
    assert second >= timedelta(seconds=2)
    assert workflows.result_of(trial, key)


def test_an_event_that_comes_twice_has_one_effect(trial: Trial) -> None:
    announced = Announcements.listen(trial, workflows.TOPIC, "key")
    key = workflows.put_list(trial, f"twice-{trial.id}", workflows.SAMPLE)
    first = ended(trial, started(trial, key))
    again = trial.aws.call(
        "stepfunctions", "start_execution", stateMachineArn=lists_machine(trial), input=first["input"]
    )["executionArn"]
    second = ended(trial, again)
    assert json.loads(second["output"]) == json.loads(first["output"])  # the same ETag, and the same message's id
    assert len(told(announced, key)) == 1


def test_a_list_that_failed_for_good_is_put_back_by_redrive(stack: Project, trial: Trial) -> None:
    """Nothing is lost: the event lies in the failure queue with its error, and starts its machine again from there."""
    key = workflows.put_list(trial, f"lost-{trial.id}", workflows.SAMPLE)
    event = json.loads(ended(trial, started(trial, key))["input"])
    result = {"Bucket": trial.target.output("workflows.buckets.results.id"), "Key": workflows.result_key(key)}
    trial.aws.call("s3", "delete_object", **result)
    trial.aws.call(
        "sqs", "send_message", QueueUrl=trial.target.output(workflows.FAILURES), MessageBody=json.dumps(event),
        MessageAttributes={
            "reason": {"DataType": "String", "StringValue": "Lambda.ServiceException: a test"},
            "TARGET_ARN": {"DataType": "String", "StringValue": lists_machine(trial)},
        },
    )  # fmt: skip
    stack.opsctl("queues", "redrive", "local", "list-failures", "--yes")
    wait_for(lambda: workflows.result_of(trial, key), what="the result after all")


def test_a_list_that_was_written_over_is_left_to_its_newer_execution(trial: Trial) -> None:
    key = workflows.put_list(trial, f"over-{trial.id}", workflows.SAMPLE)
    older = ended(trial, started(trial, key))
    workflows.put_list(trial, f"over-{trial.id}", [ENTRY])
    wait_for(lambda: len(executions_of(trial, key)) == 2, what="the newer list's execution")
    late = trial.aws.call(
        "stepfunctions", "start_execution", stateMachineArn=lists_machine(trial), input=older["input"]
    )["executionArn"]
    assert json.loads(ended(trial, late)["output"]) == {"outcome": "superseded"}
    for execution in executions_of(trial, key):
        ended(trial, execution)
    result = workflows.result_of(trial, key)
    assert result is not None
    assert len(result["entries"]) == 1


def test_a_worker_killed_half_way_is_replaced_and_the_list_is_announced_once(stack: Project, trial: Trial) -> None:
    announced = Announcements.listen(trial, workflows.TOPIC, "key")
    ended(trial, started(trial, workflows.put_list(trial, f"warm-{trial.id}", workflows.SAMPLE)))
    function = trial.target.output("workflows.functions.list-transform.function_name")
    with halted(stack, function) as workers:
        key = workflows.put_list(trial, f"killed-{trial.id}", workflows.SAMPLE)
        execution = started(trial, key)
        wait_for(
            lambda: "Transform" in (path := path_of(events := history(trial, execution)))
            and path[-1] == "Transform" and events[-1]["type"] == "TaskStarted",
            what="Transform at work",
        )  # fmt: skip
        kill(workers)
        assert ended(trial, execution)["status"] == "SUCCEEDED"
    assert errors_in(history(trial, execution)) == ["Runtime.ExitError"]
    assert workflows.result_of(trial, key)
    assert len(told(announced, key)) == 1


def test_approval_continues_the_execution_five_entries_at_once_and_counts_once(trial: Trial) -> None:
    announced = Announcements.listen(trial, workflows.TOPIC, "approval_id")
    photos = [f"photo-{number:02}" for number in range(12)]
    approval_id = f"approve-{trial.id}"
    execution = workflows.ask(trial, approval_id, photos)
    waiting = wait_for(lambda: workflows.approval(trial, approval_id), what="the approval")
    assert (waiting["status"], workflows.ended(trial, execution)) == ("waiting", None)
    assert workflows.decide(trial, approval_id, "maybe").status == 400
    answer = workflows.decide(trial, approval_id, "approve", "fine")
    assert answer.status == 200, str(answer)
    done = ended(trial, execution)
    assert json.loads(done["output"])["answer"]["comment"] == "fine"
    events = history(trial, execution)
    iterations = [event.get("mapIterationStartedEventDetails", {}).get("name") for event in events]
    assert (iterations.count("CheckEntries"), iterations.count("ReleaseEntries")) == (12, 12)
    assert most_at_once(events) == 5
    assert {"TaskSubmitted", "TaskSucceeded"} <= {event["type"] for event in events}
    late = workflows.decide(trial, approval_id, "reject")
    assert (late.status, late.json()["message"]) == (409, "The approval was approved already.")
    messages = told(announced, approval_id)
    assert messages[0]["event"] == "approval.requested"
    assert sorted(message["photo_id"] for message in messages[1:]) == photos
    record = workflows.approval(trial, approval_id)
    assert record is not None
    assert record["status"] == "approved"


def test_a_rejection_takes_its_own_branch_and_releases_nothing(trial: Trial) -> None:
    announced = Announcements.listen(trial, workflows.TOPIC, "approval_id")
    approval_id = f"reject-{trial.id}"
    execution = workflows.ask(trial, approval_id, ["one", "<script>"])
    wait_for(lambda: workflows.approval(trial, approval_id), what="the approval")
    assert workflows.decide(trial, approval_id, "reject", "not yet").status == 200
    output = json.loads(ended(trial, execution)["output"])
    assert (output["outcome"], output["answer"]["comment"]) == ("rejected", "not yet")
    assert path_of(history(trial, execution))[-3:] == ["RecordOutcome", "WhichOutcome", "Rejected"]
    assert workflows.decide(trial, approval_id, "reject").status == 409
    [message] = told(announced, approval_id)
    assert [refused["photo_id"] for refused in message["refused"]] == ["<script>"]


def test_silence_takes_its_own_branch_and_an_answer_comes_too_late(trial: Trial) -> None:
    approval_id = f"silence-{trial.id}"
    execution = workflows.ask(trial, approval_id, ["one"], timeout_seconds=1)
    assert json.loads(ended(trial, execution)["output"])["outcome"] == "expired"
    events = history(trial, execution)
    assert errors_in(events) == ["States.Timeout"]
    assert path_of(events)[-1] == "Expired"
    late = workflows.decide(trial, approval_id, "approve")
    assert (late.status, late.json()["message"]) == (410, "The time to answer is over.")
    assert workflows.decide(trial, f"nobody-{trial.id}", "approve").status == 404


def test_timeouts_and_throttling_each_have_a_retry_of_their_own(stack: Project, trial: Trial) -> None:
    function = trial.target.output("workflows.functions.approval-check.function_name")
    with throttled(trial.aws, function):
        execution = workflows.ask(trial, f"throttled-{trial.id}", ["one"])
        wait_for(lambda: len(errors_in(history(trial, execution))) >= 2, what="two failed attempts")
    wait_for(lambda: workflows.approval(trial, f"throttled-{trial.id}"), what="the approval after all")
    events = history(trial, execution)
    assert set(errors_in(events)) == {"Lambda.TooManyRequestsException"}
    with halted(stack, function):
        execution = workflows.ask(trial, f"slow-{trial.id}", ["one"])
        wait_for(lambda: workflows.approval(trial, f"slow-{trial.id}"), what="the approval after a timeout")
    events = history(trial, execution)
    assert errors_in(events) == ["States.Timeout"]
    [at] = [number for number, event in enumerate(events) if event["type"] == "TaskTimedOut"]
    assert events[at + 1]["type"] == "TaskScheduled"
    assert events[at + 1]["timestamp"] - events[at]["timestamp"] >= timedelta(seconds=1)


def test_every_machine_of_the_stack_is_right_as_deployed(trial: Trial) -> None:
    found = {}
    for machine in trial.aws.pages("stepfunctions", "list_state_machines", "stateMachines"):
        described = trial.aws.call(
            "stepfunctions", "describe_state_machine", stateMachineArn=machine["stateMachineArn"]
        )
        found[machine["name"]] = lint(described["definition"], described["type"])
    assert {f"{trial.target.prefix}-lists", f"{trial.target.prefix}-release"} <= found.keys()
    assert {name: problems for name, problems in found.items() if problems} == {}


@pytest.fixture(autouse=True)
def _no_step_left_throttled(aws: Aws, outputs: dict[str, Any]) -> Iterator[None]:
    """A test that failed must not leave the others without functions."""
    yield
    for name in ("list-transform", "approval-check"):
        function = outputs["workflows"]["functions"][name]["function_name"]
        aws.call("lambda", "delete_function_concurrency", FunctionName=function)
