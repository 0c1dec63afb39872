"""Letters and stores, without AWS: what is put back is what came."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsctl.queues.letters import (
    MOST_ATTRIBUTES,
    CanNotGoBack,
    Letter,
    invocation_for,
    letter_of_message,
    letter_of_object,
    message_for,
)
from opsctl.queues.stores import Kind, NoSuchQueue, find_store, stores_of

ARN = "arn:aws:lambda:eu-central-1:111122223333:function:t-order-inventory"
FUNCTIONS = {"t-order-inventory": f"{ARN}:live"}
ATTRIBUTES = st.dictionaries(
    st.text("abcdefgh", min_size=1, max_size=4).filter(lambda name: name not in ("reason", "redriven")),
    st.text(min_size=1).map(lambda text: {"DataType": "String", "StringValue": text}),
    max_size=MOST_ATTRIBUTES,
)


def message(body: str, attributes: dict[str, Any], **system: str) -> dict[str, Any]:
    return {"MessageId": "m1", "Body": body, "MessageAttributes": attributes, "Attributes": system}


def letter(body: str, **attributes: str) -> Letter:
    given = {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()}
    return letter_of_message(message(body, given))


@given(st.text(), ATTRIBUTES, st.integers(0, 50))
def test_a_letter_goes_back_as_it_came_without_our_reason_and_counted(
    body: str, attributes: dict[str, Any], redriven: int
) -> None:
    ours = {
        "reason": {"DataType": "String", "StringValue": "no JSON"},
        "redriven": {"DataType": "Number", "StringValue": str(redriven)},
    }
    found = letter_of_message(message(body, attributes | ours, SentTimestamp="1000", ApproximateReceiveCount="7"))
    assert (found.reason, found.redriven, found.receives) == ("no JSON", redriven, 7)
    sent = message_for(found)
    assert sent.body == body
    assert {name: value for name, value in sent.attributes.items() if name != "redriven"} == attributes
    assert len(sent.attributes) <= MOST_ATTRIBUTES
    if len(attributes) < MOST_ATTRIBUTES:
        assert sent.attributes["redriven"]["StringValue"] == str(redriven + 1)


@given(st.text() | st.recursive(st.none() | st.text(), st.lists).map(json.dumps))
def test_whatever_a_letter_holds_it_has_a_reason_and_no_stranger_is_invoked(body: str) -> None:
    found = letter(body)
    assert found.reason
    with pytest.raises(CanNotGoBack):
        invocation_for(found, FUNCTIONS)


def record(**fields: Any) -> str:
    return json.dumps({"requestContext": {"functionArn": f"{ARN}:live", "condition": "RetriesExhausted"}} | fields)


def test_a_failure_record_names_its_function_its_event_and_its_error() -> None:
    found = letter(record(requestPayload={"a": 1}, responsePayload={"errorType": "Busy", "errorMessage": "stock"}))
    assert found.reason == "Busy: stock"
    invocation = invocation_for(found, FUNCTIONS)
    assert (invocation.arn, json.loads(invocation.payload)) == (f"{ARN}:live", {"a": 1})


def test_an_event_that_could_not_be_handed_over_is_its_own_original() -> None:
    found = letter('{"detail": 1}', TARGET_ARN=f"{ARN}:live", ERROR_MESSAGE="throttled")
    assert found.reason == "throttled"
    assert invocation_for(found, FUNCTIONS).payload == '{"detail": 1}'


def test_what_started_no_execution_is_for_its_state_machine() -> None:
    machine = "arn:aws:states:eu-central-1:111122223333:stateMachine:p-lists"
    outputs = {
        "failure_queues": {"list-failures": {"name": "p-list-failures", "url": "u", "arn": "a"}},
        "workflows": {"state_machines": {"lists": {"name": "p-lists", "arn": machine, "type": "STANDARD"}}},
    }
    [store] = stores_of(outputs)
    found = invocation_for(letter('{"detail": 1}', TARGET_ARN=machine), store.functions or {})
    assert (found.arn, found.payload) == (machine, '{"detail": 1}')


def test_a_stream_s_object_holds_its_batch_as_text() -> None:
    found = letter_of_object("aws/lambda/x", record(payload='{"Records": []}'), datetime.now(UTC))
    assert found.reason == "RetriesExhausted"
    assert invocation_for(found, FUNCTIONS).payload == '{"Records": []}'


def test_another_environment_s_function_is_not_invoked() -> None:
    with pytest.raises(CanNotGoBack, match="no function of this environment"):
        invocation_for(letter(record(requestPayload={})), {"p-order-inventory": "arn"})


OUTPUTS = {
    "queues": {
        "orders": {
            "name": "t-orders", "url": "u1", "arn": "a1", "dead_letter_name": "t-orders-dlq", "dead_letter_url": "u2",
        },
    },
    "failure_queues": {"order-inventory": {"name": "t-failures", "url": "u3", "arn": "a3"}},
    "streams": {"failures": {"id": "t-stream-failures"}},
    "functions": {"order-inventory": {"function_name": "t-order-inventory", "arn": f"{ARN}:live"}},
}  # fmt: skip


def test_every_place_of_letters_is_found_by_its_short_name_and_by_its_own() -> None:
    assert [(store.name, store.kind) for store in stores_of(OUTPUTS)] == [
        ("order-inventory", Kind.FAILURES), ("orders", Kind.LETTERS), ("stream-failures", Kind.OBJECTS),
    ]  # fmt: skip
    for name in ("orders", "t-orders", "t-orders-dlq"):
        assert find_store("t", OUTPUTS, name).place == "u2"
    with pytest.raises(NoSuchQueue, match="no queue p-orders"):
        find_store("t", OUTPUTS, "p-orders")


def test_an_environment_without_queues_has_none() -> None:
    assert stores_of({}) == []
