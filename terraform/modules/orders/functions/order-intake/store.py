"""The calls to DynamoDB and SNS."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from typing import Any

import boto3
import events
from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer
from correlation import message_attributes

TOPIC_ARN = os.environ["TOPIC_ARN"]

_sns = boto3.client("sns")
_orders = boto3.resource("dynamodb").Table(os.environ["ORDERS_TABLE"])
_Refused = _orders.meta.client.exceptions.ConditionalCheckFailedException

answers = DynamoDBPersistenceLayer(table_name=os.environ["GUARDS_TABLE"])


def record(order: dict[str, Any]) -> dict[str, Any]:
    """Put the order's record unless there is one; gives the one that is there now."""
    try:
        _orders.put_item(Item=order, ConditionExpression="attribute_not_exists(transaction_id)")
    except _Refused:
        return find(order["transaction_id"]) or order
    return order


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
    """Take the event out of the outbox. A listener may have put its own in by now: that one stays."""
    with suppress(_Refused):
        _orders.update_item(
            Key={"transaction_id": transaction_id}, UpdateExpression="REMOVE outbox",
            ConditionExpression="outbox = :event", ExpressionAttributeValues={":event": event},
        )  # fmt: skip
