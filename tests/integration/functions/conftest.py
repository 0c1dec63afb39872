"""Both functions against moto's S3, SQS, DynamoDB and SNS, with the resources that the photos module makes."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import boto3
import pytest
from moto import mock_aws
from PIL import Image

FUNCTIONS = Path(__file__).parents[3] / "terraform/modules/photos/functions"
REGION = "eu-central-1"
CONTEXT = SimpleNamespace(
    function_name="a-function",
    memory_limit_in_mb=1024,
    invoked_function_arn=f"arn:aws:lambda:{REGION}:111122223333:function:a-function:live",
    aws_request_id="a-request",
    get_remaining_time_in_millis=lambda: 30_000,
)


@dataclass
class Pipeline:
    """What the functions work on, and what a test wants to know of it."""

    bucket: Any
    table: Any
    dead_letters: Any
    announcements: Any

    def upload(self, photo_id: str, content: bytes) -> dict[str, Any]:
        """Put an original, and give the S3 event that the worker gets."""
        self.bucket.put_object(Key=f"uploads/{photo_id}", Body=content)
        return s3_event(f"uploads/{photo_id}", len(content))

    def record(self, photo_id: str) -> dict[str, Any] | None:
        return self.table.get_item(Key={"photo_id": photo_id}).get("Item")

    def announced(self) -> list[dict[str, Any]]:
        """What has been announced since this was last asked."""
        return [json.loads(json.loads(message.body)["Message"]) for message in _drain(self.announcements)]

    def set_aside(self) -> list[tuple[str, str, dict[str, Any]]]:
        """(photo id, reason, original message) of each dead letter since this was last asked."""
        return [
            (
                message.message_attributes["photo_id"]["StringValue"],
                message.message_attributes["reason"]["StringValue"],
                json.loads(message.body),
            )
            for message in _drain(self.dead_letters)
        ]


def _drain(queue: Any) -> Iterator[Any]:
    while messages := queue.receive_messages(MaxNumberOfMessages=10, MessageAttributeNames=["All"]):
        for message in messages:
            yield message
            message.delete()


def s3_event(key: str, size: int) -> dict[str, Any]:
    return {"Records": [{"eventName": "ObjectCreated:Put", "s3": {"object": {"key": key, "size": size}}}]}


def batch(*bodies: dict[str, Any]) -> dict[str, Any]:
    """An SQS event; its messages are called m0, m1, …"""
    return {
        "Records": [
            {
                "messageId": f"m{number}",
                "body": json.dumps(body),
                "eventSource": "aws:sqs",
                "attributes": {},
                "messageAttributes": {},
            }
            for number, body in enumerate(bodies)
        ]
    }


def a_photo(size: tuple[int, int] = (640, 480)) -> bytes:
    file = BytesIO()
    Image.new("RGB", size, "teal").save(file, "JPEG")
    return file.getvalue()


@pytest.fixture
def pipeline(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pipeline]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with mock_aws():
        bucket = boto3.resource("s3").create_bucket(
            Bucket="photos", CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        table = boto3.resource("dynamodb").create_table(
            TableName="photos",
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "photo_id", "KeyType": "HASH"}],
            AttributeDefinitions=[
                {"AttributeName": name, "AttributeType": "S"} for name in ("photo_id", "album", "created_at")
            ],
            GlobalSecondaryIndexes=[
                {
                    "IndexName": "newest",
                    "KeySchema": [
                        {"AttributeName": "album", "KeyType": "HASH"},
                        {"AttributeName": "created_at", "KeyType": "RANGE"},
                    ],
                    "Projection": {"ProjectionType": "ALL"},
                }
            ],
        )
        topic = boto3.resource("sns").create_topic(Name="photo-ready")
        dead_letters, announcements = (
            boto3.resource("sqs").create_queue(QueueName=name) for name in ("dead-letters", "announcements")
        )
        topic.subscribe(Protocol="sqs", Endpoint=announcements.attributes["QueueArn"])
        for name, value in {
            "BUCKET": "photos",
            "TABLE": "photos",
            "TOPIC_ARN": topic.arn,
            "DEAD_LETTERS_URL": dead_letters.url,
            "POWERTOOLS_SERVICE_NAME": "photos",
            "POWERTOOLS_METRICS_NAMESPACE": "test/photos",
        }.items():
            monkeypatch.setenv(name, value)
        yield Pipeline(bucket, table, dead_letters, announcements)


def _load(function: str) -> Iterator[ModuleType]:
    """As Lambda loads it. Two functions each have a `handler` and a `store`: none may find the other's."""
    sys.path.insert(0, str(FUNCTIONS / function))
    try:
        yield importlib.import_module("handler")
    finally:
        sys.path.remove(str(FUNCTIONS / function))
        for file in (FUNCTIONS / function).glob("*.py"):
            sys.modules.pop(file.stem, None)


@pytest.fixture
def thumbnail(pipeline: Pipeline) -> Iterator[ModuleType]:
    yield from _load("thumbnail")


@pytest.fixture
def photos_api(pipeline: Pipeline) -> Iterator[ModuleType]:
    yield from _load("photos-api")
