"""The calls to S3 and DynamoDB."""

from __future__ import annotations

import os
from datetime import UTC, datetime

import boto3
from pictures.attempts import attempt, note_attempt

BUCKET = os.environ["BUCKET"]

_s3 = boto3.client("s3")
_images = boto3.resource("dynamodb").Table(os.environ["TABLE"])


def begin(image_id: str, execution: str) -> None:
    """Note the attempt."""
    note_attempt(_images, image_id, attempt("filter", execution, datetime.now(UTC)))


def fetch(bucket: str, key: str) -> bytes:
    content: bytes = _s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    return content


def put_work(image_id: str, version: str, png: bytes) -> dict[str, str]:
    """Keep an unfinished version for the next step; says where."""
    key = f"work/{image_id}/{version}.png"
    _s3.put_object(Bucket=BUCKET, Key=key, Body=png, ContentType="image/png")
    return {"version": version, "key": key}
