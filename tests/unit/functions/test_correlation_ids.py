"""One id is found in every kind of event that a function is handed, and nothing else gets through as one."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import pytest
from aws_lambda_powertools.utilities.data_classes import SQSEvent
from correlation import correlation_id_of, message_attributes
from hypothesis import given
from hypothesis import strategies as st

ID = "order-7f3a9c21"
WELL_FORMED = re.compile(r"[A-Za-z0-9-]{8,64}")


def sqs(body: Any = "{}", *, attribute: str | None = None) -> dict[str, Any]:
    carried = {"correlation_id": {"stringValue": attribute, "dataType": "String"}} if attribute else {}
    return {
        "messageId": "059f36b4-87a3-44ab-83d2-661975830a7d",
        "body": body if isinstance(body, str) else json.dumps(body),
        "attributes": {"ApproximateReceiveCount": "1"},
        "messageAttributes": carried,
        "eventSource": "aws:sqs",
    }


def s3(key: str) -> dict[str, Any]:
    return {"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": {"object": {"key": key, "size": 1024}}}


def notification(message: str = "hello", **attributes: str) -> dict[str, Any]:
    return {
        "Type": "Notification",
        "MessageId": "95df01b4-ee98-5cb9-9903-4c221d41eb5e",
        "TopicArn": "arn:aws:sns:eu-central-1:111122223333:photo-ready",
        "Message": message,
        "MessageAttributes": {name: {"Type": "String", "Value": value} for name, value in attributes.items()},
    }


def sns(**notified: Any) -> dict[str, Any]:
    return {"EventSource": "aws:sns", "EventVersion": "1.0", "Sns": notified}


def kinesis(data: bytes) -> dict[str, Any]:
    return {
        "eventSource": "aws:kinesis",
        "eventID": "shardId-000000000006:49590338271490256608559692538361571095921575989136588898",
        "kinesis": {
            "sequenceNumber": "49590338271490256608559692538361571095921575989136588898",
            "data": base64.b64encode(data).decode(),
        },
    }


def rest(headers: dict[str, str] | None = None, body: str | None = None) -> dict[str, Any]:
    context = {"requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef", "stage": "v1"}
    return {"httpMethod": "POST", "headers": headers, "body": body, "requestContext": context}


CARRYING = {
    "REST request": rest({"X-Correlation-Id": ID}),
    "load balancer's request": {
        "requestContext": {"elb": {"targetGroupArn": "arn:…"}},
        "multiValueHeaders": {
            "x-correlation-id": [ID],
            "x-amzn-trace-id": ["Root=1-5c536348-3d683b8b04734faae651f476"],
        },
    },
    "WebSocket message": {
        "requestContext": {
            "routeKey": "subscribe",
            "connectionId": "L0SM9cOFvHcCIhw=",
            "requestId": "L0SM9e0oFiACHqw=",
        },
        "body": json.dumps({"action": "subscribe", "correlation_id": ID}),
    },
    "SQS record": sqs(attribute=ID),
    "SQS record, JSON in its body": sqs({"order": 1, "correlation_id": ID}),
    "SQS record, raw delivery from SNS": sqs({"order": 1}, attribute=ID),
    "SQS record, SNS notification in its body": sqs(notification("{}", correlation_id=ID)),
    "SQS record, SNS notification of JSON": sqs(notification(json.dumps({"correlation_id": ID}))),
    "SQS record, EventBridge event in its body": sqs({"detail-type": "order.placed", "detail": {"correlation_id": ID}}),
    "SQS message as ReceiveMessage gives it": {
        "MessageId": "059f36b4-87a3-44ab-83d2-661975830a7d",
        "Body": "{}",
        "MessageAttributes": message_attributes(ID),
    },
    "SNS record": sns(Message="{}", MessageAttributes={"correlation_id": {"Type": "String", "Value": ID}}),
    "DynamoDB record": {
        "eventID": "c4ca4238a0b923820dcc509a6f75849b",
        "dynamodb": {"Keys": {"order_id": {"S": "1"}}, "NewImage": {"correlation_id": {"S": ID}}},
    },
    "DynamoDB record of a removal": {"dynamodb": {"OldImage": {"correlation_id": {"S": ID}}}},
    "Kinesis record": kinesis(json.dumps({"correlation_id": ID}).encode()),
    "EventBridge event": {
        "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
        "detail-type": "x",
        "detail": {"correlation_id": ID},
    },
    "Scheduler's or a state machine's input": {"correlation_id": ID, "work": 1},
    "end of an execution": {
        "detail-type": "Step Functions Execution Status Change",
        "detail": {"status": "FAILED", "input": json.dumps({"correlation_id": ID})},
    },
    "end of a Batch job": {
        "detail-type": "Batch Job State Change",
        "detail": {"jobId": "4c7599ae", "container": {"environment": [{"name": "CORRELATION_ID", "value": ID}]}},
    },
    "Batch job's environment": {"PATH": "/bin", "AWS_BATCH_JOB_ID": "876da822-4198-45f2-a252", "CORRELATION_ID": ID},
    "Lambda's record of a failure": {
        "requestContext": {"requestId": "e4b46cbf-b738-xmpl-8880-a18cdf61200e", "condition": "RetriesExhausted"},
        "requestPayload": {"Records": [sns(Message="{}", MessageAttributes={"correlation_id": {"Value": ID}})]},
        "responsePayload": {"errorMessage": "no"},
    },
    "a failure's record in a queue": sqs({"requestPayload": {"detail-type": "x", "detail": {"correlation_id": ID}}}),
    "batch, whose first record counts": {"Records": [sqs(attribute=ID), sqs(attribute="another-one")]},
    "what a pipe hands over": [sqs(attribute=ID)],
    "a data class of Powertools": next(SQSEvent({"Records": [sqs(attribute=ID)]}).records),
}


@pytest.mark.parametrize("event", CARRYING.values(), ids=CARRYING.keys())
def test_the_id_that_an_event_carries_is_found(event: Any) -> None:
    assert correlation_id_of(event) == ID


PHOTO = "1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed"
BEGINNING = {
    "REST request": (rest({"accept": "*/*"}), "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"),
    "REST request with no headers at all": (rest(None), "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"),
    "load balancer's request": (
        {
            "requestContext": {"elb": {}},
            "headers": {"x-amzn-trace-id": "Root=1-5c536348-3d683b8b04734faae651f476;Sampled=1"},
        },
        "1-5c536348-3d683b8b04734faae651f476",
    ),
    "WebSocket message": (
        {"requestContext": {"connectionId": "a", "requestId": "L0SM9e0oFiACHqw="}},
        "L0SM9e0oFiACHqw",
    ),
    "S3 record": (s3(f"uploads/{PHOTO}"), PHOTO),
    "S3 record, its key encoded as S3 does": (s3("uploads/the+sea+%26+me.jpg"), "the-sea-me"),
    "S3 event in an SQS record": (sqs({"Records": [s3(f"uploads/{PHOTO}")]}), PHOTO),
    "S3 event of EventBridge": (
        {"id": "6a7e8feb-b491", "detail-type": "Object Created", "detail": {"object": {"key": f"uploads/{PHOTO}"}}},
        PHOTO,
    ),
    "SQS record": (sqs("not JSON"), "059f36b4-87a3-44ab-83d2-661975830a7d"),
    "SNS record": (sns(MessageId="95df01b4-ee98-5cb9-9903-4c221d41eb5e"), "95df01b4-ee98-5cb9-9903-4c221d41eb5e"),
    "Kinesis record": (kinesis(b"\xff\x00"), "49590338271490256608559692538361571095921575989136588898"),
    "DynamoDB record": (
        {"eventID": "c4ca4238a0b923820dcc509a6f75849b", "dynamodb": {}},
        "c4ca4238a0b923820dcc509a6f75849b",
    ),
    "Batch job": ({"AWS_BATCH_JOB_ID": "876da822-4198-45f2-a252:3"}, "876da822-4198-45f2-a252-3"),
}


@pytest.mark.parametrize(("event", "expected"), BEGINNING.values(), ids=BEGINNING.keys())
def test_where_none_is_carried_the_beginning_gives_one(event: Any, expected: str) -> None:
    assert correlation_id_of(event) == expected


@pytest.mark.parametrize(
    "forged",
    [
        "short",
        "a" * 65,
        "",
        'x"} {"level":"ERROR',
        "line-one\nline-two",
        "order-7f3a9c21\n",
        "órder-7f3a9c21",
        None,
        7,
    ],
)
def test_a_header_that_is_no_id_is_passed_over(forged: Any) -> None:
    assert correlation_id_of(rest({"x-correlation-id": forged})) == "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"


def test_a_clients_body_has_no_say_in_the_id_of_a_rest_request() -> None:
    assert correlation_id_of(rest({}, json.dumps({"correlation_id": ID}))) != ID


def test_a_redelivery_keeps_its_id_and_another_event_has_another() -> None:
    event = {"something": ["of", "its"], "own": 1}
    assert correlation_id_of(event) == correlation_id_of(json.loads(json.dumps(event)))
    assert correlation_id_of(event) != correlation_id_of(event | {"own": 2})


def test_what_is_sent_is_found_by_whoever_receives_it() -> None:
    assert correlation_id_of({"MessageAttributes": message_attributes(ID)}) == ID


KNOWN = """
    correlation_id CORRELATION_ID headers multiValueHeaders x-correlation-id X-Amzn-Trace-Id messageAttributes
    stringValue body Body Message Records Sns detail detail-type requestPayload requestContext requestId connectionId
    kinesis data s3 object key dynamodb NewImage S container environment name value input id eventSource messageId
"""
TEXTS = st.text() | st.sampled_from(["null", "[" * 5000, "CORRELATION_ID", "1" * 5000, "Root=", "/", ".."])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda children: (
        st.lists(children, max_size=4)
        | st.dictionaries(st.sampled_from(KNOWN.split()) | st.text(), children, max_size=6)
        | children.map(json.dumps)  # an event within a body
        | children.map(lambda value: base64.b64encode(json.dumps(value).encode()).decode())
    ),
    max_leaves=25,
)


@given(JSON)
def test_whatever_json_can_hold_has_a_well_formed_id(event: Any) -> None:
    assert WELL_FORMED.fullmatch(correlation_id_of(event))


def test_events_nested_deeper_than_any_parser_goes_have_one_too() -> None:
    event: Any = {}
    for _ in range(100_000):
        event = {"detail": event}
    assert WELL_FORMED.fullmatch(correlation_id_of(event))
