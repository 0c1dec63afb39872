"""The sandbox's books, in DynamoDB."""

from __future__ import annotations

import os
from uuid import uuid4

import boto3

_books = boto3.resource("dynamodb").Table(os.environ["SANDBOX_TABLE"])
_Refused = _books.meta.client.exceptions.ConditionalCheckFailedException


def count_request() -> str:
    """Count one more request; gives the mode that somebody set: fail, slow or none."""
    counted = _books.update_item(
        Key={"id": "mode"}, UpdateExpression="ADD requests :one", ExpressionAttributeValues={":one": 1},
        ReturnValues="ALL_NEW",
    )["Attributes"]  # fmt: skip
    return str(counted.get("mode", ""))


def charge(key: str, amount_cents: int) -> str:
    """The id of the one charge of this key; empty when it was voided."""
    charge_id = f"ch_{uuid4().hex}"
    try:
        _books.put_item(
            Item={"id": f"charge#{key}", "charge_id": charge_id, "amount_cents": amount_cents, "state": "charged"},
            ConditionExpression="attribute_not_exists(id)",
        )
    except _Refused:
        found = _books.get_item(Key={"id": f"charge#{key}"}, ConsistentRead=True)["Item"]
        return str(found["charge_id"]) if found["state"] == "charged" else ""
    return charge_id


def refund(key: str) -> bool:
    """Void the charge of this key, also one that comes later. Whether there was money to give back."""
    before = _books.update_item(
        Key={"id": f"charge#{key}"},
        UpdateExpression="SET #state = :refunded, charge_id = if_not_exists(charge_id, :no)",
        ExpressionAttributeNames={"#state": "state"},
        ExpressionAttributeValues={":refunded": "refunded", ":no": "none"},
        ReturnValues="ALL_OLD",
    ).get("Attributes")  # fmt: skip
    return bool(before) and before["state"] == "charged"
