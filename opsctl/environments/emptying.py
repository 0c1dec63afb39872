"""Empty the buckets that a plan would delete: AWS refuses to delete one with objects or old versions in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opsctl.aws.clients import Aws

BATCH = 1000
"""Keys in one DeleteObjects call. Source: Amazon S3 API reference, DeleteObjects."""


def empty_bucket(aws: Aws, bucket: str) -> int:
    """Delete every object, old version and delete marker, and say how many. Two calls for each 1,000 of them."""
    total = 0
    for batch in _batches(aws, bucket):
        aws.call("s3", "delete_objects", Bucket=bucket, Delete={"Objects": batch, "Quiet": True})
        total += len(batch)
    return total


def _batches(aws: Aws, bucket: str) -> Iterator[list[dict[str, Any]]]:
    items = "[Versions, DeleteMarkers][] | [].{Key: Key, VersionId: VersionId}"
    batch: list[dict[str, Any]] = []
    for item in aws.pages("s3", "list_object_versions", items, Bucket=bucket):
        batch.append(item)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
