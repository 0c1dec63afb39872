"""The call to DynamoDB that keeps a customer's history."""

from __future__ import annotations

import os
from typing import Any

import boto3

_dynamodb = boto3.client("dynamodb")


def keep(entry: dict[str, Any]) -> bool:
    """Write an order as it is now, unless a later change of it is there already (False)."""
    try:
        _dynamodb.put_item(
            TableName=os.environ["TABLE"],
            Item=entry,
            ConditionExpression="attribute_not_exists(#s) OR #s < :s",
            ExpressionAttributeNames={"#s": "sequence"},
            ExpressionAttributeValues={":s": entry["sequence"]},
        )
    except _dynamodb.exceptions.ConditionalCheckFailedException:
        return False
    return True
