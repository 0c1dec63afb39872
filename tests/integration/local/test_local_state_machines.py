"""Step Functions as AWS runs, tells, logs and counts executions (gaps state_machines and function_errors)."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from local_clouds import ACCOUNT, REGION, Client, zipped

CODE = """
import json, os, time

class Refused(Exception):
    pass

def handler(event, context):
    if event.get("sleep"):
        time.sleep(event["sleep"])
    if event.get("raise"):
        raise Refused(event["raise"])
    if event.get("die"):
        os.kill(os.getpid(), 9)
    return {"echo": event}
"""
NUMBERS = itertools.count()


class Machines:
    """Makes state machines and runs executions of them."""

    def __init__(self, client: Client) -> None:
        self.states, self._client = client("stepfunctions"), client
        self.states.meta.config.inject_host_prefix = False  # StartSyncExecution would go to sync-127.0.0.1
        self.function = client("lambda").create_function(
            FunctionName="in-a-state", Runtime="python3.11", Handler="handler.handler",
            Role=f"arn:aws:iam::{ACCOUNT}:role/x", Code={"ZipFile": zipped(CODE)}, Timeout=20,
        )["FunctionArn"]  # fmt: skip

    def make(self, states: Mapping[str, Any], *, kind: str = "STANDARD", start: str = "", **settings: Any) -> str:
        top = {name: settings.pop(name) for name in ("TimeoutSeconds", "QueryLanguage") if name in settings}
        definition = {"StartAt": start or next(iter(states)), "States": dict(states), **top}
        arn: str = self.states.create_state_machine(
            name=f"machine-{next(NUMBERS)}", definition=json.dumps(definition), type=kind,
            roleArn=f"arn:aws:iam::{ACCOUNT}:role/x", **settings,
        )["stateMachineArn"]  # fmt: skip
        return arn

    def start(self, machine: str, given: Any = None, **settings: Any) -> str:
        arn: str = self.states.start_execution(stateMachineArn=machine, input=json.dumps(given or {}), **settings)[
            "executionArn"
        ]
        return arn

    def run(self, states: Mapping[str, Any], given: Any = None, **settings: Any) -> dict[str, Any]:
        return self.ended(self.start(self.make(states, **settings), given))

    def ended(self, execution: str) -> dict[str, Any]:
        return seen(lambda: found if (found := self.look(execution))["status"] != "RUNNING" else None)

    def look(self, execution: str) -> dict[str, Any]:
        found: dict[str, Any] = self.states.describe_execution(executionArn=execution)
        return found

    def history(self, execution: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.states.get_execution_history(executionArn=execution, maxResults=1000)[
            "events"
        ]
        return found

    def waiting(self, execution: str) -> str:
        """The token of a task that keeps it in the table `tokens`."""
        table = self._client("dynamodb")

        def look() -> str | None:
            item = table.get_item(TableName="tokens", Key={"id": {"S": execution}}).get("Item")
            return item["token"]["S"] if item else None

        return seen(look)


def seen(look: Callable[[], Any], *, within_seconds: float = 20) -> Any:
    deadline = time.monotonic() + within_seconds
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.05)
    raise AssertionError("not seen in time")


@pytest.fixture(scope="module")
def machines(client: Client) -> Machines:
    client("dynamodb").create_table(
        TableName="tokens", BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )  # fmt: skip
    return Machines(client)


def work(machines: Machines, **more: Any) -> dict[str, Any]:
    """A state that runs the function with the execution's input."""
    return {
        "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": True,
        "Parameters": {"FunctionName": machines.function, "Payload.$": "$"}, "OutputPath": "$.Payload", **more,
    }  # fmt: skip


def ask(**more: Any) -> dict[str, Any]:
    """A state that keeps its token and waits for it."""
    return {
        "Type": "Task", "Resource": "arn:aws:states:::aws-sdk:dynamodb:putItem.waitForTaskToken", "End": True,
        "Parameters": {"TableName": "tokens", "Item": {
            "id": {"S.$": "$$.Execution.Id"}, "token": {"S.$": "$$.Task.Token"},
        }}, **more,
    }  # fmt: skip


