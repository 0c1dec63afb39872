"""The call to S3."""

from __future__ import annotations

import boto3
from botocore.exceptions import ClientError

_s3 = boto3.client("s3")


class Superseded(Exception):
    """The object was written over, or removed, since S3 told of it."""


def fetch(bucket: str, key: str, etag: str) -> bytes:
    """The object's content, if it is still the one with this ETag.

    Raises:
        Superseded: it isn't.
    """
    try:
        return _s3.get_object(Bucket=bucket, Key=key, IfMatch=etag)["Body"].read()
    except ClientError as error:
        if error.response["Error"]["Code"] in ("PreconditionFailed", "NoSuchKey", "412"):
            raise Superseded(key) from error
        raise
