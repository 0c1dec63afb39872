"""The call to DynamoDB that counting is."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

import boto3

TABLE = os.environ["TABLE"]

# Kinesis delivers nothing again once it has forgotten it: 24 hours by default, 365 days at most.
REMEMBERED_SECONDS = 366 * 24 * 3600

_dynamodb = boto3.client("dynamodb")


def count(seen: str, keys: Iterable[str], increments: Mapping[str, int], *, now: int) -> bool:
    """Add to all totals, and note that it was done, at once or not at all. False: it was done before.

    Args:
        now: seconds since 1970.
    """
    names = {f"#{position}": name for position, name in enumerate(increments)}
    values = {f":{position}": {"N": str(amount)} for position, amount in enumerate(increments.values())}
    adding = "ADD " + ", ".join(f"#{position} :{position}" for position in range(len(names)))
    note = {"total": {"S": seen}, "expires_at": {"N": str(now + REMEMBERED_SECONDS)}}
    changes: list[dict[str, Any]] = [
        {"Put": {"TableName": TABLE, "Item": note, "ConditionExpression": "attribute_not_exists(#t)",
                 "ExpressionAttributeNames": {"#t": "total"}}},
    ]  # fmt: skip
    changes += [
        {"Update": {"TableName": TABLE, "Key": {"total": {"S": key}}, "UpdateExpression": adding,
                    "ExpressionAttributeNames": names, "ExpressionAttributeValues": values}}
        for key in keys
    ]  # fmt: skip
    try:
        _dynamodb.transact_write_items(TransactItems=changes)
    except _dynamodb.exceptions.TransactionCanceledException as error:
        if error.response["CancellationReasons"][0]["Code"] == "ConditionalCheckFailed":
            return False
        raise
    return True
