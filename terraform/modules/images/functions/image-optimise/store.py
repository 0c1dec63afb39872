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
    note_attempt(_images, image_id, attempt("optimise", execution, datetime.now(UTC)))


def fetch_work(key: str) -> bytes:
    content: bytes = _s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    return content


def put_output(image_id: str, version: str, jpeg: bytes) -> str:
    """Publish a finished version; gives its key, <image id>/<version>.jpg."""
    key = f"{image_id}/{version}.jpg"
    _s3.put_object(Bucket=BUCKET, Key=key, Body=jpeg, ContentType="image/jpeg")
    return key