def kinds(events: list[dict[str, Any]]) -> list[str]:
    return [event["type"] for event in events]


def test_the_history_tells_every_step_of_a_task(machines: Machines) -> None:
    ended = machines.run({"Work": work(machines)}, {"a": 1})
    events = machines.history(ended["executionArn"])
    assert json.loads(ended["output"]) == {"echo": {"a": 1}}
    assert kinds(events) == [
        "ExecutionStarted", "TaskStateEntered", "TaskScheduled", "TaskStarted", "TaskSucceeded", "TaskStateExited",
        "ExecutionSucceeded",
    ]  # fmt: skip
    assert [event.get("previousEventId") for event in events] == [0, 1, 2, 3, 4, 5, 6]
    assert events[2]["taskScheduledEventDetails"]["resourceType"] == "lambda"
    assert events[4]["taskSucceededEventDetails"]["resource"] == "invoke"


def test_a_function_named_directly_has_events_of_its_own(machines: Machines) -> None:
    ended = machines.run({"Work": {"Type": "Task", "Resource": machines.function, "End": True}}, {"a": 1})
    assert json.loads(ended["output"]) == {"echo": {"a": 1}}
    assert kinds(machines.history(ended["executionArn"]))[2:5] == [
        "LambdaFunctionScheduled", "LambdaFunctionStarted", "LambdaFunctionSucceeded",
    ]  # fmt: skip


def test_a_functions_error_is_caught_by_its_class(machines: Machines) -> None:
    caught = {"Catch": [{"ErrorEquals": ["Refused"], "ResultPath": "$.why", "Next": "Done"}], "OutputPath": "$"}
    ended = machines.run({"Work": work(machines, **caught), "Done": {"Type": "Pass", "End": True}}, {"raise": "no"})
    output = json.loads(ended["output"])
    cause = json.loads(output["why"]["Cause"])
    assert (output["raise"], output["why"]["Error"], cause["errorMessage"]) == ("no", "Refused", "no")
    assert any("handler" in line for line in cause["stackTrace"])


def test_a_killed_worker_is_retried_and_named(machines: Machines) -> None:
    retried = {"Retry": [{"ErrorEquals": ["Runtime.ExitError"], "IntervalSeconds": 1, "MaxAttempts": 1}]}
    ended = machines.run({"Work": work(machines, **retried)}, {"die": True})
    assert (ended["status"], ended["error"]) == ("FAILED", "Runtime.ExitError")
    assert kinds(machines.history(ended["executionArn"])).count("TaskFailed") == 2


def test_a_retry_backs_off_up_to_its_longest_delay(machines: Machines) -> None:
    retry = [
        {"ErrorEquals": ["Refused"], "IntervalSeconds": 1, "BackoffRate": 10, "MaxDelaySeconds": 2, "MaxAttempts": 2}
    ]
    ended = machines.run({"Work": work(machines, Retry=retry)}, {"raise": "no"})
    events = machines.history(ended["executionArn"])
    failed = [event["timestamp"] for event in events if event["type"] == "TaskFailed"]
    again = [event["timestamp"] for event in events if event["type"] == "TaskScheduled"][1:]
    first, second = (later - earlier for earlier, later in zip(failed, again, strict=False))
    assert first >= timedelta(seconds=1)
    assert timedelta(seconds=2) <= second < timedelta(seconds=10)  # 10 without the limit


