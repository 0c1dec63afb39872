"""The checkout path as a smoke test sees it: stock of its own, orders through the edge, everything taken back."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from opsctl.smoke.check import CheckFailed, Trial, expect
from opsctl.smoke.edge import Answer
from opsctl.smoke.target import SmokeTarget

ENDS = frozenset({"confirmed", "cancelled", "rejected"})
PAID, DECLINED = "tok_visa", "tok_declined"  # payment methods of the sandbox
UNIT_CENTS = 450


@dataclass(frozen=True)
class Shelf:
    """Stock of one SKU that nobody else orders."""

    target: SmokeTarget
    sku: str

    @classmethod
    def fill(cls, trial: Trial, available: int) -> Shelf:
        """Put something on it; it is removed when the trial ends."""
        shelf = cls(trial.target, f"smoke-{trial.id}-{uuid.uuid4().hex[:6]}")
        trial.aws.call(
            "dynamodb", "put_item", TableName=shelf._table,
            Item={"id": {"S": f"stock#{shelf.sku}"}, "available": {"N": str(available)}},
        )  # fmt: skip
        trial.afterwards(f"stock of {shelf.sku}", lambda: _remove(trial, "stock", {"id": {"S": f"stock#{shelf.sku}"}}))
        return shelf

    @property
    def available(self) -> int:
        item = self.target.aws.call(
            "dynamodb", "get_item", TableName=self._table, Key={"id": {"S": f"stock#{self.sku}"}}, ConsistentRead=True
        )["Item"]
        return int(item["available"]["N"])

    @property
    def _table(self) -> str:
        return str(self.target.output("orders.tables.stock.name"))


def order(shelf: Shelf, *, quantity: int = 1, method: str = PAID, transaction_id: str = "") -> dict[str, Any]:
    """A checkout's request."""
    return {
        "transaction_id": transaction_id or str(uuid.uuid4()),
        "customer": "Ada O'Neill",
        "email": "ada@example.com",
        "items": [{"sku": shelf.sku, "quantity": quantity, "unit_price_cents": UNIT_CENTS}],
        "payment": {"method": method},
    }


def send(trial: Trial, body: Mapping[str, Any], *, correlation_id: str = "") -> Answer:
    """Place a checkout; what it writes is removed when the trial ends."""
    transaction_id = str(body.get("transaction_id", ""))
    trial.afterwards(f"checkout {transaction_id}", lambda: forget(trial, transaction_id))
    return trial.request(
        "POST", "/v1/checkouts", body=json.dumps(body).encode(), content_type="application/json",
        headers={"x-correlation-id": correlation_id} if correlation_id else {},
    )  # fmt: skip


def place(trial: Trial, body: Mapping[str, Any], **how: Any) -> str:
    """Place a checkout that is taken; gives its transaction id."""
    answer = send(trial, body, **how)
    expect(answer.status == 202, str(answer))
    return str(body["transaction_id"])


def read(trial: Trial, transaction_id: str) -> dict[str, Any]:
    """The checkout as it is now."""
    answer = trial.get(f"/v1/checkouts/{transaction_id}")
    shown = answer.json()
    if answer.status != 200 or not isinstance(shown, dict):
        raise CheckFailed(str(answer))
    return shown


def end_of(trial: Trial, transaction_id: str, *, within_seconds: float | None = None) -> dict[str, Any]:
    """The checkout once it is confirmed, cancelled or rejected."""

    def look() -> dict[str, Any] | None:
        shown = read(trial, transaction_id)
        return shown if shown["status"] in ENDS else None

    return trial.until(f"the end of checkout {transaction_id}", look, within_seconds=within_seconds)


def checkout_path(trial: Trial) -> Mapping[str, Any]:
    """Where a real provider takes real money, just the path that ends before it."""
    shelf = Shelf.fill(trial, 3)
    too_much = end_of(trial, place(trial, order(shelf, quantity=4)))
    expect(too_much["status"] == "rejected" and shelf.available == 3, f"4 of 3 were ordered: {too_much['status']}")
    if "sandbox" not in trial.target.output("orders.tables"):
        return {"payment": "not tried: the provider is a real one"}
    wanted, begun = order(shelf), trial.seconds
    for _ in range(3):
        place(trial, wanted)
    paid = end_of(trial, wanted["transaction_id"])
    expect(paid["status"] == "confirmed", f"a paid checkout is {paid['status']}: {paid.get('reason')}")
    seconds = trial.seconds - begun
    expect(shelf.available == 2, f"sent three times, one order took {3 - shelf.available} of 1 from stock")
    declined = end_of(trial, place(trial, order(shelf, method=DECLINED)))
    expect(declined["status"] == "cancelled", f"a checkout whose card was declined is {declined['status']}")
    expect(shelf.available == 2, f"a cancelled checkout left {shelf.available} of 2 in stock")
    return {"seconds_to_confirmed": round(seconds, 3), "history": [entry["status"] for entry in paid["history"]]}


def forget(trial: Trial, transaction_id: str) -> None:
    """Remove the order, its reservation and the sandbox's book entry. None there is fine."""
    _remove(trial, "orders", {"transaction_id": {"S": transaction_id}})
    _remove(trial, "stock", {"id": {"S": f"reservation#{transaction_id}"}})
    if "sandbox" in trial.target.output("orders.tables"):
        _remove(trial, "sandbox", {"id": {"S": f"charge#{transaction_id}"}})


def _remove(trial: Trial, table: str, key: Mapping[str, Any]) -> None:
    trial.aws.call(
        "dynamodb", "delete_item", TableName=trial.target.output(f"orders.tables.{table}.name"), Key=dict(key)
    )  # fmt: skip
