"""The rules of the orders functions, without AWS: checkouts, stock, the breaker, sagas, settlements, notices."""

from __future__ import annotations

import itertools
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from conftest import function_modules
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

LAYER = Path(__file__).parents[3] / "terraform/modules/function_layer/layers/shared"
ID = "3f2b8c1e-7d4a-4f3b-9c55-1a2b3c4d5e6f"
BODY: dict[str, Any] = {
    "transaction_id": ID,
    "customer": "Ada",
    "email": "ada@example.com",
    "items": [{"sku": "tea", "quantity": 2, "unit_price_cents": 450}],
    "payment": {"method": "tok_visa"},
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def module(function: str, name: str) -> ModuleType:
    sys.path.insert(0, str(LAYER))
    try:
        with function_modules(function, "orders") as load:
            return load(name)
    finally:
        sys.path.remove(str(LAYER))


checkouts = module("order-intake", "checkouts")
inventory = module("order-inventory", "inventory")
breaker = module("order-charge", "breaker")
payments = module("order-payment", "payments")
settlement = module("order-settle", "settlement")
notices = module("order-notice", "notices")


@pytest.fixture
def order() -> dict[str, Any]:
    record = checkouts.new_record(checkouts.parse(BODY) | {"correlation_id": "c0ffee00"}, datetime.now(UTC))
    event: dict[str, Any] = checkouts.as_event(record)
    return event


# ── checkouts ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_checkout_costs_what_its_items_cost() -> None:
    assert checkouts.parse(BODY)["total_cents"] == 900


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"transaction_id": "7"}, "transaction_id"),
        ({"transaction_id": ID.replace("-", "")}, "transaction_id"),
        ({"customer": "  "}, "customer"),
        ({"email": "nobody"}, "email"),
        ({"items": []}, "items"),
        ({"items": [{"sku": "tea", "quantity": 0, "unit_price_cents": 1}]}, "quantity"),
        ({"items": [{"sku": "tea", "quantity": True, "unit_price_cents": 1}]}, "quantity"),
        ({"items": [{"sku": "te a", "quantity": 1, "unit_price_cents": 1}]}, "sku"),
        ({"items": [{"sku": "tea", "quantity": 1000, "unit_price_cents": 10_000_000}]}, "cents at most"),
        ({"payment": {"method": "4111 1111 1111 1111"}}, "payment.method"),
        ({"payment": None}, "payment.method"),
    ],
)
def test_what_can_not_be_ordered_is_refused_by_its_field(change: dict[str, Any], field: str) -> None:
    with pytest.raises(ValueError, match=field):
        checkouts.parse(BODY | change)


@given(JSON)
def test_any_json_is_a_checkout_or_refused_with_words(body: Any) -> None:
    with pytest.raises(checkouts.BadCheckout):
        checkouts.parse(body)


@given(st.dictionaries(st.sampled_from(sorted(BODY)), JSON))
def test_any_field_may_be_anything_without_harm(change: dict[str, Any]) -> None:
    try:
        parsed = checkouts.parse(BODY | change)
    except checkouts.BadCheckout:
        return
    assert 0 < parsed["total_cents"] <= checkouts.LARGEST_CENTS


def test_only_the_same_order_has_the_same_fingerprint() -> None:
    prints = {checkouts.parse(BODY | change)["fingerprint"] for change in ({}, {"customer": "Bob"}, {"email": "b@x"})}
    assert len(prints) == 3
    assert checkouts.parse(BODY)["fingerprint"] == checkouts.parse(dict(reversed(BODY.items())))["fingerprint"]


def test_neither_listeners_nor_clients_learn_how_an_order_is_paid() -> None:
    record = checkouts.new_record(checkouts.parse(BODY) | {"correlation_id": "c0ffee00"}, datetime.now(UTC))
    assert "tok_visa" not in json.dumps([checkouts.as_event(record), checkouts.as_seen_by_clients(record)])


# ── stock ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_sku_that_is_named_twice_is_wanted_once_with_both_quantities() -> None:
    items = [{"sku": "tea", "quantity": 2}, {"sku": "cup", "quantity": 1}, {"sku": "tea", "quantity": 3}]
    assert inventory.wanted(items) == {"cup": 1, "tea": 5}


REASONS = st.sampled_from(["None", "ConditionalCheckFailed", "TransactionConflict", "ThrottlingError"])


@given(st.lists(REASONS, min_size=3, max_size=8).filter(lambda reasons: set(reasons) != {"None"}))
def test_only_stock_that_is_certainly_not_there_rejects_an_order(reasons: list[str]) -> None:
    skus = [f"sku-{number}" for number in range(len(reasons) - 2)]
    try:
        verdict = inventory.verdict(reasons, skus)
    except inventory.Busy:
        assert set(reasons) - {"None", "ConditionalCheckFailed"}
        assert "ConditionalCheckFailed" not in reasons[:2]
        return
    if "ConditionalCheckFailed" in reasons[:2]:
        assert verdict == inventory.Done()
    else:
        missing = {sku for sku, reason in zip(skus, reasons[2:], strict=True) if reason == "ConditionalCheckFailed"}
        assert set(verdict.skus) == missing
        assert missing
        assert set(reasons) <= {"None", "ConditionalCheckFailed"}


# ── the circuit breaker ──────────────────────────────────────────────────────────────────────────────────────────────

SETTINGS = breaker.Settings(failures=3, cool_down_ms=100, probe_ms=40)


