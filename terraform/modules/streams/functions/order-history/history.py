"""A customer's orders as they are now, out of the orders table's changes. No AWS here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SEQUENCE_DIGITS = 40  # DynamoDB Streams' SequenceNumber has 21 to 40; padded, text sorts as the numbers do
NEEDED = ("transaction_id", "customer_id", "status", "total_cents", "correlation_id", "updated_at")


class NoOrder(ValueError):
    """The table's item lacks what an order has. The message says what."""


def entry(record: Mapping[str, Any]) -> dict[str, Any] | None:
    """The order as it is after a change: an item of the history, in DynamoDB's JSON; None when it was removed.

    Raises:
        NoOrder: the item is no order.
    """
    item = record["dynamodb"].get("NewImage")
    if item is None:
        return None
    missing = [name for name in NEEDED if name not in item]
    if missing:
        raise NoOrder(f"the item has no {', '.join(missing)}")
    return {
        **{name: item[name] for name in NEEDED},
        "sequence": {"S": record["dynamodb"]["SequenceNumber"].zfill(SEQUENCE_DIGITS)},
    }
