"""What is kept of each change of an order. No AWS here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SEQUENCE_DIGITS = 40  # DynamoDB Streams' SequenceNumber has 21 to 40; padded, text sorts as the numbers do
KEPT = ("event_id", "transaction_id", "customer_id", "status", "correlation_id", "at")


def entry(change: Mapping[str, Any], *, recorded_as: str) -> dict[str, Any]:
    """The audit's entry for an `order.changed`. Entries of an order sort by `sequence` as the order changed.

    Args:
        recorded_as: the record's sequence number in Kinesis.
    """
    return {
        **{name: change[name] for name in KEPT},
        "total_cents": int(change["total_cents"]),
        "sequence": change["sequence"].zfill(SEQUENCE_DIGITS),
        "recorded_as": recorded_as,
    }
