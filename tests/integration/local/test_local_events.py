"""S3 → SQS → Lambda → DynamoDB and SNS → SQS, with a function's own boto3 and no endpoint in its code."""

from __future__ import annotations

import itertools
import json
import time
from typing import Any

from local_clouds import ACCOUNT, REGION, Client, zipped

CODE = """
import json, os, boto3

def handler(event, context):
    table, topic = boto3.resource("dynamodb").Table("events"), boto3.client("sns")
    for record in event["Records"]:
        for change in json.loads(record["body"]).get("Records", []):
            key = change["s3"]["object"]["key"]
            account = boto3.client("sts").get_caller_identity()["Account"]
            table.put_item(Item={"id": key, "account": account, "region": os.environ["AWS_REGION"]})
            topic.publish(TopicArn=os.environ["TOPIC"], Message=key)
"""


def wait_for_messages(sqs: Any, queue: str, count: int) -> list[str]:
    """Bodies of SNS messages, as they come; long polling, at most 30 s."""
    found: list[str] = []
    deadline = time.monotonic() + 30
    while len(found) < count and time.monotonic() < deadline:
        answer = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=2)
        found += [json.loads(message["Body"])["Message"] for message in answer.get("Messages", [])]
    return found


def test_an_object_becomes_a_record_and_an_announcement(client: Client) -> None:
    s3, sqs, functions = client("s3"), client("sqs"), client("lambda")
    topic = client("sns").create_topic(Name="events")["TopicArn"]
    queues = [sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("events-in", "events-out")]
    incoming, outgoing = (
        sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"] for url in queues
    )
    client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=outgoing)
    client("dynamodb").create_table(
        TableName="events", BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )  # fmt: skip
    functions.create_function(
        FunctionName="events", Runtime="python3.11", Handler="handler.handler", Role=f"arn:aws:iam::{ACCOUNT}:role/x",
        Code={"ZipFile": zipped(CODE)}, Timeout=20, Environment={"Variables": {"TOPIC": topic}},
    )  # fmt: skip
    functions.create_event_source_mapping(FunctionName="events", EventSourceArn=incoming, BatchSize=10)
    s3.create_bucket(Bucket="events", CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_bucket_notification_configuration(Bucket="events", NotificationConfiguration={
        "QueueConfigurations": [{"QueueArn": incoming, "Events": ["s3:ObjectCreated:*"]}],
    })  # fmt: skip

    keys = [f"uploads/{number}" for number in itertools.islice(itertools.count(), 12)]
    for key in keys:
        s3.put_object(Bucket="events", Key=key, Body=b"x")
    assert sorted(wait_for_messages(sqs, queues[1], len(keys))) == sorted(keys)
    records = client("dynamodb").scan(TableName="events")["Items"]
    assert sorted(record["id"]["S"] for record in records) == sorted(keys)
    assert {(record["account"]["S"], record["region"]["S"]) for record in records} == {(ACCOUNT, REGION)}
