"""The calls to S3 and DynamoDB."""

from __future__ import annotations

import os
from datetime import datetime
from typing import Any

import boto3
from claims import CONDITION, claim
from pictures import check_size
from pictures.attempts import attempt

_s3 = boto3.client("s3")
_images = boto3.resource("dynamodb").Table(os.environ["TABLE"])


def claim_image(request: dict[str, Any], execution: str, now: datetime) -> str | None:
    """Make the image this execution's, and note the attempt. None; or if it isn't ours, the record's status."""
    try:
        _images.update_item(
            Key={"image_id": request["image_id"]},
            UpdateExpression=(
                "SET #status = :processing, #execution = :execution, sequencer = :sequencer, redrives = :redrives,"
                " claimed_at = :now, #bucket = :bucket, #key = :key, correlation_id = :correlation_id,"
                " attempts = list_append(if_not_exists(attempts, :none), :attempt) REMOVE #reason, outputs"
            ),
            ConditionExpression=CONDITION,
            ExpressionAttributeNames={f"#{name}": name for name in ("status", "execution", "bucket", "key", "reason")},
            ExpressionAttributeValues={
                **claim(request, execution, now),
                ":bucket": request["bucket"],
                ":key": request["key"],
                ":correlation_id": request["correlation_id"],
                ":none": [],
                ":attempt": [attempt("validate", execution, now)],
            },
        )
    except _images.meta.client.exceptions.ConditionalCheckFailedException:
        record = _images.get_item(Key={"image_id": request["image_id"]}, ConsistentRead=True).get("Item", {})
        return str(record.get("status", ""))
    return None


def forget(image_id: str) -> None:
    """Remove the record of an image that somebody removed."""
    _images.delete_item(Key={"image_id": image_id})


def fetch(bucket: str, key: str) -> bytes | None:
    """The original; None: it was removed since.

    Raises:
        Refused: it is empty or too large to be fetched.
    """
    try:
        stored = _s3.get_object(Bucket=bucket, Key=key)
    except _s3.exceptions.NoSuchKey:
        return None
    check_size(stored["ContentLength"])
    content: bytes = stored["Body"].read()
    return content
