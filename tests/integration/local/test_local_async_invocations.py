"""Asynchronous invocations by SNS, S3, EventBridge and Invoke: tried again, and sent to the alias's destination."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from local_clouds import ACCOUNT, REGION, Client, zipped

CODE = """
import json, os, boto3

def handler(event, context):
    key = {"id": {"S": "invocations"}}
    count = boto3.client("dynamodb").update_item(
        TableName=os.environ["SEEN"], Key=key, UpdateExpression="ADD times :one SET arn = :arn",
        ExpressionAttributeValues={":one": {"N": "1"}, ":arn": {"S": context.invoked_function_arn}},
        ReturnValues="ALL_NEW",
    )["Attributes"]["times"]["N"]
    if int(count) <= int(os.environ["FAILURES"]):
        raise ValueError("not today")
    return {"count": count}
"""


def wait_for(look: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if seen := look():
            return seen
        time.sleep(0.05)
    raise AssertionError(f"waited in vain for {what}")


class Function:
    """A function that fails so often, its alias `live`, and a queue for failure records."""

    def __init__(self, client: Client, name: str, failures: int) -> None:
        self.client, self.name = client, name
        self.functions, self.sqs, self.dynamodb = client("lambda"), client("sqs"), client("dynamodb")
        self.dynamodb.create_table(
            TableName=name, BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        )  # fmt: skip
        self.functions.create_function(
            FunctionName=name, Runtime="python3.11", Handler="handler.handler", Timeout=20, Publish=True,
            Role=f"arn:aws:iam::{ACCOUNT}:role/x", Code={"ZipFile": zipped(CODE)},
            Environment={"Variables": {"SEEN": name, "FAILURES": str(failures)}},
        )  # fmt: skip
        self.arn: str = self.functions.create_alias(FunctionName=name, Name="live", FunctionVersion="1")["AliasArn"]
        self.queue = self.sqs.create_queue(QueueName=f"{name}-failures")["QueueUrl"]
        attributes = self.sqs.get_queue_attributes(QueueUrl=self.queue, AttributeNames=["QueueArn"])["Attributes"]
        self.configure(OnFailure={"Destination": attributes["QueueArn"]})

    def configure(self, retries: int = 2, **destinations: Any) -> None:
        self.functions.put_function_event_invoke_config(
            FunctionName=self.name, Qualifier="live", MaximumRetryAttempts=retries, DestinationConfig=destinations
        )

    def times(self) -> int:
        item = self.dynamodb.get_item(TableName=self.name, Key={"id": {"S": "invocations"}}, ConsistentRead=True)
        return int(item.get("Item", {"times": {"N": "0"}})["times"]["N"])

    def failure(self) -> dict[str, Any]:
        """The record of what failed in the end."""
        [message] = self.sqs.receive_message(QueueUrl=self.queue, WaitTimeSeconds=20)["Messages"]
        record: dict[str, Any] = json.loads(message["Body"])
        return record


def by_invoke(function: Function) -> None:
    answer = function.functions.invoke(FunctionName=function.arn, InvocationType="Event", Payload=b'{"by": "invoke"}')
    assert answer["StatusCode"] == 202


def by_topic(function: Function) -> None:
    sns = function.client("sns")
    topic = sns.create_topic(Name=function.name)["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=function.arn)
    sns.publish(TopicArn=topic, Message="by topic")


def by_rule(function: Function) -> None:
    events = function.client("events")
    events.put_rule(Name=function.name, EventPattern=json.dumps({"source": [function.name]}))
    events.put_targets(Rule=function.name, Targets=[{"Id": "f", "Arn": function.arn}])
    events.put_events(Entries=[{"Source": function.name, "DetailType": "t", "Detail": '{"by": "rule"}'}])


def by_bucket(function: Function) -> None:
    s3 = function.client("s3")
    s3.create_bucket(Bucket=function.name, CreateBucketConfiguration={"LocationConstraint": REGION})
    wanted = [{"LambdaFunctionArn": function.arn, "Events": ["s3:ObjectCreated:*"]}]
    s3.put_bucket_notification_configuration(
        Bucket=function.name, NotificationConfiguration={"LambdaFunctionConfigurations": wanted}
    )
    s3.put_object(Bucket=function.name, Key="a", Body=b"x")


WAYS = {
    by_invoke: lambda event: event["by"] == "invoke",
    by_topic: lambda event: event["Records"][0]["Sns"]["Message"] == "by topic",
    by_rule: lambda event: event["detail"] == {"by": "rule"},
    by_bucket: lambda event: event["Records"][0]["s3"]["object"]["key"] == "a",
}


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_an_event_that_fails_three_times_is_kept_with_its_original_and_the_reason(
    client: Client, way: Callable[[Function], None]
) -> None:
    function = Function(client, f"async-{way.__name__.replace('_', '-')}", failures=99)
    way(function)
    record = function.failure()
    assert WAYS[way](record["requestPayload"])
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestContext"]["approximateInvokeCount"] == 3
    assert record["requestContext"]["functionArn"] == function.arn
    assert record["responseContext"]["functionError"] == "Unhandled"
    assert "not today" in record["responsePayload"]["errorMessage"]
    assert function.times() == 3


def test_an_event_that_fails_once_is_tried_again_and_told_as_a_success(client: Client) -> None:
    function = Function(client, "async-again", failures=1)
    attributes = function.sqs.get_queue_attributes(QueueUrl=function.queue, AttributeNames=["QueueArn"])["Attributes"]
    function.configure(OnSuccess={"Destination": attributes["QueueArn"]})
    by_invoke(function)
    record = function.failure()
    assert record["requestContext"]["condition"] == "Success"
    assert record["responsePayload"] == {"count": "2"}
    assert function.times() == 2


def test_a_bucket_keeps_failure_records_too_and_the_alias_says_how_often(client: Client) -> None:
    function = Function(client, "async-kept", failures=99)
    s3 = client("s3")
    s3.create_bucket(Bucket="async-kept", CreateBucketConfiguration={"LocationConstraint": REGION})
    function.configure(retries=0, OnFailure={"Destination": "arn:aws:s3:::async-kept"})
    by_invoke(function)
    [kept] = wait_for(lambda: s3.list_objects_v2(Bucket="async-kept").get("Contents"), "the record")
    assert kept["Key"].startswith("aws/lambda/async/async-kept/")
    assert json.loads(s3.get_object(Bucket="async-kept", Key=kept["Key"])["Body"].read())["requestContext"][
        "approximateInvokeCount"
    ] == 1  # fmt: skip


def test_a_dead_letter_queue_gets_the_event_as_it_came(client: Client) -> None:
    function = Function(client, "async-dead", failures=99)
    attributes = function.sqs.get_queue_attributes(QueueUrl=function.queue, AttributeNames=["QueueArn"])["Attributes"]
    function.functions.update_function_configuration(
        FunctionName="async-dead", DeadLetterConfig={"TargetArn": attributes["QueueArn"]}
    )
    function.configure(retries=0)
    by_invoke(function)
    [message] = function.sqs.receive_message(
        QueueUrl=function.queue, WaitTimeSeconds=20, MessageAttributeNames=["All"]
    )["Messages"]
    assert json.loads(message["Body"]) == {"by": "invoke"}
    assert "not today" in message["MessageAttributes"]["ErrorMessage"]["StringValue"]


def test_a_function_that_is_not_there_is_refused_at_once(client: Client) -> None:
    functions = client("lambda")
    with pytest.raises(functions.exceptions.ResourceNotFoundException):
        functions.invoke(FunctionName="async-nobody", InvocationType="Event", Payload=b"{}")
