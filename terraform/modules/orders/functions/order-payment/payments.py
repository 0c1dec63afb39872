"""Which message starts a saga, under which name and with what. No AWS here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import events

RESERVED = "stock.reserved"
# An order of 50 items has 8 KB. SQS takes 256 KB and a saga's input as much, so nothing larger can be an order.
LARGEST_BYTES = 64 * 1024


class Rejected(Exception):
    """This message will never be an order. The message says why, in words for people."""


def parse(body: str) -> dict[str, Any]:
    """The order in a message.

    Raises:
        Rejected: too large, no JSON, or not what the schema of stock.reserved says.
    """
    if (size := len(body.encode())) > LARGEST_BYTES:
        raise Rejected(f"the message has {size} bytes; at most {LARGEST_BYTES} are taken")
    try:
        order: dict[str, Any] = json.loads(body)
        events.check(RESERVED, order)
    except (events.Invalid, ValueError, RecursionError) as error:
        raise Rejected(str(error) or type(error).__name__) from error
    return order


def execution_name(transaction_id: str, attributes: Mapping[str, Any]) -> str:
    """One name for each order, however often its message comes. Step Functions refuses a name for 90 days, so a letter
    that was put back gets one of its own: the saga takes up where the order stands.
    """
    redriven = str((attributes.get("redriven") or {}).get("stringValue", ""))
    return f"{transaction_id}-{redriven}" if redriven.isdigit() else transaction_id


def saga_input(order: Mapping[str, Any]) -> dict[str, Any]:
    """What the saga is started with: `message` is what it sets aside if it can't end well."""
    return {
        "transaction_id": order["transaction_id"],
        "correlation_id": order["correlation_id"],
        "message": dict(order),
    }
