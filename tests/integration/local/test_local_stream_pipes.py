"""EventBridge Pipes from streams: a table's changes into Kinesis, and a stream's records, filtered, into a queue."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from typing import Any

from local_clouds import ACCOUNT, Client

ROLE = f"arn:aws:iam::{ACCOUNT}:role/pipe"


def wait_for(look: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if seen := look():
            return seen
        time.sleep(0.05)
    raise AssertionError(f"waited in vain for {what}")


def queue(client: Client, name: str) -> tuple[str, str]:
    """Its URL and its ARN."""
    sqs = client("sqs")
    url: str = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn: str = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    return url, arn


def stream(client: Client, name: str, shards: int = 1) -> str:
    client("kinesis").create_stream(StreamName=name, ShardCount=shards)
    arn: str = client("kinesis").describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["StreamARN"]
    return arn


def records(client: Client, name: str) -> list[dict[str, Any]]:
    """All that lies in a stream of one shard."""
    kinesis = client("kinesis")
    iterator = kinesis.get_shard_iterator(
        StreamName=name, ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    found: list[dict[str, Any]] = kinesis.get_records(ShardIterator=iterator)["Records"]
    return found


def take(client: Client, url: str, count: int) -> list[Any]:
    sqs, taken = client("sqs"), []
    deadline = time.monotonic() + 30
    while len(taken) < count and time.monotonic() < deadline:
        answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        for message in answer.get("Messages", []):
            taken.append(json.loads(message["Body"]))
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return taken


def test_a_tables_changes_arrive_in_a_stream_in_order_filtered_shaped_and_by_their_key(client: Client) -> None:
    dynamodb = client("dynamodb")
    source = dynamodb.create_table(
        TableName="piped", BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )["TableDescription"]["LatestStreamArn"]  # fmt: skip
    target = stream(client, "piped")
    dynamodb.put_item(TableName="piped", Item={"id": {"S": "before"}, "state": {"S": "new"}})
    pattern = json.dumps({"dynamodb": {"NewImage": {"state": {"S": [{"exists": True}]}}}})
    client("pipes").create_pipe(
        Name="piped", RoleArn=ROLE, Source=source, Target=target,
        SourceParameters={
            "DynamoDBStreamParameters": {"StartingPosition": "TRIM_HORIZON", "BatchSize": 2},
            "FilterCriteria": {"Filters": [{"Pattern": pattern}]},
        },
        TargetParameters={
            "InputTemplate": '{"id": <$.dynamodb.Keys.id.S>, "state": <$.dynamodb.NewImage.state.S>}',
            "KinesisStreamParameters": {"PartitionKey": "$.dynamodb.Keys.id.S"},
        },
    )  # fmt: skip
    for state in ("paid", "sent"):
        dynamodb.put_item(TableName="piped", Item={"id": {"S": "one"}, "state": {"S": state}})
    dynamodb.put_item(TableName="piped", Item={"id": {"S": "no-state"}})
    dynamodb.delete_item(TableName="piped", Key={"id": {"S": "before"}})
    dynamodb.put_item(TableName="piped", Item={"id": {"S": "two"}, "state": {"S": "new"}})

    found = wait_for(lambda: (seen := records(client, "piped")) and len(seen) >= 4 and seen, "four records")
    assert [(json.loads(record["Data"]), record["PartitionKey"]) for record in found] == [
        ({"id": "before", "state": "new"}, "before"),
        ({"id": "one", "state": "paid"}, "one"),
        ({"id": "one", "state": "sent"}, "one"),
        ({"id": "two", "state": "new"}, "two"),
    ]


def test_a_streams_records_that_the_filter_lets_through_become_messages(client: Client) -> None:
    source, (url, target) = stream(client, "filtered", shards=2), queue(client, "filtered")
    client("pipes").create_pipe(
        Name="filtered", RoleArn=ROLE, Source=source, Target=target,
        SourceParameters={
            "KinesisStreamParameters": {"StartingPosition": "TRIM_HORIZON"},
            "FilterCriteria": {"Filters": [{"Pattern": json.dumps({"data": {"status": ["confirmed"]}})}]},
        },
        TargetParameters={"InputTemplate": '{"order": <$.data.order>, "key": <$.partitionKey>}'},
    )  # fmt: skip
    kinesis = client("kinesis")
    for number, status in enumerate(["placed", "confirmed", "cancelled", "confirmed"]):
        data = json.dumps({"order": number, "status": status})
        kinesis.put_record(StreamName="filtered", Data=data, PartitionKey=f"k{number}")
    kinesis.put_record(StreamName="filtered", Data=b"not json", PartitionKey="k")
    found = sorted(take(client, url, 2), key=lambda message: message["order"])
    assert found == [{"order": 1, "key": "k1"}, {"order": 3, "key": "k3"}]


def test_without_a_template_a_message_is_the_record_with_its_data_as_it_came(client: Client) -> None:
    source, (url, target) = stream(client, "untouched"), queue(client, "untouched")
    parameters = {"KinesisStreamParameters": {"StartingPosition": "TRIM_HORIZON"}}
    client("pipes").create_pipe(
        Name="untouched", RoleArn=ROLE, Source=source, Target=target, SourceParameters=parameters
    )
    client("kinesis").put_record(StreamName="untouched", Data=b"raw", PartitionKey="k")
    [message] = take(client, url, 1)
    assert (base64.b64decode(message["data"]), message["partitionKey"]) == (b"raw", "k")
    assert message["eventSource"] == "aws:kinesis"


def test_what_the_target_will_not_take_is_tried_again_and_then_told_to_the_dead_letter_queue(client: Client) -> None:
    source, (url, dead) = stream(client, "dead"), queue(client, "dead-letters")
    _, target = queue(client, "gone")
    client("sqs").delete_queue(QueueUrl=url.replace("dead-letters", "gone"))
    client("pipes").create_pipe(
        Name="dead", RoleArn=ROLE, Source=source, Target=target,
        SourceParameters={"KinesisStreamParameters": {
            "StartingPosition": "TRIM_HORIZON", "MaximumRetryAttempts": 1, "DeadLetterConfig": {"Arn": dead},
        }},
    )  # fmt: skip
    sequence = client("kinesis").put_record(StreamName="dead", Data=b"{}", PartitionKey="k")["SequenceNumber"]
    [letter] = take(client, url, 1)
    assert letter["context"]["condition"] == "RetryAttemptsExhausted"
    assert letter["context"]["approximateInvokeCount"] == 2
    assert letter["KinesisBatchInfo"]["startSequenceNumber"] == sequence
    assert letter["KinesisBatchInfo"]["streamArn"] == source


def test_a_stopped_pipe_goes_on_where_it_stopped(client: Client) -> None:
    source, (url, target) = stream(client, "stopped"), queue(client, "stopped")
    pipes, kinesis = client("pipes"), client("kinesis")
    parameters = {"KinesisStreamParameters": {"StartingPosition": "TRIM_HORIZON"}}
    pipes.create_pipe(
        Name="stopped", RoleArn=ROLE, Source=source, Target=target, SourceParameters=parameters,
        TargetParameters={"InputTemplate": "<$.data.n>"},
    )  # fmt: skip
    kinesis.put_record(StreamName="stopped", Data=b'{"n": 1}', PartitionKey="k")
    assert take(client, url, 1) == [1]
    pipes.stop_pipe(Name="stopped")
    kinesis.put_record(StreamName="stopped", Data=b'{"n": 2}', PartitionKey="k")
    pipes.start_pipe(Name="stopped")
    assert take(client, url, 1) == [2]
