"""How an order may end. No AWS here."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any


class Outcome(Enum):
    CONFIRMED = "confirmed"
    CANCELLED = "cancelled"


# From which status an order may come to each end.
FROM = {
    Outcome.CONFIRMED: frozenset({"charged"}),
    Outcome.CANCELLED: frozenset({"reserved", "charged"}),
}


class Impossible(Exception):
    """The order can't come to this end from where it stands: somebody has to look."""


def is_to_be_done(status: str, wanted: Outcome) -> bool:
    """Whether the order has to be settled now; False when it has this end already.

    Raises:
        Impossible: it has another end, or is not so far yet.
    """
    if status == wanted.value:
        return False
    if status not in FROM[wanted]:
        raise Impossible(f"an order that is {status} can't be {wanted.value}")
    return True


def result(order: Mapping[str, Any]) -> dict[str, Any]:
    """What the saga goes on with. A refund is due when money was taken, or may have been, and the order won't come."""
    detail = {
        "correlation_id": order["correlation_id"],
        "transaction_id": order["transaction_id"],
        "customer_id": order["customer_id"],
        "email": order["email"],
        "items": [
            {"sku": item["sku"], "quantity": int(item["quantity"]), "unit_cents": int(item["unit_cents"])}
            for item in order["items"]
        ],
        "total_cents": int(order["total_cents"]),
        "at": order["updated_at"],
        **({"reason": order["reason"]} if "reason" in order else {}),
    }
    refund_due = order["status"] == "cancelled" and order["payment"].get("state") in ("asked", "charged")
    return {"status": order["status"], "refund_due": refund_due, "detail": detail}
