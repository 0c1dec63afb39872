"""What a checkout is, how it looks in the table, to listeners and to clients. No AWS here."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

PLACED = "order.placed"

# One transaction reserves all of an order: DynamoDB takes 100 items in one, of which two are reservation and order.
MOST_ITEMS = 50
LARGEST_QUANTITY = 1000
LARGEST_CENTS = 10_000_000

_SKU = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,189}")
_METHOD = re.compile(r"[A-Za-z0-9_-]{1,64}")


class BadCheckout(ValueError):
    """The client asked for something that can't be ordered. The message is for the client."""


class Differs(Exception):
    """The transaction id belongs to another order."""


def is_transaction_id(text: str) -> bool:
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False


def parse(body: object) -> dict[str, Any]:
    """An order from the JSON of a request.

    Gives transaction_id, customer_id, email, items [{sku, quantity, unit_cents}], total_cents, payment {method} and
    `fingerprint`, which is the same for the same order only.

    Raises:
        BadCheckout: the message names the field.
    """
    fields = body if isinstance(body, dict) else {}
    transaction_id = fields.get("transaction_id")
    if not isinstance(transaction_id, str) or not is_transaction_id(transaction_id):
        raise BadCheckout("transaction_id must be a UUID")
    customer = fields.get("customer")
    if not isinstance(customer, str) or not 1 <= len(customer.strip()) <= 64:
        raise BadCheckout("customer must be 1 to 64 characters")
    items = _items(fields.get("items"))
    order = {
        "transaction_id": transaction_id.lower(),
        "customer_id": customer.strip(),
        "email": _matching(fields, "email", _EMAIL, "an e-mail address"),
        "items": items,
        "total_cents": sum(item["quantity"] * item["unit_cents"] for item in items),
        "payment": {"method": _matching(fields.get("payment"), "method", _METHOD, "the provider's token", "payment.")},
    }
    if order["total_cents"] > LARGEST_CENTS:
        raise BadCheckout(f"an order may cost {LARGEST_CENTS} cents at most")
    return order | {"fingerprint": hashlib.sha256(json.dumps(order, sort_keys=True).encode()).hexdigest()}


def new_record(order: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """The order's record in the table. `outbox` is the event that is still to be published."""
    at = now.isoformat(timespec="milliseconds")
    return {
        **order, "status": "received", "outbox": PLACED, "created_at": at, "updated_at": at,
        "history": [{"status": "received", "at": at}],
    }  # fmt: skip


def as_event(record: Mapping[str, Any]) -> dict[str, Any]:
    """What listeners learn of an order: not how it is paid."""
    return {
        "correlation_id": record["correlation_id"],
        "transaction_id": record["transaction_id"],
        "customer_id": record["customer_id"],
        "email": record["email"],
        "items": [
            {"sku": item["sku"], "quantity": int(item["quantity"]), "unit_cents": int(item["unit_cents"])}
            for item in record["items"]
        ],
        "total_cents": int(record["total_cents"]),
        "at": record["updated_at"],
    }


def as_seen_by_clients(record: Mapping[str, Any]) -> dict[str, Any]:
    """A checkout as the API shows it, with everything that happened to it."""
    return {
        "transaction_id": record["transaction_id"],
        "status": record["status"],
        "customer": record["customer_id"],
        "items": [
            {"sku": item["sku"], "quantity": int(item["quantity"]), "unit_price_cents": int(item["unit_cents"])}
            for item in record["items"]
        ],
        "total_cents": int(record["total_cents"]),
        "correlation_id": record["correlation_id"],
        "history": [dict(entry) for entry in record["history"]],
        **({"reason": record["reason"]} if "reason" in record else {}),
    }


def _items(given: object) -> list[dict[str, Any]]:
    if not isinstance(given, list) or not 1 <= len(given) <= MOST_ITEMS:
        raise BadCheckout(f"items must be 1 to {MOST_ITEMS}")
    return [
        {
            "sku": _matching(item, "sku", _SKU, "letters, digits, dot, hyphen and underscore, at most 64", "items."),
            "quantity": _number(item, "quantity", LARGEST_QUANTITY),
            "unit_cents": _number(item, "unit_price_cents", LARGEST_CENTS),
        }
        for item in given
    ]


def _matching(fields: object, name: str, pattern: re.Pattern[str], meaning: str, within: str = "") -> str:
    value = fields.get(name) if isinstance(fields, dict) else None
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise BadCheckout(f"{within}{name} must be {meaning}")
    return value


def _number(fields: object, name: str, largest: int) -> int:
    value = fields.get(name) if isinstance(fields, dict) else None
    if type(value) is not int or not 1 <= value <= largest:
        raise BadCheckout(f"items.{name} must be 1 to {largest}")
    return value
