"""The orders, and the breaker that all workers share, in DynamoDB."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from typing import Any

import boto3
from breaker import Breaker, Settings, State, admit, after

SETTINGS = Settings(
    failures=int(os.environ["BREAKER_FAILURES"]),
    cool_down_ms=1000 * int(os.environ["BREAKER_COOL_DOWN_SECONDS"]),
    probe_ms=1000 * int(os.environ["BREAKER_PROBE_SECONDS"]),
)
KEY = {"id": "breaker#payment-provider"}

_orders = boto3.resource("dynamodb").Table(os.environ["ORDERS_TABLE"])
_guards = boto3.resource("dynamodb").Table(os.environ["GUARDS_TABLE"])
_Refused = _orders.meta.client.exceptions.ConditionalCheckFailedException


class NoSuchOrder(Exception):
    """The saga was started for an order that nobody recorded."""


def find(transaction_id: str) -> dict[str, Any]:
    found = _orders.get_item(Key={"transaction_id": transaction_id}, ConsistentRead=True).get("Item")
    if found is None:
        raise NoSuchOrder(transaction_id)
    return found


def note_payment(transaction_id: str, state: str) -> None:
    """Note in the order how its payment stands: asked (money may be taken), declined or refunded."""
    _orders.update_item(
        Key={"transaction_id": transaction_id}, UpdateExpression="SET payment.#state = :state, updated_at = :at",
        ConditionExpression="attribute_exists(transaction_id)",
        ExpressionAttributeNames={"#state": "state"}, ExpressionAttributeValues={":state": state, ":at": _now()},
    )  # fmt: skip


def note_charged(transaction_id: str, charge_id: str) -> None:
    """From reserved to charged; nothing when it is already."""
    at = _now()
    try:
        _orders.update_item(
            Key={"transaction_id": transaction_id},
            UpdateExpression="SET #status = :charged, payment.#state = :charged, payment.charge_id = :charge,"
            " updated_at = :at, history = list_append(history, :entries)",
            ConditionExpression="#status = :reserved",
            ExpressionAttributeNames={"#status": "status", "#state": "state"},
            ExpressionAttributeValues={
                ":charged": "charged", ":reserved": "reserved", ":charge": charge_id, ":at": at,
                ":entries": [{"status": "charged", "at": at}],
            },
        )  # fmt: skip
    except _Refused:
        if find(transaction_id)["status"] != "charged":
            raise


def admitted() -> Breaker | None:
    """The breaker in whose generation a call may be made now; None when it may not."""
    while True:
        seen, version = _read()
        allowed, wanted = admit(seen, _now_ms(), SETTINGS)
        if not allowed:
            return None
        if wanted is seen or _swap(wanted, version):
            return wanted


def report(generation: int, *, succeeded: bool) -> State | None:
    """Tell how a call went. Gives the state that the breaker came into by it; None when it stays in its own."""
    while True:
        seen, version = _read()
        wanted = after(seen, generation, succeeded=succeeded, now_ms=_now_ms(), settings=SETTINGS)
        if wanted == seen or _swap(wanted, version):
            return wanted.state if wanted.state is not seen.state else None


def _read() -> tuple[Breaker, int]:
    item = _guards.get_item(Key=KEY, ConsistentRead=True).get("Item")
    if item is None:
        return Breaker(), 0
    return (
        Breaker(State(item["state"]), int(item["failures"]), int(item["since_ms"]), int(item["generation"])),
        int(item["version"]),
    )


def _swap(wanted: Breaker, version: int) -> bool:
    """Put it in place of the one that had `version`; False when somebody was faster."""
    item = {
        "state": wanted.state.value, "failures": wanted.failures, "since_ms": wanted.since_ms,
        "generation": wanted.generation, "version": version + 1,
    }  # fmt: skip
    try:
        _guards.put_item(
            Item=KEY | item, ConditionExpression="attribute_not_exists(id) OR version = :version",
            ExpressionAttributeValues={":version": version},
        )  # fmt: skip
    except _Refused:
        return False
    return True


def _now_ms() -> int:
    return int(time.time() * 1000)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
