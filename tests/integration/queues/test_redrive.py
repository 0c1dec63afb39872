"""Redrive against moto's SQS and Lambda: interruptions, chosen letters, letters that can't go back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from opsctl.aws import NotFound
from opsctl.aws.errors import from_response
from opsctl.queues import Kind, Store, read_letters, redrive
from opsctl.queues.redrive import NowhereToGo

FUNCTION = "arn:aws:lambda:eu-central-1:111122223333:function:t-worker"


class Aws:
    """The facade's calls, by boto3, and a place at which to be interrupted."""

    def __init__(self) -> None:
        self.dies_after = ""
        self.invoked: list[dict[str, Any]] = []

    def call(self, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        if service == "lambda":
            self.invoked.append(parameters)
            answer: dict[str, Any] = {"StatusCode": 202}
        else:
            try:
                answer = getattr(boto3.client(service), operation)(**parameters)
            except ClientError as error:
                raise from_response(error.response, operation) from error
        if operation == self.dies_after:
            self.dies_after = ""
            raise KeyboardInterrupt
        return answer


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    for name, value in (("ACCESS_KEY_ID", "test"), ("SECRET_ACCESS_KEY", "test"), ("DEFAULT_REGION", "eu-central-1")):
        monkeypatch.setenv(f"AWS_{name}", value)
    with mock_aws():
        yield Aws()


@pytest.fixture
def store(aws: Aws) -> Store:
    source, letters = (boto3.client("sqs").create_queue(QueueName=name)["QueueUrl"] for name in ("work", "letters"))
    return Store("work", Kind.LETTERS, letters, "t-letters", source, "t-work", {"t-worker": f"{FUNCTION}:live"})


def send(url: str, *bodies: str) -> list[str]:
    """Letters with a reason; gives their ids."""
    reason = {"reason": {"DataType": "String", "StringValue": "no order"}}
    return [
        boto3.client("sqs").send_message(QueueUrl=url, MessageBody=body, MessageAttributes=reason)["MessageId"]
        for body in bodies
    ]


def bodies(url: str) -> list[str]:
    """What can be seen in a queue now."""
    found = []
    while messages := boto3.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        found += [message["Body"] for message in messages]
    return sorted(found)


def test_every_letter_goes_back_and_none_is_left(aws: Aws, store: Store) -> None:
    send(store.place, *(f"letter {number}" for number in range(23)))
    report = redrive(aws, store)  # type: ignore[arg-type]
    assert (len(report.moved), report.failed, report.missing) == (23, (), ())
    assert bodies(store.source) == sorted(f"letter {number}" for number in range(23))
    assert bodies(store.place) == []


@pytest.mark.parametrize("moment", ["send_message", "delete_message"])
def test_interrupted_at_any_moment_no_letter_is_lost(aws: Aws, store: Store, moment: str) -> None:
    send(store.place, "a", "b", "c")
    aws.dies_after = moment
    with pytest.raises(KeyboardInterrupt):
        redrive(aws, store)  # type: ignore[arg-type]
    seen = bodies(store.source) + bodies(store.place)
    assert set(seen) == {"a", "b", "c"}
    assert len(seen) == (4 if moment == "send_message" else 3)


def test_only_the_chosen_letters_go_back_and_unknown_ones_are_named(aws: Aws, store: Store) -> None:
    ids = send(store.place, "a", "b", "c")
    report = redrive(aws, store, only=[ids[1], "nobody"])  # type: ignore[arg-type]
    assert ([letter.body for letter in report.moved], report.missing) == (["b"], ("nobody",))
    assert (bodies(store.source), bodies(store.place)) == (["b"], ["a", "c"])


def test_a_limit_is_kept_and_a_dry_run_and_a_look_change_nothing(aws: Aws, store: Store) -> None:
    send(store.place, "a", "b", "c")
    assert len(redrive(aws, store, dry_run=True).moved) == 3  # type: ignore[arg-type]
    assert {letter.reason for letter in read_letters(aws, store, limit=10)} == {"no order"}  # type: ignore[arg-type]
    assert len(redrive(aws, store, limit=1).moved) == 1  # type: ignore[arg-type]
    assert (len(bodies(store.source)), len(bodies(store.place))) == (1, 2)


def test_a_failure_record_invokes_its_function_again_and_one_of_a_stranger_stays(aws: Aws, store: Store) -> None:
    failures = Store("failures", Kind.FAILURES, store.place, "t-letters", functions=store.functions)
    ours = {"requestContext": {"functionArn": f"{FUNCTION}:live"}, "requestPayload": {"order": 1}}
    send(store.place, json.dumps(ours), "no record at all")
    report = redrive(aws, failures)  # type: ignore[arg-type]
    assert (len(report.moved), len(report.failed), int(report.exit_code)) == (1, 1, 1)
    [invoked] = aws.invoked
    assert (invoked["FunctionName"], invoked["InvocationType"], json.loads(invoked["Payload"])) == (
        f"{FUNCTION}:live", "Event", {"order": 1},
    )  # fmt: skip
    assert bodies(store.place) == ["no record at all"]


def test_a_letter_that_can_not_be_sent_stays_and_the_others_go(
    aws: Aws, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(store.place, "a", "b")
    call = aws.call

    def refusing(service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        if operation == "send_message" and parameters["MessageBody"] == "a":
            raise NotFound("No queue", where="sqs", next="")
        return call(service, operation, **parameters)

    monkeypatch.setattr(aws, "call", refusing)
    report = redrive(aws, store)  # type: ignore[arg-type]
    assert [letter.body for letter in report.moved] == ["b"]
    assert [(letter.body, error) for letter, error in report.failed] == [("a", "No queue")]
    assert bodies(store.place) == ["a"]


def test_what_has_no_source_is_not_put_anywhere(aws: Aws, store: Store) -> None:
    send(store.place, "a")
    with pytest.raises(NowhereToGo):
        redrive(aws, Store("pipe", Kind.LETTERS, store.place, "t-letters"))  # type: ignore[arg-type]
    assert bodies(store.place) == ["a"]
