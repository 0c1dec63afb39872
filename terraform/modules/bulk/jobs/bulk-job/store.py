"""The calls to S3 that the job makes."""

from __future__ import annotations

import json
import os
from typing import Any

import boto3
from botocore.exceptions import ClientError
from versions import RECIPE, Rejected, Version, version_key

BUCKET = os.environ["BUCKET"]

_s3 = boto3.client("s3")


def fetch(bucket: str, key: str) -> tuple[bytes, str]:
    """An original and its ETag.

    Raises:
        Rejected: it is gone.
    """
    try:
        answer = _s3.get_object(Bucket=bucket, Key=key)
    except _s3.exceptions.NoSuchKey as error:
        raise Rejected("the original is gone") from error
    return answer["Body"].read(), answer["ETag"]


def etag_of(bucket: str, key: str) -> str:
    """An original's ETag; empty when it is gone."""
    return _head(bucket, key).get("ETag", "")


def has_version(name: str, version: str, etag: str) -> bool:
    """Whether this version was made already, of this original and by this recipe."""
    return bool(etag) and _head(BUCKET, version_key(name, version)).get("Metadata") == _marks(etag)


def put_version(name: str, version: Version, etag: str) -> None:
    """Same photo, same bytes at the same key: twice does no harm."""
    _s3.put_object(
        Bucket=BUCKET, Key=version_key(name, version.name), Body=version.jpeg, ContentType="image/jpeg",
        CacheControl="public, max-age=31536000", Metadata=_marks(etag),
    )  # fmt: skip


def fetch_manifest(key: str) -> dict[str, Any]:
    """The request's photos: {"bucket": …, "slices": [[key, …], …], "versions": [name, …]}."""
    manifest: dict[str, Any] = json.loads(_s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())
    return manifest


def put_result(job_id: str, result: dict[str, Any]) -> None:
    """What a job (or a child: `<id>:<index>`) did, for the follow-up."""
    _s3.put_object(
        Bucket=BUCKET, Key=f"results/{job_id.replace(':', '/')}.json", Body=json.dumps(result).encode(),
        ContentType="application/json",
    )  # fmt: skip


def _marks(etag: str) -> dict[str, str]:
    return {"original": etag.strip('"'), "recipe": RECIPE}


def _head(bucket: str, key: str) -> dict[str, Any]:
    try:
        return dict(_s3.head_object(Bucket=bucket, Key=key))
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
            return {}
        raise
