"""Kinesis and DynamoDB streams → Lambda: order, halving, retries, giving up, positions, destinations."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from local_clouds import ACCOUNT, REGION, Client, zipped

# Tells the table what it was given, and fails where a record says so: by raising, or by reporting the record.
CODE = """
import base64, json, os, boto3

table = boto3.client("dynamodb")

def handler(event, context):
    for position, record in enumerate(event["Records"]):
        if "kinesis" in record:
            said, number = json.loads(base64.b64decode(record["kinesis"]["data"])), record["kinesis"]["sequenceNumber"]
        else:
            image = record["dynamodb"]["NewImage"]
            said, number = json.loads(image["said"]["S"]), record["dynamodb"]["SequenceNumber"]
        table.update_item(
            TableName=os.environ["SEEN"], Key={"id": {"S": said["id"]}},
            UpdateExpression="ADD times :one SET batches = list_append(if_not_exists(batches, :none), :size)",
            ExpressionAttributeValues={":one": {"N": "1"}, ":none": {"L": []},
                                       ":size": {"L": [{"N": str(len(event["Records"]))}]}},
        )
        if said.get("poison"):
            if position == 0 or os.environ.get("RAISES"):
                raise ValueError("poison")
            return {"batchItemFailures": [{"itemIdentifier": number}]}
    return {"batchItemFailures": []}
