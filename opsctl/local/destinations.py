"""Where Lambda sends the record of an invocation: a queue, a topic, a bucket, a bus, another function."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from opsctl.local.exchange import Handler, Request, signed_request

Document = dict[str, Any]


def timestamp(now: datetime) -> str:
    """As in invocation records: 2026-11-21T18:16:05.568Z."""
    return now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{now.microsecond // 1000:03d}Z"


def object_time(now: datetime) -> str:
    """As in the keys of failure objects: 2026-11-21T18.16.05."""
    return now.astimezone(UTC).strftime("%Y-%m-%dT%H.%M.%S")


async def deliver(handle: Handler, arn: str, document: Document, *, account: str, region: str, key: str) -> bool:
    """Send a record to a destination; False (and a line in the log) when it would not take it.

    Args:
        key: the object's, if the destination is a bucket.
    """
    service = arn.split(":")[2]
    send = DESTINATIONS.get(service)
    if send is None:
        logging.getLogger("opsctl").warning("no way to a destination like %s", arn)
        return False
    answer = await handle(send(arn, document, account, region, key))
    if answer.status >= 300:
        logging.getLogger("opsctl").warning("destination %s answered %s: %s", arn, answer.status, answer.body[:300])
    return answer.status < 300


def to_queue(arn: str, document: Document, account: str, region: str, _: str) -> Request:
    body = {"QueueUrl": queue_url(arn), "MessageBody": json.dumps(document)}
    return json_call("sqs", "AmazonSQS.SendMessage", body, account, region)


def to_topic(arn: str, document: Document, account: str, region: str, _: str) -> Request:
    form = {"Action": "Publish", "Version": "2010-03-31", "TopicArn": arn, "Message": json.dumps(document)}
    headers = {"content-type": "application/x-www-form-urlencoded"}
    return signed_request("sns", account, region, "POST", "/", headers=headers, body=urlencode(form).encode())


def to_bucket(arn: str, document: Document, account: str, region: str, key: str) -> Request:
    path = f"/{arn.rpartition(':')[2]}/{key}"
    headers = {"content-type": "application/json"}
    return signed_request("s3", account, region, "PUT", path, headers=headers, body=json.dumps(document).encode())


def to_bus(arn: str, document: Document, account: str, region: str, _: str) -> Request:
    failed = document["requestContext"]["condition"] != "Success"
    entry = {
        "EventBusName": arn,
        "Source": "lambda",
        "DetailType": f"Lambda Function Invocation Result - {'Failure' if failed else 'Success'}",
        "Resources": [arn, document["requestContext"]["functionArn"]],
        "Detail": json.dumps(document),
    }
    return json_call("events", "AWSEvents.PutEvents", {"Entries": [entry]}, account, region)


def to_function(arn: str, document: Document, account: str, region: str, _: str) -> Request:
    return invocation(arn, json.dumps(document).encode(), account=account, region=region, kind="Event")


DESTINATIONS: dict[str, Callable[[str, Document, str, str, str], Request]] = {
    "sqs": to_queue,
    "sns": to_topic,
    "s3": to_bucket,
    "events": to_bus,
    "lambda": to_function,
}
"""By the service in the ARN."""


def invocation(function: str, payload: bytes, *, account: str, region: str, kind: str = "RequestResponse") -> Request:
    """A call of a function, by its ARN."""
    headers = {"x-amz-invocation-type": kind, "content-type": "application/json"}
    path = f"/2015-03-31/functions/{function}/invocations"
    return signed_request("lambda", account, region, "POST", path, headers=headers, body=payload)


def dead_letter(arn: str, body: str, attributes: Mapping[str, str], *, account: str, region: str) -> Request:
    """A message for a dead-letter queue or topic: the event as it came, and attributes that are text (none empty)."""
    attributes = {name: value for name, value in attributes.items() if value}
    if arn.split(":")[2] == "sns":
        form = {"Action": "Publish", "Version": "2010-03-31", "TopicArn": arn, "Message": body}
        for position, (name, value) in enumerate(attributes.items(), 1):
            entry = f"MessageAttributes.entry.{position}"
            form |= {f"{entry}.Name": name, f"{entry}.Value.DataType": "String", f"{entry}.Value.StringValue": value}
        headers = {"content-type": "application/x-www-form-urlencoded"}
        return signed_request("sns", account, region, "POST", "/", headers=headers, body=urlencode(form).encode())
    message = {
        "QueueUrl": queue_url(arn),
        "MessageBody": body,
        "MessageAttributes": {n: {"DataType": "String", "StringValue": value} for n, value in attributes.items()},
    }
    return json_call("sqs", "AmazonSQS.SendMessage", message, account, region)


def queue_url(arn: str) -> str:
    owner, name = arn.split(":")[4:6]
    return f"http://127.0.0.1/{owner}/{name}"


def json_call(service: str, target: str, body: Document, account: str, region: str) -> Request:
    """A call of a JSON protocol; `target` is the whole x-amz-target."""
    headers = {"x-amz-target": target, "content-type": "application/x-amz-json-1.1"}
    return signed_request(service, account, region, "POST", "/", headers=headers, body=json.dumps(body).encode())