def test_a_task_that_takes_too_long_times_out_and_is_no_failed_task(machines: Machines) -> None:
    catch = [
        {"ErrorEquals": ["States.TaskFailed"], "Next": "Wrong"}, {"ErrorEquals": ["States.Timeout"], "Next": "Right"},
    ]  # fmt: skip
    states = {
        "Work": work(machines, TimeoutSeconds=1, Catch=catch, OutputPath="$"),
        "Wrong": {"Type": "Fail"}, "Right": {"Type": "Succeed"},
    }  # fmt: skip
    ended = machines.run(states, {"sleep": 3})
    assert ended["status"] == "SUCCEEDED"
    assert "TaskTimedOut" in kinds(machines.history(ended["executionArn"]))


def test_an_execution_that_takes_too_long_times_out(machines: Machines) -> None:
    ended = machines.run({"Wait": {"Type": "Wait", "Seconds": 60, "End": True}}, TimeoutSeconds=1)
    assert ended["status"] == "TIMED_OUT"
    assert kinds(machines.history(ended["executionArn"]))[-1] == "ExecutionTimedOut"


def test_a_stopped_execution_stops_at_once_and_its_token_is_closed(machines: Machines) -> None:
    execution = machines.start(machines.make({"Ask": ask()}))
    token = machines.waiting(execution)
    machines.states.stop_execution(executionArn=execution, error="Enough", cause="a test")
    assert seen(lambda: kinds(machines.history(execution))[-1:] == ["ExecutionAborted"])
    found = machines.look(execution)
    assert (found["status"], found["error"]) == ("ABORTED", "Enough")
    with pytest.raises(machines.states.exceptions.TaskTimedOut):
        machines.states.send_task_success(taskToken=token, output="{}")
    assert machines.look(execution)["status"] == "ABORTED"


def test_a_token_counts_once(machines: Machines) -> None:
    execution = machines.start(machines.make({"Ask": ask()}))
    token = machines.waiting(execution)
    with pytest.raises(machines.states.exceptions.InvalidOutput):
        machines.states.send_task_success(taskToken=token, output="no JSON")
    machines.states.send_task_success(taskToken=token, output='{"yes": true}')
    with pytest.raises(machines.states.exceptions.TaskTimedOut):
        machines.states.send_task_failure(taskToken=token, error="Late")
    ended = machines.ended(execution)
    assert (ended["status"], json.loads(ended["output"])) == ("SUCCEEDED", {"yes": True})
    assert "TaskSubmitted" in kinds(machines.history(execution))
    with pytest.raises(machines.states.exceptions.InvalidToken):
        machines.states.send_task_success(taskToken="of-nobody", output="{}")


def test_a_task_without_heartbeats_times_out_and_one_with_them_goes_on(machines: Machines) -> None:
    machine = machines.make({"Ask": ask(HeartbeatSeconds=2)})
    silent, beating = machines.start(machine), machines.start(machine)
    token = machines.waiting(beating)
    while machines.look(silent)["status"] == "RUNNING":
        machines.states.send_task_heartbeat(taskToken=token)
        time.sleep(0.2)
    assert machines.look(silent)["error"] == "States.HeartbeatTimeout"
    machines.states.send_task_success(taskToken=token, output="1")
    assert machines.ended(beating)["status"] == "SUCCEEDED"


def test_a_map_tells_its_iterations_and_never_runs_more_than_allowed(machines: Machines) -> None:
    states = {"Each": {
        "Type": "Map", "ItemsPath": "$.items", "MaxConcurrency": 2, "End": True,
        "ItemSelector": {"n.$": "$$.Map.Item.Value", "i.$": "$$.Map.Item.Index", "all.$": "$.all"},
        "ItemProcessor": {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 1, "End": True}}},
    }}  # fmt: skip
    ended = machines.run(states, {"items": [5, 6, 7], "all": "x"})
    assert json.loads(ended["output"]) == [{"n": n, "i": i, "all": "x"} for i, n in enumerate([5, 6, 7])]
    events = machines.history(ended["executionArn"])
    assert most_at_once(events) == 2
    assert kinds(events).count("WaitStateExited") == 3
    assert {"MapStateStarted", "MapStateSucceeded"} <= set(kinds(events))


