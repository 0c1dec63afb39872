"""The calls to DynamoDB that the audit makes."""

from __future__ import annotations

import os
from typing import Any

import boto3

_table = boto3.resource("dynamodb").Table(os.environ["TABLE"])


def keep(entry: dict[str, Any]) -> bool:
    """Write an entry. False: it was there already, and stays as it was."""
    try:
        _table.put_item(Item=entry, ConditionExpression="attribute_not_exists(transaction_id)")
    except _table.meta.client.exceptions.ConditionalCheckFailedException:
        return False
    return True
