"""The rules of the stream's and the bus's consumers, and how a batch is worked off in order."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from conftest import function_modules
from events import Invalid
from events.stream import event_in, in_order, sequence_number
from hypothesis import given
from hypothesis import strategies as st

CHANGE = {
    "correlation_id": "c0ffee00-1111", "event_id": "e1", "sequence": "7", "transaction_id": "t0000001",
    "customer_id": "ada", "status": "confirmed", "total_cents": "900", "at": "2026-11-21T18:00:59Z",
}  # fmt: skip


def kinesis(data: bytes, number: int = 1) -> dict[str, Any]:
    return {"kinesis": {"sequenceNumber": str(number), "data": base64.b64encode(data).decode()}}


@given(st.integers(0, 20), st.sets(st.integers(0, 19)))
def test_a_batch_is_worked_off_up_to_the_first_that_fails_and_no_further(count: int, poison: set[int]) -> None:
    worked: list[int] = []

    def work(record: Any) -> None:
        number = int(sequence_number(record))
        worked.append(number)
        if number in poison:
            raise ValueError(number)

    records = [kinesis(b"", number) for number in range(count)]
    first = min((number for number in poison if number < count), default=None)
    if first == 0:
        with pytest.raises(ValueError):
            in_order(records, work)
    else:
        failed = [] if first is None else [{"itemIdentifier": str(first)}]
        assert in_order(records, work) == {"batchItemFailures": failed}
    assert worked == list(range(count if first is None else first + 1))


def test_a_tables_record_is_known_by_its_own_number() -> None:
    assert sequence_number({"dynamodb": {"SequenceNumber": "42"}}) == "42"


@pytest.mark.parametrize("data", [b"", b"\x00", b"{", b"[]", b"null", json.dumps({**CHANGE, "at": 1}).encode()])
def test_a_record_that_is_no_such_event_is_refused(data: bytes) -> None:
    with pytest.raises(Invalid, match=r"order\.changed"):
        event_in(kinesis(data), "order.changed")


def test_the_event_in_a_record_is_what_was_put() -> None:
    assert event_in(kinesis(json.dumps(CHANGE).encode()), "order.changed") == CHANGE


def test_the_audits_entries_of_an_order_sort_as_the_order_changed() -> None:
    with function_modules("order-audit", "streams") as load:
        audit = load("audit")
        early, late = (audit.entry({**CHANGE, "sequence": number}, recorded_as="1") for number in ("9", "10"))
    assert early["sequence"] < late["sequence"]
    assert late["total_cents"] == 900


def test_a_change_is_counted_for_its_customer_and_its_minute_once_for_each_state() -> None:
    with function_modules("order-totals", "streams") as load:
        totals = load("totals")
    assert totals.totals_of(CHANGE) == ("customer#ada", "minute#2026-11-21T18:00")
    assert totals.increments(CHANGE) == {"confirmed": 1, "confirmed_cents": 900}
    again = {**CHANGE, "event_id": "e2", "sequence": "8"}
    assert totals.counted_once_as(again) == totals.counted_once_as(CHANGE)
    assert totals.counted_once_as({**CHANGE, "status": "cancelled"}) != totals.counted_once_as(CHANGE)


def change_of_table(**image: str) -> dict[str, Any]:
    return {"dynamodb": {"SequenceNumber": "12", "NewImage": {name: {"S": value} for name, value in image.items()}}}


def test_the_history_keeps_what_an_order_is_now_and_nothing_of_its_items() -> None:
    with function_modules("order-history", "streams") as load:
        history = load("history")
        image = dict.fromkeys(history.NEEDED, "x")
        entry = history.entry(change_of_table(**image, email="ada@example.com"))
        assert entry == {**{name: {"S": "x"} for name in image}, "sequence": {"S": "12".zfill(40)}}
        assert history.entry({"dynamodb": {"SequenceNumber": "13", "OldImage": {}}}) is None
        with pytest.raises(history.NoOrder, match="customer_id"):
            history.entry(change_of_table(transaction_id="t"))


def test_a_letter_says_what_was_ordered_and_what_it_costs() -> None:
    detail = {
        "transaction_id": "t0000001", "email": "ada@example.com", "total_cents": 1_234_507,
        "items": [{"sku": "tea", "quantity": 2}, {"sku": "pot", "quantity": 10}],
    }  # fmt: skip
    with function_modules("order-mail", "events") as load:
        letter = load("letters").confirmation(detail)
    assert (letter.to, letter.subject) == ("ada@example.com", "Your order t0000001 is confirmed")
    assert "     2 x tea\n    10 x pot" in letter.text
    assert "Total: 12,345.07" in letter.text
