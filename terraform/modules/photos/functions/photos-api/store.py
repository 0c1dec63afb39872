"""The calls to DynamoDB and S3 that the API makes."""

from __future__ import annotations

import os
from typing import Any

import boto3
from boto3.dynamodb.conditions import Key
from botocore.config import Config
from photos import EXPIRES_SECONDS, Upload

BUCKET = os.environ["BUCKET"]

# Regional and virtual-hosted, or S3 answers a presigned URL with a redirect that browsers don't follow for PUT.
_s3 = boto3.client("s3", config=Config(signature_version="s3v4", s3={"addressing_style": "virtual"}))
_photos = boto3.resource("dynamodb").Table(os.environ["TABLE"])


def find_record(photo_id: str) -> dict[str, Any] | None:
    return _photos.get_item(Key={"photo_id": photo_id}).get("Item")


def newest_records(limit: int, after: dict[str, str] | None) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
    """A page of records, newest first, and the key that the next page starts after (None: this was the last)."""
    page = _photos.query(
        IndexName="newest",
        KeyConditionExpression=Key("album").eq("all"),
        ScanIndexForward=False,
        Limit=limit,
        **({"ExclusiveStartKey": after} if after else {}),
    )
    return page["Items"], page.get("LastEvaluatedKey")


def presign_upload(photo_id: str, upload: Upload) -> str:
    """A URL by which exactly this upload can be put: S3 refuses another type or length, which are signed."""
    url: str = _s3.generate_presigned_url(
        "put_object",
        Params={
            "Bucket": BUCKET,
            "Key": f"uploads/{photo_id}",
            "ContentType": upload.content_type,
            "ContentLength": upload.content_length,
        },
        ExpiresIn=EXPIRES_SECONDS,
    )
    return url
