"""The checkout path as a smoke test sees it: stock of its own, orders through the edge, everything taken back."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from opsctl.smoke import streams
from opsctl.smoke.check import CheckFailed, Trial, expect
from opsctl.smoke.edge import Answer
from opsctl.smoke.photos import Announcements
from opsctl.smoke.target import SmokeTarget

ENDS = frozenset({"confirmed", "cancelled", "rejected"})
PAID, DECLINED = "tok_visa", "tok_declined"  # payment methods of the sandbox
UNIT_CENTS = 450
REST_SECONDS = 20.0
"""Within which an order comes to rest whose check failed half way, also where its functions had yet to start."""


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
        "customer": customer_of(shelf),
        "email": streams.MAILBOX,
        "items": [{"sku": shelf.sku, "quantity": quantity, "unit_price_cents": UNIT_CENTS}],
        "payment": {"method": method},
    }


def customer_of(shelf: Shelf) -> str:
    """Somebody whose totals are nobody else's. The apostrophe is what a firewall may take for SQL."""
    return f"O'Neill {shelf.sku}"


def send(trial: Trial, body: Mapping[str, Any], *, correlation_id: str = "") -> Answer:
    """Place a checkout; all that it leads to is removed when the trial ends, which waits for its end."""
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


def change_path(trial: Trial) -> Mapping[str, Any]:
    """A rejected checkout's two states, in the history, and through the pipe and the stream in the audit."""
    shelf = Shelf.fill(trial, 0)
    transaction_id = place(trial, order(shelf))
    begun, states = trial.seconds, ["received", "rejected"]
    trial.until(
        f"{transaction_id} as rejected in the history", lambda: _kept(trial, shelf, transaction_id) == states[-1]
    )
    trial.until(
        f"{transaction_id} as rejected in the audit", lambda: _states(trial, transaction_id)[-1:] == states[-1:]
    )
    seen = _states(trial, transaction_id)
    expect(seen == states, f"the audit has {', '.join(seen)}")
    counted = trial.until("its totals", lambda: streams.counted(trial, transaction_id, states))
    expect(counted == states, f"the totals have {', '.join(counted)}")
    return {"seconds_to_all": round(trial.seconds - begun, 3)}


def notice_path(trial: Trial) -> Mapping[str, Any]:
    """A customer is told that an order was taken, and that it can't be had; of each once."""
    told = Announcements.listen(trial, "orders.topics.order-notices.arn", "transaction_id")
    transaction_id = place(trial, order(Shelf.fill(trial, 0)))
    wanted = ["order.placed", "order.rejected"]

    def events() -> list[str]:
        told.poll()
        return sorted(notice["event"] for notice in told.of(transaction_id))

    trial.until(f"the notices of {transaction_id}", lambda: len(events()) >= len(wanted))
    expect(events() == wanted, f"the customer was told {', '.join(events())}")
    return {"told": wanted}


def forget(trial: Trial, transaction_id: str) -> None:
    """Let the order come to its end, then remove it with all that others keep of it. None there is fine.

    Raises:
        CheckFailed: it is still under way. Its record stays: without it whoever works it off finds an order that nobody
            knows, gives up, and an alarm rings for a letter that only the test has made.
    """
    trial.until(f"the end of {transaction_id}", lambda: _at_rest(trial, transaction_id), within_seconds=REST_SECONDS)
    if item := _item(trial, transaction_id):
        streams.forget_order(trial, item, orders_table=_table(trial, "orders"))
    _remove(trial, "orders", {"transaction_id": {"S": transaction_id}})
    _remove(trial, "stock", {"id": {"S": f"reservation#{transaction_id}"}})
    if "sandbox" in trial.target.output("orders.tables"):
        _remove(trial, "sandbox", {"id": {"S": f"charge#{transaction_id}"}})


def _item(trial: Trial, transaction_id: str) -> dict[str, Any] | None:
    found: dict[str, Any] | None = trial.aws.call(
        "dynamodb", "get_item", TableName=_table(trial, "orders"), ConsistentRead=True,
        Key={"transaction_id": {"S": transaction_id}},
    ).get("Item")  # fmt: skip
    return found


def _at_rest(trial: Trial, transaction_id: str) -> bool:
    """Whether nobody will write to the order any more."""
    item = _item(trial, transaction_id)
    return not item or (item["status"]["S"] in ENDS and "outbox" not in item)


def _kept(trial: Trial, shelf: Shelf, transaction_id: str) -> str:
    """The state that the history has of an order; "" while it has none."""
    found = streams.history(trial, customer_of(shelf), transaction_id)
    return str(found["status"]["S"]) if found else ""


def _states(trial: Trial, transaction_id: str) -> list[str]:
    """What the audit has of an order, each state once: an order is written more often than its state changes."""
    return list(dict.fromkeys(entry["status"]["S"] for entry in streams.entries(trial, transaction_id)))


def _remove(trial: Trial, table: str, key: Mapping[str, Any]) -> None:
    trial.aws.call("dynamodb", "delete_item", TableName=_table(trial, table), Key=dict(key))


def _table(trial: Trial, name: str) -> str:
    return str(trial.target.output(f"orders.tables.{name}.name"))
