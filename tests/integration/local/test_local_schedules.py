"""EventBridge Scheduler on the local cloud: on time, with what the target is told, tried again, kept when it fails."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from local_clouds import ACCOUNT, REGION, Client, zipped
from services import wait_until

ROLE = f"arn:aws:iam::{ACCOUNT}:role/a-role"
QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:"
CODE = """
import boto3, json

def handler(event, context):
    sqs = boto3.client("sqs")
    sqs.send_message(QueueUrl=sqs.get_queue_url(QueueName="schedule-runs")["QueueUrl"], MessageBody=json.dumps(event))
"""


@pytest.fixture(scope="module")
def function(client: Client) -> Any:
    client("sqs").create_queue(QueueName="schedule-runs")
    client("sqs").create_queue(QueueName="schedule-failures")
    return client("lambda").create_function(
        FunctionName="scheduled", Runtime="python3.11", Role=ROLE, Handler="handler.handler",
        Code={"ZipFile": zipped(CODE)}, Timeout=20,
    )["FunctionArn"]  # fmt: skip


@pytest.fixture
def messages(client: Client) -> Callable[[str], list[dict[str, Any]]]:
    """What has come to a queue since the test began to look."""
    seen: list[dict[str, Any]] = []

    def received(queue: str) -> list[dict[str, Any]]:
        sqs = client("sqs")
        url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
        found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"])
        for message in found.get("Messages", ()):
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            seen.append(message)
        return seen

    return received


def create(client: Client, name: str, expression: str, target: dict[str, Any], **settings: Any) -> None:
    client("scheduler").create_schedule(
        Name=name, ScheduleExpression=expression, Target={"RoleArn": ROLE, **target},
        **{"FlexibleTimeWindow": {"Mode": "OFF"}, **settings},
    )  # fmt: skip


def in_a_moment(zone: str = "UTC") -> str:
    return f"at({datetime.now(ZoneInfo(zone)) + timedelta(seconds=2):%Y-%m-%dT%H:%M:%S})"


def test_a_one_time_schedule_runs_on_time_in_its_time_zone_and_is_then_deleted(
    client: Client, function: str, messages: Callable[[str], list[dict[str, Any]]]
) -> None:
    said = {
        name: f"<aws.scheduler.{name}>" for name in ("schedule-arn", "scheduled-time", "execution-id", "attempt-number")
    }
    create(
        client, "once", in_a_moment("Asia/Tokyo"), {"Arn": function, "Input": json.dumps({"n": 1, **said})},
        ScheduleExpressionTimezone="Asia/Tokyo", ActionAfterCompletion="DELETE",
    )  # fmt: skip
    wait_until(lambda: messages("schedule-runs"))
    [event] = [json.loads(message["Body"]) for message in messages("schedule-runs")]
    assert (event["n"], event["attempt-number"]) == (1, "1")
    assert event["schedule-arn"] == f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule/default/once"
    late = datetime.now(UTC) - datetime.fromisoformat(event["scheduled-time"])
    assert timedelta(0) <= late < timedelta(seconds=10)
    with pytest.raises(client("scheduler").exceptions.ResourceNotFoundException):
        client("scheduler").get_schedule(Name="once")


def test_without_an_input_the_target_gets_an_event_that_names_the_schedule(
    client: Client, function: str, messages: Callable[[str], list[dict[str, Any]]]
) -> None:
    create(client, "plain", in_a_moment(), {"Arn": function})
    wait_until(lambda: messages("schedule-runs"))
    [event] = [json.loads(message["Body"]) for message in messages("schedule-runs")]
    assert (event["source"], event["detail-type"]) == ("aws.scheduler", "Scheduled Event")
    assert event["resources"] == [f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule/default/plain"]


def test_what_no_target_takes_is_kept_in_the_dead_letter_queue_with_its_reason(
    client: Client, function: str, messages: Callable[[str], list[dict[str, Any]]]
) -> None:
    gone = function.replace("scheduled", "nobody")
    create(
        client, "lost", in_a_moment(),
        {
            "Arn": gone, "Input": '{"n": 2}', "DeadLetterConfig": {"Arn": f"{QUEUE}schedule-failures"},
            "RetryPolicy": {"MaximumRetryAttempts": 2, "MaximumEventAgeInSeconds": 60},
        },
    )  # fmt: skip
    wait_until(lambda: messages("schedule-failures"))
    [letter] = messages("schedule-failures")
    attributes = {name: value["StringValue"] for name, value in letter["MessageAttributes"].items()}
    assert letter["Body"] == '{"n": 2}'
    assert attributes["ERROR_CODE"] == "ResourceNotFoundException"
    assert attributes["TARGET_ARN"] == gone
    assert attributes["SCHEDULE_ARN"].endswith(":schedule/default/lost")

    def counted() -> bool:
        now = datetime.now(UTC)
        found = client("cloudwatch").get_metric_statistics(
            Namespace="AWS/Scheduler", MetricName="InvocationsSentToDeadLetterCount", Statistics=["Sum"], Period=60,
            Dimensions=[{"Name": "ScheduleGroup", "Value": "default"}],
            StartTime=now - timedelta(minutes=5), EndTime=now + timedelta(minutes=1),
        )  # fmt: skip
        return bool(found["Datapoints"])

    wait_until(counted)


def test_a_disabled_schedule_does_not_run(
    client: Client, function: str, messages: Callable[[str], list[dict[str, Any]]]
) -> None:
    create(client, "disabled", in_a_moment(), {"Arn": function, "Input": '{"who": "disabled"}'}, State="DISABLED")
    create(client, "enabled", in_a_moment(), {"Arn": function, "Input": '{"who": "enabled"}'})
    wait_until(lambda: messages("schedule-runs"))
    assert [json.loads(message["Body"])["who"] for message in messages("schedule-runs")] == ["enabled"]


def test_reserved_concurrency_of_0_holds_for_an_alias_too(client: Client, function: str) -> None:
    functions = client("lambda")
    version = functions.publish_version(FunctionName=function)["Version"]
    alias = functions.create_alias(FunctionName=function, Name="live", FunctionVersion=version)["AliasArn"]
    functions.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=0)
    with pytest.raises(functions.exceptions.TooManyRequestsException):
        functions.invoke(FunctionName=alias, Payload=b"{}")
    functions.delete_function_concurrency(FunctionName=function)
    assert "FunctionError" not in functions.invoke(FunctionName=alias, Payload=b"{}")
