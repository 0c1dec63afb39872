"""The calls to S3, DynamoDB, SNS and SQS that the worker makes."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from datetime import datetime
from typing import Any

import boto3
from correlation import message_attributes
from thumbnails import Thumbnail

BUCKET = os.environ["BUCKET"]
TOPIC_ARN = os.environ["TOPIC_ARN"]
DEAD_LETTERS_URL = os.environ["DEAD_LETTERS_URL"]

_s3 = boto3.client("s3")
_sns = boto3.client("sns")
_sqs = boto3.client("sqs")
_photos = boto3.resource("dynamodb").Table(os.environ["TABLE"])

# A worker that claimed an announcement and is not heard of for this long is dead: Lambda ends it after 30 seconds.
CLAIM_SECONDS = 60


def thumbnail_key(photo_id: str) -> str:
    return f"thumbnails/{photo_id}.jpg"


def find_record(photo_id: str) -> dict[str, Any] | None:
    """The photo's record as it is now, or None."""
    return _photos.get_item(Key={"photo_id": photo_id}, ConsistentRead=True).get("Item")


def fetch_original(photo_id: str) -> bytes:
    content: bytes = _s3.get_object(Bucket=BUCKET, Key=f"uploads/{photo_id}")["Body"].read()
    return content


def put_thumbnail(photo_id: str, thumbnail: Thumbnail) -> None:
    _s3.put_object(
        Bucket=BUCKET,
        Key=thumbnail_key(photo_id),
        Body=thumbnail.jpeg,
        ContentType="image/jpeg",
        CacheControl="public, max-age=31536000, immutable",
    )


def create_record(photo_id: str, thumbnail: Thumbnail, now: datetime) -> dict[str, Any] | None:
    """Write the photo's record, and with it the claim to announce it. None if there is a record already."""
    record = {
        "photo_id": photo_id,
        "album": "all",
        "status": "ready",
        "created_at": now.isoformat(timespec="milliseconds"),
        "width": thumbnail.original_width,
        "height": thumbnail.original_height,
        "thumbnail": {"key": thumbnail_key(photo_id), "width": thumbnail.width, "height": thumbnail.height},
        "announcement": "claimed",
        "claimed_at": int(now.timestamp()),
    }
    try:
        _photos.put_item(Item=record, ConditionExpression="attribute_not_exists(photo_id)")
    except _photos.meta.client.exceptions.ConditionalCheckFailedException:
        return None
    return record


def take_over_announcement(photo_id: str, now: datetime) -> dict[str, Any] | None:
    """Claim the announcement of a worker that died, and give the record. None if it lives or is done."""
    try:
        return _photos.update_item(
            Key={"photo_id": photo_id},
            UpdateExpression="SET claimed_at = :now",
            ConditionExpression="announcement = :claimed AND claimed_at < :dead",
            ExpressionAttributeValues={
                ":claimed": "claimed",
                ":now": int(now.timestamp()),
                ":dead": int(now.timestamp()) - CLAIM_SECONDS,
            },
            ReturnValues="ALL_NEW",
        )["Attributes"]
    except _photos.meta.client.exceptions.ConditionalCheckFailedException:
        return None


def publish(announcement: dict[str, Any], correlation_id: str) -> None:
    _sns.publish(
        TopicArn=TOPIC_ARN,
        Message=json.dumps(announcement),
        MessageAttributes={
            "event": {"DataType": "String", "StringValue": announcement["event"]},
            **message_attributes(correlation_id),
        },
    )


def mark_announced(photo_id: str) -> None:
    """Note it in the record. One that was removed meanwhile stays removed: an update alone would write it anew."""
    with suppress(_photos.meta.client.exceptions.ConditionalCheckFailedException):
        _photos.update_item(
            Key={"photo_id": photo_id},
            UpdateExpression="SET announcement = :made REMOVE claimed_at",
            ConditionExpression="attribute_exists(photo_id)",
            ExpressionAttributeValues={":made": "made"},
        )


def set_aside(message_body: str, *, photo_id: str, reason: str, correlation_id: str) -> None:
    """Send a message that can never be worked off to the dead-letter queue, with its reason."""
    _sqs.send_message(
        QueueUrl=DEAD_LETTERS_URL,
        MessageBody=message_body,
        MessageAttributes={
            "reason": {"DataType": "String", "StringValue": reason},
            "photo_id": {"DataType": "String", "StringValue": photo_id or "unknown"},
            **message_attributes(correlation_id),
        },
    )
