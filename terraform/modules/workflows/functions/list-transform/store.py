"""The calls to S3."""

from __future__ import annotations

import os

import boto3
from botocore.exceptions import ClientError

RESULTS_BUCKET = os.environ["RESULTS_BUCKET"]

_s3 = boto3.client("s3")


class Superseded(Exception):
    """The list was written over, or removed, since it was checked."""


def fetch(bucket: str, key: str, etag: str) -> bytes:
    """The list's content, if it is still the one that was checked.

    Raises:
        Superseded: it isn't.
    """
    try:
        return _s3.get_object(Bucket=bucket, Key=key, IfMatch=etag)["Body"].read()
    except ClientError as error:
        if error.response["Error"]["Code"] in ("PreconditionFailed", "NoSuchKey", "412"):
            raise Superseded(key) from error
        raise


def put(key: str, content: bytes) -> dict[str, str]:
    """Put a result. Gives {bucket, key, etag}."""
    answer = _s3.put_object(Bucket=RESULTS_BUCKET, Key=key, Body=content, ContentType="application/json")
    return {"bucket": RESULTS_BUCKET, "key": key, "etag": answer["ETag"].strip('"')}
