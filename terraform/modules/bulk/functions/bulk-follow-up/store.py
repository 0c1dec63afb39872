"""The calls to Batch, S3, SQS, SNS and EventBridge that the follow-up makes."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import events
from botocore.config import Config
from correlation import message_attributes
from follow_up import FailedPart, Failure, Job, failed_part

BUCKET = os.environ["BUCKET"]
BUS = os.environ["BUS"]
SOURCES: dict[str, dict[str, str]] = json.loads(os.environ["SOURCES"])
TOPIC_ARN = os.environ["TOPIC_ARN"]
FAILURE_QUEUE_URL = os.environ["FAILURE_QUEUE_URL"]
PLAN_FUNCTION_ARN = os.environ["PLAN_FUNCTION_ARN"]
READERS = 16

_s3 = boto3.client("s3", config=Config(max_pool_connections=READERS))
_batch = boto3.client("batch")
_sqs = boto3.client("sqs")
_sns = boto3.client("sns")
_events = boto3.client("events")


def report_key(job_id: str) -> str:
    return f"reports/{job_id}.json"


def has_report(job_id: str) -> bool:
    return _read(report_key(job_id)) is not None


def fetch_manifest(key: str) -> dict[str, Any]:
    manifest = _read(key)
    if manifest is None:
        raise FileNotFoundError(key)
    return manifest


def results_of(job: Job) -> dict[int, dict[str, Any]]:
    """By index, what each child (or the single job) wrote down. One that failed may have written nothing."""
    keys = [f"results/{job.id}/{index}.json" for index in range(job.size)] or [f"results/{job.id}.json"]
    with ThreadPoolExecutor(READERS) as pool:
        return {index: result for index, result in enumerate(pool.map(_read, keys)) if result is not None}


def failed_parts(job: Job, detail: dict[str, Any]) -> list[FailedPart]:
    """The children that failed, or the job itself."""
    if not job.size:
        return [failed_part(detail)] if job.status == "FAILED" else []
    pages = _batch.get_paginator("list_jobs").paginate(arrayJobId=job.id, jobStatus="FAILED")
    ids = [found["jobId"] for page in pages for found in page["jobSummaryList"]]
    described = (_batch.describe_jobs(jobs=list(part))["jobs"] for part in _parts(ids, 100))
    return [failed_part(child) for part in described for child in part]


def keep(failure: Failure, correlation_id: str) -> None:
    """Send it to the failure queue, in the form in which Lambda hands over a failed event."""
    record = {
        "version": "1.0",
        "requestContext": {
            "requestId": failure.job_id,
            "functionArn": PLAN_FUNCTION_ARN,
            "condition": "RetriesExhausted",
            "approximateInvokeCount": failure.attempts,
        },
        "requestPayload": failure.request,
        "responsePayload": {"errorType": "JobFailed", "errorMessage": failure.reason},
    }
    _sqs.send_message(
        QueueUrl=FAILURE_QUEUE_URL,
        MessageBody=json.dumps(record),
        MessageAttributes={
            "reason": {"DataType": "String", "StringValue": failure.reason[:1024]},
            "job_id": {"DataType": "String", "StringValue": failure.job_id},
            **message_attributes(correlation_id),
        },
    )


def announce(detail: dict[str, Any]) -> None:
    """On the bus, and to whom the topic tells."""
    events.publish(_events, BUS, "bulk", "bulk.finished", detail)
    _sns.publish(
        TopicArn=TOPIC_ARN,
        Message=json.dumps({"event": "bulk.finished", **detail}),
        MessageAttributes={
            "event": {"DataType": "String", "StringValue": "bulk.finished"},
            "status": {"DataType": "String", "StringValue": detail["status"]},
            **message_attributes(detail["correlation_id"]),
        },
    )


def put_report(job_id: str, report: dict[str, Any]) -> None:
    _s3.put_object(
        Bucket=BUCKET,
        Key=report_key(job_id),
        Body=json.dumps(report, indent=1).encode(),
        ContentType="application/json",
    )


def _read(key: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(_s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())
    except _s3.exceptions.NoSuchKey:
        return None
    return found


def _parts(items: list[str], size: int) -> Iterator[Iterable[str]]:
    for begin in range(0, len(items), size):
        yield items[begin : begin + size]
