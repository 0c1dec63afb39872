"""What customers are told, and when. No AWS here."""

from __future__ import annotations

import json
from typing import Any

import events

TEXTS = {
    "order.placed": "We have received your order {transaction_id}.",
    "order.rejected": "We are sorry: your order {transaction_id} can't be fulfilled ({reason}).",
}
LARGEST_BYTES = 64 * 1024


class Rejected(Exception):
    """Nobody can be told anything by this message. It says why, in words for people."""


def notice(event: str, body: str) -> dict[str, Any]:
    """The notice for a message of the topic.

    Raises:
        Rejected: too large, no JSON, an event that customers are not told of, or not as its schema says.
    """
    if event not in TEXTS:
        raise Rejected(f"customers are not told of {event[:64] or 'a message without the attribute event'}")
    if (size := len(body.encode())) > LARGEST_BYTES:
        raise Rejected(f"the message has {size} bytes; at most {LARGEST_BYTES} are taken")
    try:
        detail: dict[str, Any] = json.loads(body)
        events.check(event, detail)
    except (events.Invalid, ValueError, RecursionError) as error:
        raise Rejected(str(error) or type(error).__name__) from error
    return {
        "event": event,
        "transaction_id": detail["transaction_id"],
        "correlation_id": detail["correlation_id"],
        "customer_id": detail["customer_id"],
        "email": detail["email"],
        "text": TEXTS[event].format_map(detail),
    }