"""


def wait_for(look: Callable[[], Any], what: str, seconds: float = 30) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if seen := look():
            return seen
        time.sleep(0.05)
    raise AssertionError(f"waited in vain for {what}")


class Line:
    """A stream, a function that reads it, a table of what it saw, and a bucket for what was given up."""

    def __init__(self, client: Client, name: str, **environment: str) -> None:
        self.client, self.name = client, name
        self.kinesis, self.dynamodb, self.functions = client("kinesis"), client("dynamodb"), client("lambda")
        self._table(f"{name}-seen")
        self.bucket = f"{name}-failures"
        client("s3").create_bucket(Bucket=self.bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        self.functions.create_function(
            FunctionName=name, Runtime="python3.11", Handler="handler.handler", Timeout=20,
            Role=f"arn:aws:iam::{ACCOUNT}:role/x", Code={"ZipFile": zipped(CODE)},
            Environment={"Variables": {"SEEN": f"{name}-seen", **environment}},
        )  # fmt: skip

    def _table(self, name: str, **settings: Any) -> dict[str, Any]:
        made: dict[str, Any] = self.dynamodb.create_table(
            TableName=name, BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}], **settings,
        )["TableDescription"]  # fmt: skip
        return made

    def stream(self, shards: int = 1) -> str:
        self.kinesis.create_stream(StreamName=self.name, ShardCount=shards, Tags={"Owner": "me"})
        arn: str = self.kinesis.describe_stream_summary(StreamName=self.name)["StreamDescriptionSummary"]["StreamARN"]
        return arn

    def table_stream(self) -> str:
        specification = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
        arn: str = self._table(self.name, StreamSpecification=specification)["LatestStreamArn"]
        return arn

    def map(self, arn: str, **settings: Any) -> str:
        settings = {
            "StartingPosition": "TRIM_HORIZON",
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
            "DestinationConfig": {"OnFailure": {"Destination": f"arn:aws:s3:::{self.bucket}"}},
            **settings,
        }
        made = self.functions.create_event_source_mapping(FunctionName=self.name, EventSourceArn=arn, **settings)
        uuid: str = made["UUID"]
        return uuid

    def put(self, *ids: str, poison: tuple[str, ...] = (), key: str = "a") -> None:
        self.kinesis.put_records(
            StreamName=self.name,
            Records=[{"Data": json.dumps({"id": name, "poison": name in poison}), "PartitionKey": key} for name in ids],
        )

    def seen(self) -> dict[str, int]:
        """How often the function was given each record."""
        items = self.dynamodb.scan(TableName=f"{self.name}-seen", ConsistentRead=True)["Items"]
        return {item["id"]["S"]: int(item["times"]["N"]) for item in items}

    def batches(self) -> dict[str, list[int]]:
        """The sizes of the batches that each record came in."""
        items = self.dynamodb.scan(TableName=f"{self.name}-seen", ConsistentRead=True)["Items"]
        return {item["id"]["S"]: [int(size["N"]) for size in item["batches"]["L"]] for item in items}

    def failures(self) -> dict[str, dict[str, Any]]:
        """What was given up: key → document."""
        s3 = self.client("s3")
        listed = s3.list_objects_v2(Bucket=self.bucket).get("Contents", [])
        return {
            one["Key"]: json.loads(s3.get_object(Bucket=self.bucket, Key=one["Key"])["Body"].read()) for one in listed
        }


def test_a_poison_record_is_isolated_tried_again_and_kept_whole_while_the_rest_goes_on(client: Client) -> None:
    line = Line(client, "poison", RAISES="yes")
    arn = line.stream()
    names = [f"r{number:02d}" for number in range(16)]
    line.put(*names, poison=("r05",))
    uuid = line.map(arn, BatchSize=16, BisectBatchOnFunctionError=True, MaximumRetryAttempts=2)
    wait_for(lambda: set(line.seen()) == set(names) and line.failures(), "all records")
    line.put("after")
    wait_for(lambda: "after" in line.seen(), "what came after")

    [(key, document)] = line.failures().items()
    assert key.startswith(f"aws/lambda/{uuid}/shardId-000000000000/")
    assert document["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert document["requestContext"]["approximateInvokeCount"] == 3
    assert document["requestContext"]["functionArn"].endswith(":function:poison")
    assert document["responseContext"]["functionError"] == "Unhandled"
    [record] = json.loads(document["payload"])["Records"]
    assert record["eventSource"] == "aws:kinesis"
    assert document["KinesisBatchInfo"]["startSequenceNumber"] == record["kinesis"]["sequenceNumber"]
    assert document["KinesisBatchInfo"]["batchSize"] == 1
    assert line.batches()["r05"] == [16, 8, 4, 2, 1, 1, 1]
    assert line.seen()["r15"] == 1


def test_a_record_that_is_reported_is_where_the_next_batch_begins(client: Client) -> None:
    line = Line(client, "reported")
    arn = line.stream()
    line.put("a", "b", "bad", "c", poison=("bad",))
    line.map(arn, BatchSize=10, BisectBatchOnFunctionError=True, MaximumRetryAttempts=1)
    wait_for(lambda: "c" in line.seen() and line.failures(), "what comes after")
    assert line.batches() == {"a": [4], "b": [4], "bad": [4, 2, 1, 1], "c": [1]}


def test_without_halving_the_whole_batch_is_given_up(client: Client) -> None:
    line = Line(client, "whole", RAISES="yes")
    arn = line.stream()
    line.put("a", "bad", "b", poison=("bad",))
    line.map(arn, BatchSize=10, MaximumRetryAttempts=1)
    wait_for(line.failures, "the batch")
    [document] = line.failures().values()
    assert document["KinesisBatchInfo"]["batchSize"] == 3
    assert line.seen() == {"a": 2, "bad": 2}


def test_records_that_are_too_old_are_given_up_untried(client: Client) -> None:
    line = Line(client, "aged", RAISES="yes")
    arn = line.stream()
    line.put("old", poison=("old",))
    line.map(arn, BatchSize=1, MaximumRecordAgeInSeconds=1)
    wait_for(line.failures, "the old record")
    [document] = line.failures().values()
    assert document["requestContext"]["condition"] == "RecordAgeExceeded"
    line.put("young")
    wait_for(lambda: "young" in line.seen(), "the young one")


def test_a_shard_that_fails_does_not_hold_up_another_and_a_queue_gets_the_numbers_only(client: Client) -> None:
    line = Line(client, "two-shards", RAISES="yes")
    arn = line.stream(shards=2)
    sqs = client("sqs")
    url = sqs.create_queue(QueueName="two-shards-failures")["QueueUrl"]
    queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    uuid = line.map(arn, MaximumRetryAttempts=-1, DestinationConfig={"OnFailure": {"Destination": queue}})
    line.put("stuck", poison=("stuck",), key="a")
    wait_for(lambda: line.seen().get("stuck", 0) > 1, "the poison")
    line.put("free", key="b")
    wait_for(lambda: "free" in line.seen(), "the other shard")
    line.functions.update_event_source_mapping(UUID=uuid, MaximumRetryAttempts=1)
    [message] = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20)["Messages"]
    document = json.loads(message["Body"])
    assert document["KinesisBatchInfo"]["batchSize"] == 1
    assert "payload" not in document


def test_a_disabled_mapping_goes_on_where_it_stopped(client: Client) -> None:
    line = Line(client, "pause")
    arn = line.stream()
    uuid = line.map(arn)
    line.put("before")
    wait_for(lambda: "before" in line.seen(), "the first")
    line.functions.update_event_source_mapping(UUID=uuid, Enabled=False)
    line.put("meanwhile")
    time.sleep(1)
    assert line.seen() == {"before": 1}
    line.functions.update_event_source_mapping(UUID=uuid, Enabled=True)
    wait_for(lambda: line.seen() == {"before": 1, "meanwhile": 1}, "the one that waited")


def test_latest_begins_with_what_comes_after_the_mapping_was_made(client: Client) -> None:
    line = Line(client, "latest")
    arn = line.stream()
    line.put("before")
    line.map(arn, StartingPosition="LATEST")
    line.put("after")
    wait_for(line.seen, "what came after")
    assert line.seen() == {"after": 1}


def test_a_key_stays_in_order_when_a_shard_is_worked_off_by_several(client: Client) -> None:
    line = Line(client, "lanes")
    arn = line.stream()
    for key in "abcdef":
        line.put(*(f"{key}{number}" for number in range(5)), key=key)
    line.map(arn, ParallelizationFactor=4, BatchSize=2)
    wait_for(lambda: len(line.seen()) == 30, "all records")
    assert set(line.seen().values()) == {1}


def test_a_batch_is_collected_for_as_long_as_its_window(client: Client) -> None:
    line = Line(client, "window")
    arn = line.stream()
    line.map(arn, BatchSize=100, MaximumBatchingWindowInSeconds=2)
    for name in "abc":
        line.put(name)
        time.sleep(0.2)
    wait_for(lambda: len(line.seen()) == 3, "the batch")
    assert line.batches() == {"a": [3], "b": [3], "c": [3]}


def test_a_tables_stream_is_halved_and_given_up_alike(client: Client) -> None:
    line = Line(client, "changes")
    arn = line.table_stream()
    for name in ("a", "bad", "b"):
        said = json.dumps({"id": name, "poison": name == "bad"})
        line.dynamodb.put_item(TableName="changes", Item={"id": {"S": name}, "said": {"S": said}})
    line.map(arn, BatchSize=1000, BisectBatchOnFunctionError=True, MaximumRetryAttempts=1)
    wait_for(lambda: "b" in line.seen() and line.failures(), "what comes after")
    [document] = line.failures().values()
    [record] = json.loads(document["payload"])["Records"]
    assert record["dynamodb"]["Keys"] == {"id": {"S": "bad"}}
    assert document["DDBStreamBatchInfo"]["streamArn"] == arn
    assert line.seen() == {"a": 1, "bad": 4, "b": 1}


def test_a_stream_is_made_with_its_tags(client: Client) -> None:
    line = Line(client, "tagged")
    arn = line.stream()
    assert client("kinesis").list_tags_for_stream(StreamARN=arn)["Tags"] == [{"Key": "Owner", "Value": "me"}]


def test_how_far_behind_a_function_is_can_be_seen(client: Client) -> None:
    line = Line(client, "behind")
    arn = line.stream()
    line.put("a")
    time.sleep(1)
    line.map(arn)
    wait_for(line.seen, "the record")

    def age() -> float | None:
        found = client("cloudwatch").get_metric_statistics(
            Namespace="AWS/Lambda", MetricName="IteratorAge", Dimensions=[{"Name": "FunctionName", "Value": "behind"}],
            StartTime=time.time() - 600, EndTime=time.time() + 60, Period=60, Statistics=["Maximum"],
        )["Datapoints"]  # fmt: skip
        return max((point["Maximum"] for point in found), default=None)

    assert wait_for(age, "the metric") == pytest.approx(1500, abs=1400)
