"""What a customer is written. No AWS here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Letter:
    """An e-mail: whom to, what about, plain text."""

    to: str
    subject: str
    text: str


def confirmation(detail: Mapping[str, Any]) -> Letter:
    """The e-mail for an `order.confirmed`."""
    lines = [f"{item['quantity']:>6} x {item['sku']}" for item in detail["items"]]
    text = "\n".join(
        [
            f"Your order {detail['transaction_id']} is confirmed and will be sent.",
            "",
            *lines,
            "",
            f"Total: {amount(detail['total_cents'])}",
        ]
    )
    return Letter(detail["email"], f"Your order {detail['transaction_id']} is confirmed", text)


def amount(cents: int) -> str:
    """Cents as people write them: 1234567 → 12,345.67."""
    return f"{cents // 100:,}.{cents % 100:02d}"
