"""The one transaction that ends an order: order, reservation and stock together."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Any

import boto3
from settlement import FROM, Outcome

ORDERS_TABLE = os.environ["ORDERS_TABLE"]
STOCK_TABLE = os.environ["STOCK_TABLE"]

_dynamodb = boto3.resource("dynamodb")
_orders = _dynamodb.Table(ORDERS_TABLE)
_stock = _dynamodb.Table(STOCK_TABLE)
_client = _dynamodb.meta.client  # takes and gives Python values, as the tables do


class NoSuchOrder(Exception):
    """The saga was started for an order that nobody recorded."""


def find(transaction_id: str) -> dict[str, Any]:
    found = _orders.get_item(Key={"transaction_id": transaction_id}, ConsistentRead=True).get("Item")
    if found is None:
        raise NoSuchOrder(transaction_id)
    return found


def settle(order: dict[str, Any], outcome: Outcome, reason: str) -> None:
    """Confirm the order and have its reservation sold, or cancel it and put its stock back: all of it or nothing.

    Raises:
        TransactionCanceledException: somebody else was at it: look again.
    """
    transaction_id, at = order["transaction_id"], datetime.now(UTC).isoformat(timespec="milliseconds")
    key = {"id": f"reservation#{transaction_id}"}
    cancelled = outcome is Outcome.CANCELLED
    given_back = _stock.get_item(Key=key, ConsistentRead=True)["Item"]["items"] if cancelled else {}
    entry = {"status": outcome.value, "at": at, **({"reason": reason} if reason else {})}
    statuses = {f":from{number}": status for number, status in enumerate(sorted(FROM[outcome]))}
    _client.transact_write_items(
        TransactItems=[
            {
                "Update": {
                    "TableName": ORDERS_TABLE,
                    "Key": {"transaction_id": transaction_id},
                    "UpdateExpression": "SET #status = :status, updated_at = :at,"
                    " history = list_append(history, :entries)" + (", reason = :reason" if reason else ""),
                    "ConditionExpression": f"#status IN ({', '.join(statuses)})",
                    "ExpressionAttributeNames": {"#status": "status"},
                    "ExpressionAttributeValues": {
                        ":status": outcome.value, ":at": at, ":entries": [entry], **statuses,
                        **({":reason": reason} if reason else {}),
                    },
                }
            },
            {
                "Update": {
                    "TableName": STOCK_TABLE,
                    "Key": key,
                    "UpdateExpression": "SET #state = :state, #at = :at",
                    "ConditionExpression": "#state = :held",
                    "ExpressionAttributeNames": {"#state": "state", "#at": "at"},
                    "ExpressionAttributeValues": {
                        ":state": "released" if cancelled else "sold", ":held": "held", ":at": at,
                    },
                }
            },
            *(
                {
                    "Update": {
                        "TableName": STOCK_TABLE,
                        "Key": {"id": f"stock#{sku}"},
                        "UpdateExpression": "SET available = available + :quantity",
                        "ConditionExpression": "attribute_exists(id)",
                        "ExpressionAttributeValues": {":quantity": quantity},
                    }
                }
                for sku, quantity in given_back.items()
            ),
        ]
    )  # fmt: skip