def most_at_once(events: list[dict[str, Any]]) -> int:
    """Most iterations of a Map that ran at the same time, by an execution's history."""
    changes = {
        "MapIterationStarted": 1,
        "MapIterationSucceeded": -1,
        "MapIterationFailed": -1,
        "MapIterationAborted": -1,
    }
    return max(itertools.accumulate(changes.get(event["type"], 0) for event in events))


def test_the_first_failure_of_a_branch_ends_the_others(machines: Machines) -> None:
    wait = {"StartAt": "Long", "States": {"Long": {"Type": "Wait", "Seconds": 60, "End": True}}}
    fail = {"StartAt": "Bad", "States": {"Bad": {"Type": "Fail", "Error": "Broken", "Cause": "a test"}}}
    states = {"Both": {"Type": "Parallel", "Branches": [wait, fail], "End": True,
                       "Catch": [{"ErrorEquals": ["Broken"], "ResultPath": "$.why", "Next": "Done"}]},
              "Done": {"Type": "Succeed"}}  # fmt: skip
    ended = machines.run(states, {"kept": 1})
    assert json.loads(ended["output"]) == {"kept": 1, "why": {"Error": "Broken", "Cause": "a test"}}


def test_the_same_start_twice_is_one_execution(machines: Machines) -> None:
    machine = machines.make({"Ask": ask()})
    first = machines.start(machine, {"a": 1}, name="once")
    assert machines.start(machine, {"a": 1}, name="once") == first
    with pytest.raises(machines.states.exceptions.ExecutionAlreadyExists):
        machines.start(machine, {"a": 2}, name="once")
    machines.states.send_task_success(taskToken=machines.waiting(first), output="1")
    machines.ended(first)
    with pytest.raises(machines.states.exceptions.ExecutionAlreadyExists):
        machines.start(machine, {"a": 1}, name="once")


def test_an_express_machine_answers_at_once_and_keeps_no_history(machines: Machines) -> None:
    machine = machines.make({"Work": work(machines)}, kind="EXPRESS")
    answer = machines.states.start_sync_execution(stateMachineArn=machine, input='{"a": 1}', name="again")
    again = machines.states.start_sync_execution(stateMachineArn=machine, input='{"raise": "no"}', name="again")
    assert (answer["status"], json.loads(answer["output"])) == ("SUCCEEDED", {"echo": {"a": 1}})
    assert (again["status"], again["error"]) == ("FAILED", "Refused")
    assert ":express:" in answer["executionArn"]
    assert answer["executionArn"] != again["executionArn"]
    with pytest.raises(ClientError):
        machines.states.get_execution_history(executionArn=answer["executionArn"])
    with pytest.raises(ClientError, match="StateMachineTypeNotSupported"):
        machines.states.list_executions(stateMachineArn=machine)
    standard = machines.make({"Done": {"Type": "Succeed"}})
    with pytest.raises(ClientError, match="StateMachineTypeNotSupported"):
        machines.states.start_sync_execution(stateMachineArn=standard)


