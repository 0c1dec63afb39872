"""Which stock an order needs, and what a refused transaction says. No AWS here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

PLACED, RESERVED, REJECTED = "order.placed", "stock.reserved", "order.rejected"
PUBLISHED_HERE = frozenset({RESERVED, REJECTED})

# CancellationReasons, TransactWriteItems in DynamoDB's API reference.
CONDITION = "ConditionalCheckFailed"


class Busy(Exception):
    """DynamoDB refused the transaction for now: somebody changes the same stock."""


class Unknown(Exception):
    """There is no record of this order."""


@dataclass(frozen=True)
class Reserved:
    """All of it is set aside."""


@dataclass(frozen=True)
class Done:
    """This order had its turn before."""


@dataclass(frozen=True)
class Missing:
    """Of these there is not enough."""

    skus: tuple[str, ...]


def wanted(items: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """How many of each SKU, sorted: one order may name one several times, a transaction may not."""
    counted: Counter[str] = Counter()
    for item in items:
        counted[item["sku"]] += int(item["quantity"])
    return dict(sorted(counted.items()))


def verdict(reasons: Sequence[str], skus: Sequence[str]) -> Done | Missing:
    """Why a reservation was refused.

    Args:
        reasons: code of each action of the transaction: reservation, order, then the stock of each of `skus`.

    Raises:
        Busy: it may succeed when it is tried again.
    """
    own, stock = reasons[:2], reasons[2:]
    if CONDITION in own:
        return Done()
    missing = tuple(sku for sku, reason in zip(skus, stock, strict=True) if reason == CONDITION)
    if missing and all(reason in (CONDITION, "None") for reason in reasons):
        return Missing(missing)
    raise Busy(", ".join(sorted(set(reasons) - {"None"})))


def reason_for(skus: Sequence[str]) -> str:
    return f"not in stock: {', '.join(skus)}"


def as_event(event: str, order: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, Any]:
    """What listeners learn: the order as it was placed, when this happened and, of a rejected one, why."""
    detail = {**order, "at": record["updated_at"]}
    return detail | {"reason": record["reason"]} if event == REJECTED else detail
