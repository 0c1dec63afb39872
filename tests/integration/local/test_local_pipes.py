"""EventBridge Pipes: a queue's messages start a state machine, filtered, and come again if it fails."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from local_clouds import ACCOUNT, Client

ROLE = f"arn:aws:iam::{ACCOUNT}:role/pipe"
# A Fail for what says so; all else is put into the outgoing queue, as it came.
DEFINITION = {
    "QueryLanguage": "JSONata",
    "StartAt": "Fails?",
    "States": {
        "Fails?": {
            "Type": "Choice",
            "Choices": [{"Condition": "{% $contains($string($states.input), 'broken') %}", "Next": "Fail"}],
            "Default": "Tell",
        },
        "Fail": {"Type": "Fail", "Error": "Broken"},
        "Tell": {
            "Type": "Task",
            "Resource": "arn:aws:states:::sqs:sendMessage",
            "Arguments": {"QueueUrl": "OUT", "MessageBody": "{% $string($states.input) %}"},
            "End": True,
        },
    },
}


def arn_of(sqs: Any, url: str) -> str:
    arn: str = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    return arn


def wait_for(look: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if seen := look():
            return seen
        time.sleep(0.05)
    raise AssertionError(f"waited in vain for {what}")


class Line:
    """Queue in → pipe → (Express state machine) → queue out; what fails twice ends in the dead-letter queue."""

    def __init__(self, client: Client, name: str) -> None:
        self.sqs, self.pipes, self.name = client("sqs"), client("pipes"), name
        self.out, self.dead = (self.sqs.create_queue(QueueName=f"{name}-{end}")["QueueUrl"] for end in ("out", "dead"))
        redrive = json.dumps({"deadLetterTargetArn": arn_of(self.sqs, self.dead), "maxReceiveCount": 2})
        attributes = {"VisibilityTimeout": "1", "RedrivePolicy": redrive}
        self.source = self.sqs.create_queue(QueueName=f"{name}-in", Attributes=attributes)["QueueUrl"]
        definition = json.dumps(DEFINITION).replace("OUT", self.out)
        self.machine = client("stepfunctions").create_state_machine(
            name=name, definition=definition, roleArn=ROLE, type="EXPRESS"
        )["stateMachineArn"]

    def connect(
        self, target: str, target_parameters: dict[str, Any], filters: list[dict[str, Any]] | None = None
    ) -> None:
        source_parameters: dict[str, Any] = {"SqsQueueParameters": {"BatchSize": 1}}
        if filters:
            source_parameters["FilterCriteria"] = {"Filters": [{"Pattern": json.dumps(one)} for one in filters]}
        self.pipes.create_pipe(
            Name=self.name, RoleArn=ROLE, Source=arn_of(self.sqs, self.source), Target=target,
            SourceParameters=source_parameters, TargetParameters=target_parameters,
        )  # fmt: skip

    def send(self, body: Any) -> None:
        self.sqs.send_message(
            QueueUrl=self.source, MessageBody=json.dumps(body),
            MessageAttributes={"correlation_id": {"DataType": "String", "StringValue": "c-1234567"}},
        )  # fmt: skip

    def take(self, queue: str) -> list[Any]:
        messages = self.sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1).get("Messages", [])
        for message in messages:
            self.sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return [json.loads(message["Body"]) for message in messages]

    def waiting(self) -> int:
        """Messages in the source queue, seen or not."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.sqs.get_queue_attributes(QueueUrl=self.source, AttributeNames=names)["Attributes"]
        return sum(map(int, found.values()))


@pytest.fixture
def line(client: Client, request: pytest.FixtureRequest) -> Iterator[Line]:
    made = Line(client, f"pipe-{abs(hash(request.node.name)) % 10**6}")
    yield made
    made.pipes.delete_pipe(Name=made.name)


SYNCHRONOUS = {"StepFunctionStateMachineParameters": {"InvocationType": "REQUEST_RESPONSE"}}


def test_a_message_starts_an_execution_and_is_gone_once_that_ended_well(line: Line) -> None:
    line.connect(line.machine, SYNCHRONOUS)
    line.send({"photo_id": "p-1"})

    [[record]] = wait_for(lambda: line.take(line.out), "the execution's message")
    assert json.loads(record["body"]) == {"photo_id": "p-1"}
    assert record["eventSource"] == "aws:sqs"
    assert record["messageAttributes"]["correlation_id"]["stringValue"] == "c-1234567"
    wait_for(lambda: line.waiting() == 0, "an empty queue")


def test_what_an_execution_fails_over_comes_again_and_ends_in_the_dead_letter_queue(line: Line) -> None:
    line.connect(line.machine, SYNCHRONOUS)
    line.send({"photo_id": "broken"})
    line.send({"photo_id": "good"})

    assert wait_for(lambda: line.take(line.dead), "the dead letter") == [{"photo_id": "broken"}]
    [[record]] = wait_for(lambda: line.take(line.out), "the good one")
    assert json.loads(record["body"]) == {"photo_id": "good"}


def test_filters_and_the_template_decide_what_the_target_gets(line: Line) -> None:
    template = '{"id": <$.body.id>, "text": "no. <$.body.id> of <aws.pipes.pipe-name>", "whole": <$.body>}'
    line.connect(arn_of(line.sqs, line.out), {"InputTemplate": template}, [{"body": {"kind": ["wanted"]}}])
    line.send({"id": "a", "kind": "other"})
    line.send({"id": "b", "kind": "wanted"})

    [seen] = wait_for(lambda: line.take(line.out), "the wanted one")
    assert seen == {"id": "b", "text": f"no. b of {line.name}", "whole": {"id": "b", "kind": "wanted"}}
    wait_for(lambda: line.waiting() == 0, "the other to be dropped")


def test_a_pipe_tells_what_it_was_given_and_a_stopped_one_rests(line: Line) -> None:
    line.connect(line.machine, SYNCHRONOUS)
    shown = line.pipes.describe_pipe(Name=line.name)
    assert shown["SourceParameters"] == {"SqsQueueParameters": {"BatchSize": 1}}
    assert shown["TargetParameters"] == SYNCHRONOUS

    line.pipes.stop_pipe(Name=line.name)
    line.send({"photo_id": "p-2"})
    assert line.take(line.out) == []
    line.pipes.start_pipe(Name=line.name)
    assert wait_for(lambda: line.take(line.out), "the execution's message")