@pytest.mark.parametrize(("level", "logged"), [("ALL", 5), ("ERROR", 2), ("FATAL", 1)])
def test_an_execution_is_logged_at_the_level_that_was_asked_for(
    machines: Machines, client: Client, level: str, logged: int
) -> None:
    group, logs = f"/aws/vendedlogs/states/{level}", client("logs")
    logs.create_log_group(logGroupName=group)
    machine = machines.make(
        {"Think": {"Type": "Pass", "Next": "Fail"}, "Fail": {"Type": "Fail", "Error": "Bad"}}, kind="EXPRESS",
        loggingConfiguration={"level": level, "includeExecutionData": False, "destinations": [
            {"cloudWatchLogsLogGroup": {"logGroupArn": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group}:*"}},
        ]},
    )  # fmt: skip
    execution = machines.start(machine, {"secret": "value"})
    lines = seen(lambda: logs.filter_log_events(logGroupName=group)["events"])
    told = [json.loads(line["message"]) for line in lines]
    assert len(told) == logged
    assert told[-1]["type"] == "ExecutionFailed"
    assert told[-1]["execution_arn"] == execution
    assert told[-1]["details"]["error"] == "Bad"
    assert "secret" not in json.dumps(told)


def test_executions_are_counted_by_how_they_end(machines: Machines, client: Client) -> None:
    machine = machines.make({"Work": work(machines)})
    machines.ended(machines.start(machine))
    machines.ended(machines.start(machine, {"raise": "no"}))
    now = datetime.now(UTC)

    def total(name: str) -> float:
        points = client("cloudwatch").get_metric_statistics(
            Namespace="AWS/States", MetricName=name, Dimensions=[{"Name": "StateMachineArn", "Value": machine}],
            StartTime=now - timedelta(minutes=5), EndTime=now + timedelta(minutes=5), Period=60,
            Statistics=["Sum", "SampleCount"],
        )["Datapoints"]  # fmt: skip
        return float(sum(point["SampleCount" if name == "ExecutionTime" else "Sum"] for point in points))

    wanted = {"ExecutionsStarted": 2, "ExecutionsSucceeded": 1, "ExecutionsFailed": 1, "ExecutionTime": 2}
    assert seen(lambda: {name: total(name) for name in wanted} == wanted)


def test_services_are_called_in_the_words_of_step_functions(machines: Machines, client: Client) -> None:
    queue = client("sqs").create_queue(QueueName="from-a-state")["QueueUrl"]
    states = {
        "Send": {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage", "ResultPath": "$.sent", "Next": "Keep",
                 "Parameters": {"QueueUrl": queue, "MessageBody": {"a.$": "$.a"}}},
        "Keep": {"Type": "Task", "Resource": "arn:aws:states:::dynamodb:putItem", "ResultPath": None, "Next": "Refused",
                 "Parameters": {"TableName": "tokens", "Item": {"id": {"S": "kept"}, "token": {"S.$": "$.a"}}}},
        "Refused": {"Type": "Task", "Resource": "arn:aws:states:::dynamodb:putItem", "End": True,
                    "Parameters": {"TableName": "tokens", "Item": {"id": {"S": "kept"}},
                                   "ConditionExpression": "attribute_not_exists(id)"}},
    }  # fmt: skip
    ended = machines.run(states, {"a": "x"})
    assert (ended["status"], ended["error"]) == ("FAILED", "DynamoDB.ConditionalCheckFailedException")
    message = client("sqs").receive_message(QueueUrl=queue)["Messages"][0]
    assert json.loads(message["Body"]) == {"a": "x"}
    kept = client("dynamodb").get_item(TableName="tokens", Key={"id": {"S": "kept"}})["Item"]
    assert kept["token"] == {"S": "x"}


def test_a_throttled_function_says_so(machines: Machines, client: Client) -> None:
    client("lambda").put_function_concurrency(FunctionName="in-a-state", ReservedConcurrentExecutions=0)
    try:
        ended = machines.run({"Work": work(machines)})
    finally:
        client("lambda").delete_function_concurrency(FunctionName="in-a-state")
    assert (ended["status"], ended["error"]) == ("FAILED", "Lambda.TooManyRequestsException")


def test_a_wrong_definition_is_refused_with_its_reason(machines: Machines) -> None:
    with pytest.raises(machines.states.exceptions.InvalidDefinition, match="Nowhere"):
        machines.make({"Think": {"Type": "Pass", "Next": "Nowhere"}})


def test_tracing_is_kept(machines: Machines) -> None:
    machine = machines.make({"Done": {"Type": "Succeed"}}, tracingConfiguration={"enabled": True})
    assert machines.states.describe_state_machine(stateMachineArn=machine)["tracingConfiguration"] == {"enabled": True}
