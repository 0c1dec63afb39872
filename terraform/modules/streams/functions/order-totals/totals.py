"""What is counted, and where. No AWS here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def counted_once_as(change: Mapping[str, Any]) -> str:
    """An order enters each of its states once, however often that is told."""
    return f"seen#{change['transaction_id']}#{change['status']}"


def totals_of(change: Mapping[str, Any]) -> tuple[str, str]:
    """The keys of the totals that an `order.changed` belongs to: its customer's, and its minute's (UTC)."""
    return f"customer#{change['customer_id']}", f"minute#{change['at'][:16]}"


def increments(change: Mapping[str, Any]) -> dict[str, int]:
    """What is added to each of them: attribute → amount."""
    return {change["status"]: 1, f"{change['status']}_cents": int(change["total_cents"])}
