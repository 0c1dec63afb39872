"""One id for everything that one request sets off, whatever carries it from function to function.

It is born at the edge: the client's header, else API Gateway's request id; for an upload straight into S3 the object's
id. From there it travels as message attribute (SQS, SNS), as field `correlation_id` (EventBridge details, state machine
inputs, records in JSON), or as environment variable CORRELATION_ID (Batch).
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote_plus

HEADER = "x-correlation-id"
FIELD = "correlation_id"
VARIABLE = "CORRELATION_ID"

# What is taken from outside: nothing that could break a log line, a query or a file name.
WELL_FORMED = re.compile(r"[A-Za-z0-9-]{8,64}")
# Envelopes within envelopes that are opened: Lambda's failure record → SQS → SNS → S3 is four, and nobody nests more.
DEEPEST = 8


def correlation_id_of(event: Any) -> str:
    """The correlation id of an event or of one record of a batch: 8 to 64 letters, digits and hyphens.

    The same event always has the same id, so a redelivery keeps it. It is, in this order: one that it carries; one that
    AWS gave to its beginning (API Gateway's request, S3's object, else the message or event); a hash of its content.

    Args:
        event: what Lambda hands to a function, or one of its records, or os.environ in a Batch job: a REST or ALB
            request, a WebSocket event, SQS (with an SNS notification, an S3 event or JSON in its body), SNS, S3,
            DynamoDB stream, Kinesis, EventBridge, Scheduler, Step Functions, Lambda's record of a failure, Powertools'
            data classes of these. Anything else that JSON can hold has an id, too. An event of many records has its
            first one's.
    """
    envelopes = list(_envelopes(event))
    for envelope in envelopes:
        for carried in _carried(envelope):
            if isinstance(carried, str) and WELL_FORMED.fullmatch(carried):
                return carried
    for envelope in reversed(envelopes):
        for given in _given_by_aws(envelope):
            if isinstance(given, str) and WELL_FORMED.fullmatch(cleaned := _clean(given)):
                return cleaned
    return _hash(event)


def message_attributes(correlation_id: str) -> dict[str, dict[str, str]]:
    """The `MessageAttributes` by which a message to SQS or SNS carries the id."""
    return {FIELD: {"DataType": "String", "StringValue": correlation_id}}


def _envelopes(event: Any) -> Iterator[Mapping[str, Any]]:
    """The event, and what it wraps: from the outside in."""
    for _ in range(DEEPEST):
        if isinstance(event, (list, tuple)) and event:
            event = event[0]
        if not isinstance(event, Mapping):
            return
        yield event
        event = _content(event)


def _content(event: Mapping[str, Any]) -> Any:
    """What an envelope holds, or None."""
    if isinstance(data := _at(event, "kinesis", "data"), str):
        return _parsed(_decoded(data))
    for wrapped in ("requestPayload", "Records", "Sns", "detail"):
        if isinstance(event.get(wrapped), (Mapping, list)):
            return event[wrapped]
    # The body of a REST or ALB request is its client's business; that of a WebSocket message has the place of headers.
    if "eventSource" in event or isinstance(_at(event, "requestContext", "connectionId"), str):
        return _parsed(event.get("body"))
    for text in ("Message", "Body", "input"):
        if isinstance(event.get(text), str):
            return _parsed(event[text])
    return None


def _carried(event: Mapping[str, Any]) -> Iterator[Any]:
    yield event.get(FIELD)
    yield event.get(VARIABLE)
    yield _header(event, HEADER)
    for attributes in ("messageAttributes", "MessageAttributes"):
        for value in ("stringValue", "StringValue", "Value"):
            yield _at(event, attributes, FIELD, value)
    for image in ("NewImage", "OldImage", "Keys"):
        yield _at(event, "dynamodb", image, FIELD, "S")
    variables = _at(event, "container", "environment")  # the detail of Batch's "Batch Job State Change"
    for variable in variables if isinstance(variables, list) else ():
        if _at(variable, "name") == VARIABLE:
            yield _at(variable, "value")


def _given_by_aws(event: Mapping[str, Any]) -> Iterator[Any]:
    for key in (_at(event, "s3", "object", "key"), _at(event, "object", "key")):
        if isinstance(key, str):
            yield PurePosixPath(unquote_plus(key)).stem
    yield _at(event, "requestContext", "requestId")
    trace = _header(event, "x-amzn-trace-id")  # a load balancer's requests have no other id
    if isinstance(trace, str) and (root := re.search(r"Root=([^;]+)", trace)):
        yield root[1]
    yield _at(event, "kinesis", "sequenceNumber")
    for name in ("messageId", "MessageId", "eventID", "eventId", "AWS_BATCH_JOB_ID"):
        yield event.get(name)
    if "detail-type" in event:
        yield event.get("id")


def _header(event: Mapping[str, Any], name: str) -> Any:
    for headers in (event.get("headers"), event.get("multiValueHeaders")):
        if isinstance(headers, Mapping):
            for header, value in headers.items():
                if isinstance(header, str) and header.lower() == name:
                    return value[0] if isinstance(value, list) and value else value
    return None


def _at(value: Any, *path: str) -> Any:
    for name in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value


def _decoded(data: str) -> str:
    try:
        return base64.b64decode(data).decode()
    except ValueError:
        return ""


def _parsed(text: Any) -> Any:
    try:
        return json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        return None


def _clean(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9-]+", "-", text).strip("-")[:64]


def _hash(event: Any) -> str:
    try:
        content = json.dumps(event, sort_keys=True, default=_plain)
    except (TypeError, ValueError, RecursionError):
        content = str(type(event))
    return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else str(value)