class Workers(RuleBasedStateMachine):
    """Many workers, one breaker, replaced by compare and swap; calls end late, in any order or never."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_000
        self.breaker = breaker.Breaker()
        self.calls: list[int] = []  # generation in which each call that is under way was admitted
        self.opened_at = -1
        self.probes: list[int] = []  # when each of them began
        self.in_a_row = 0

    @rule(milliseconds=st.integers(0, 120))
    def time_passes(self, milliseconds: int) -> None:
        self.now += milliseconds

    @rule(rivals=st.integers(1, 4))
    def workers_ask_at_once(self, rivals: int) -> None:
        """All read the same breaker; of those who want another in its place, the first one gets it."""
        seen = self.breaker
        swapped = False
        for _ in range(rivals):
            allowed, wanted = breaker.admit(seen, self.now, SETTINGS)
            if not allowed:
                assert seen.state is not breaker.State.CLOSED
                continue
            if wanted is not seen:
                if swapped:
                    continue
                swapped, self.breaker = True, wanted
                assert self.now - seen.since_ms >= (
                    SETTINGS.cool_down_ms if seen.state is breaker.State.OPEN else SETTINGS.probe_ms
                )
                self.probes.append(self.now)
            self.calls.append(wanted.generation)

    @precondition(lambda self: self.calls)
    @rule(data=st.data(), succeeded=st.booleans())
    def a_call_ends(self, data: st.DataObject, succeeded: bool) -> None:
        generation = self.calls.pop(data.draw(st.integers(0, len(self.calls) - 1)))
        before = self.breaker
        self.breaker = breaker.after(before, generation, succeeded=succeeded, now_ms=self.now, settings=SETTINGS)
        if generation != before.generation:
            assert self.breaker is before, "a result of an earlier time changed something"
        elif before.state is breaker.State.CLOSED:
            self.in_a_row = 0 if succeeded else self.in_a_row + 1
            assert (self.breaker.state is breaker.State.OPEN) == (self.in_a_row == SETTINGS.failures)
        else:
            assert self.breaker.state is (breaker.State.CLOSED if succeeded else breaker.State.OPEN)
        if self.breaker.generation != before.generation:
            self.in_a_row = 0

    @precondition(lambda self: self.calls)
    @rule(data=st.data())
    def a_worker_dies(self, data: st.DataObject) -> None:
        self.calls.pop(data.draw(st.integers(0, len(self.calls) - 1)))

    @invariant()
    def failures_never_reach_the_limit_while_it_is_closed(self) -> None:
        assert self.breaker.failures < SETTINGS.failures

    @invariant()
    def probes_keep_their_distance(self) -> None:
        assert all(later - earlier >= SETTINGS.probe_ms for earlier, later in itertools.pairwise(self.probes))

    @invariant()
    def it_never_stays_shut_for_good(self) -> None:
        assert breaker.admit(self.breaker, self.now + SETTINGS.cool_down_ms, SETTINGS)[0]


TestWorkers = Workers.TestCase


# ── sagas, settlements, notices ──────────────────────────────────────────────────────────────────────────────────────


def test_a_message_starts_the_same_execution_however_often_it_comes_and_a_letter_put_back_another() -> None:
    assert payments.execution_name(ID, {}) == ID
    assert payments.execution_name(ID, {"redriven": {"stringValue": "2"}}) == f"{ID}-2"
    assert payments.execution_name(ID, {"redriven": {"stringValue": "../x"}}) == ID


def test_an_order_is_handed_to_the_saga_with_its_original(order: dict[str, Any]) -> None:
    parsed = payments.parse(json.dumps(order))
    assert payments.saga_input(parsed) == {
        "transaction_id": ID, "correlation_id": "c0ffee00", "message": order,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("{", "Expecting"),
        ("[]", "object"),
        ("{}", "correlation_id"),
        ("x" * 70_000, "70000 bytes"),
        ("[" * 9000, "recursion|Expecting"),
    ],
)
def test_a_message_that_is_no_order_is_rejected_with_words(body: str, reason: str) -> None:
    with pytest.raises(payments.Rejected, match=reason) as rejected:
        payments.parse(body)
    assert str(rejected.value)


STATUSES = st.sampled_from(["received", "reserved", "charged", "confirmed", "cancelled", "rejected"])


@given(STATUSES, st.sampled_from(list(settlement.Outcome)))
def test_nothing_is_confirmed_unpaid_and_no_end_becomes_another(status: str, wanted: Any) -> None:
    try:
        to_be_done = settlement.is_to_be_done(status, wanted)
    except settlement.Impossible:
        assert status not in settlement.FROM[wanted]
        return
    assert to_be_done == (status != wanted.value)
    if to_be_done:
        assert status in ("reserved", "charged")
        assert wanted is settlement.Outcome.CANCELLED or status == "charged"


@pytest.mark.parametrize(
    ("status", "payment", "due"),
    [
        ("cancelled", "asked", True),
        ("cancelled", "charged", True),
        ("cancelled", "declined", False),
        ("cancelled", "refunded", False),
        ("cancelled", None, False),
        ("confirmed", "charged", False),
    ],
)
def test_money_goes_back_when_it_was_taken_or_may_have_been(
    order: dict[str, Any], status: str, payment: str | None, due: bool
) -> None:
    record = order | {"status": status, "updated_at": order["at"], "payment": {"method": "m", "state": payment}}
    assert settlement.result(record)["refund_due"] is due


def test_customers_are_told_of_what_concerns_them(order: dict[str, Any]) -> None:
    assert ID in notices.notice("order.placed", json.dumps(order))["text"]
    rejected = notices.notice("order.rejected", json.dumps(order | {"reason": "not in stock: tea"}))
    assert "not in stock: tea" in rejected["text"]
    for event, body in (("stock.reserved", json.dumps(order)), ("", "{}"), ("order.placed", "{}")):
        with pytest.raises(notices.Rejected):
            notices.notice(event, body)
