"""The calls to DynamoDB and SNS."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import boto3
import events
import inventory
from correlation import message_attributes

TOPIC_ARN = os.environ["TOPIC_ARN"]
ORDERS_TABLE = os.environ["ORDERS_TABLE"]
STOCK_TABLE = os.environ["STOCK_TABLE"]

_sns = boto3.client("sns")
_dynamodb = boto3.resource("dynamodb")
_orders = _dynamodb.Table(ORDERS_TABLE)
_client = _dynamodb.meta.client  # takes and gives Python values, as the tables do


def reserve(transaction_id: str, wanted: dict[str, int]) -> inventory.Reserved | inventory.Done | inventory.Missing:
    """Take `wanted` out of stock, write the reservation and note it in the order: all of it or nothing.

    Raises:
        inventory.Busy: another transaction has the same stock.
    """
    at = _now()
    reservation = {
        "Put": {
            "TableName": STOCK_TABLE,
            "Item": {"id": f"reservation#{transaction_id}", "state": "held", "items": wanted, "at": at},
            "ConditionExpression": "attribute_not_exists(id)",
        }
    }
    order = {"Update": _order_update(transaction_id, "reserved", inventory.RESERVED, at)}
    stock = [
        {
            "Update": {
                "TableName": STOCK_TABLE,
                "Key": {"id": f"stock#{sku}"},
                "UpdateExpression": "SET available = available - :quantity",
                "ConditionExpression": "available >= :quantity",
                "ExpressionAttributeValues": {":quantity": quantity},
            }
        }
        for sku, quantity in wanted.items()
    ]
    try:
        _client.transact_write_items(TransactItems=[reservation, order, *stock])
    except _client.exceptions.TransactionCanceledException as error:
        reasons = [reason.get("Code", "None") for reason in error.response.get("CancellationReasons", [])]
        return inventory.verdict(reasons, list(wanted))
    return inventory.Reserved()


def reject(transaction_id: str, reason: str) -> None:
    """Note that the order can't be had, unless it went on already."""
    with suppress(_client.exceptions.ConditionalCheckFailedException):
        _client.update_item(**_order_update(transaction_id, "rejected", inventory.REJECTED, _now(), reason))


def find(transaction_id: str) -> dict[str, Any] | None:
    return _orders.get_item(Key={"transaction_id": transaction_id}, ConsistentRead=True).get("Item")


def publish(event: str, detail: dict[str, Any]) -> None:
    events.check(event, detail)
    _sns.publish(
        TopicArn=TOPIC_ARN,
        Message=json.dumps(detail),
        MessageAttributes=message_attributes(detail["correlation_id"])
        | {"event": {"DataType": "String", "StringValue": event}},
    )


def mark_published(transaction_id: str, event: str) -> None:
    with suppress(_client.exceptions.ConditionalCheckFailedException):
        _orders.update_item(
            Key={"transaction_id": transaction_id}, UpdateExpression="REMOVE outbox",
            ConditionExpression="outbox = :event", ExpressionAttributeValues={":event": event},
        )  # fmt: skip


def _order_update(transaction_id: str, status: str, event: str, at: str, reason: str = "") -> dict[str, Any]:
    """From `received` to `status`, with `event` in the outbox."""
    entry = {"status": status, "at": at, **({"reason": reason} if reason else {})}
    return {
        "TableName": ORDERS_TABLE,
        "Key": {"transaction_id": transaction_id},
        "UpdateExpression": "SET #status = :status, outbox = :event, updated_at = :at,"
        " history = list_append(history, :entries)" + (", reason = :reason" if reason else ""),
        "ConditionExpression": "#status = :received",
        "ExpressionAttributeNames": {"#status": "status"},
        "ExpressionAttributeValues": {
            ":status": status, ":event": event, ":at": at, ":entries": [entry], ":received": "received",
            **({":reason": reason} if reason else {}),
        },
    }  # fmt: skip


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
