"""The calls to S3, Batch and SQS that planning makes."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
from botocore.exceptions import ClientError

BUCKET = os.environ["BUCKET"]
SOURCES: dict[str, dict[str, str]] = json.loads(os.environ["SOURCES"])
JOB_QUEUE = os.environ["JOB_QUEUE"]
JOB_DEFINITION = os.environ["JOB_DEFINITION"]
FAILURE_QUEUE_URL = os.environ["FAILURE_QUEUE_URL"]

_s3 = boto3.client("s3")
_batch = boto3.client("batch")
_sqs = boto3.client("sqs")


def manifest_key(request_id: str) -> str:
    return f"requests/{request_id}/manifest.json"


def list_photos(source: str, prefix: str) -> Iterator[str]:
    """Keys of a bucket's originals, a thousand to a page."""
    place = SOURCES[source]
    for page in _s3.get_paginator("list_objects_v2").paginate(Bucket=place["bucket"], Prefix=place["prefix"] + prefix):
        yield from (found["Key"] for found in page.get("Contents", ()) if not found["Key"].endswith("/"))


def find_manifest(request_id: str) -> tuple[dict[str, Any], float] | None:
    """The request's manifest and its age in seconds; None while there is none."""
    try:
        answer = _s3.get_object(Bucket=BUCKET, Key=manifest_key(request_id))
    except _s3.exceptions.NoSuchKey:
        return None
    return json.loads(answer["Body"].read()), (datetime.now(UTC) - answer["LastModified"]).total_seconds()


def claim(request_id: str, manifest: bytes) -> bool:
    """Put the manifest on condition that there is none. Whoever does submits the job; False: somebody else did."""
    try:
        _s3.put_object(
            Bucket=BUCKET, Key=manifest_key(request_id), Body=manifest, ContentType="application/json", IfNoneMatch="*"
        )
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] in (409, 412):
            return False
        raise
    return True


def find_job(name: str) -> str | None:
    """Id of the queue's job of this name, in whatever status; None if there is none. Batch keeps it for seven days."""
    found = _batch.list_jobs(jobQueue=JOB_QUEUE, filters=[{"name": "JOB_NAME", "values": [name]}])["jobSummaryList"]
    return str(found[0]["jobId"]) if found else None


def submit(name: str, request_id: str, correlation_id: str, size: int) -> str:
    """Submit the job, as an array if it has more than one child (AWS takes none of one). Gives its id."""
    environment = {"CORRELATION_ID": correlation_id, "REQUEST_ID": request_id}
    return str(
        _batch.submit_job(
            jobName=name,
            jobQueue=JOB_QUEUE,
            jobDefinition=JOB_DEFINITION,
            containerOverrides={
                "command": ["slice", manifest_key(request_id)],
                "environment": [{"name": name, "value": value} for name, value in environment.items()],
            },
            **({"arrayProperties": {"size": size}} if size > 1 else {}),
        )["jobId"]
    )


def set_aside(event: dict[str, Any], *, function_arn: str, reason: str, correlation_id: str) -> None:
    """Send an event that can never be worked off to the failure queue, in the form that Lambda gives a failed one."""
    record = {
        "version": "1.0",
        "requestContext": {"functionArn": function_arn, "condition": "Rejected", "approximateInvokeCount": 1},
        "requestPayload": event,
        "responsePayload": {"errorType": "Rejected", "errorMessage": reason},
    }
    _sqs.send_message(
        QueueUrl=FAILURE_QUEUE_URL,
        MessageBody=json.dumps(record),
        MessageAttributes={
            "reason": {"DataType": "String", "StringValue": reason},
            "correlation_id": {"DataType": "String", "StringValue": correlation_id},
        },
    )
