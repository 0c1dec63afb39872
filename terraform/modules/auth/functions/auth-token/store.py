"""The calls to DynamoDB, Secrets Manager and Systems Manager that signing in makes."""

from __future__ import annotations

import json
import os
from typing import Any

import boto3

USERS_TABLE = os.environ["USERS_TABLE"]
KEYS_SECRET = os.environ["KEYS_SECRET"]
JWKS_PARAMETER = os.environ["JWKS_PARAMETER"]

_dynamodb = boto3.resource("dynamodb")
_users = _dynamodb.Table(USERS_TABLE)
_secrets = boto3.client("secretsmanager")
_parameters = boto3.client("ssm")


def _failures_key(username: str) -> str:
    """Beside the users, where no user can be: none has a `#` in its name. The function may write only such items."""
    return f"failures#{username}"


def find(username: str) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """The user, and its wrong passwords in a row; None where there is none."""
    keys = [username, _failures_key(username)]
    answer = _dynamodb.batch_get_item(
        RequestItems={USERS_TABLE: {"Keys": [{"username": key} for key in keys], "ConsistentRead": True}}
    )
    found = {item["username"]: item for item in answer["Responses"][USERS_TABLE]}
    return found.get(keys[0]), found.get(keys[1])


def count_failure(username: str, now: int, forget_at: int) -> None:
    """One more wrong password. DynamoDB removes the item some time after `forget_at` (epoch seconds)."""
    _users.update_item(
        Key={"username": _failures_key(username)},
        UpdateExpression="SET last_at = :now, expires_at = :forget ADD #count :one",
        ExpressionAttributeNames={"#count": "count"},
        ExpressionAttributeValues={":now": now, ":forget": forget_at, ":one": 1},
    )


def forget_failures(username: str) -> None:
    _users.delete_item(Key={"username": _failures_key(username)})


def keys() -> dict[str, Any] | None:
    """The secret's document; None as long as there is none."""
    try:
        text = _secrets.get_secret_value(SecretId=KEYS_SECRET).get("SecretString")
    except _secrets.exceptions.ResourceNotFoundException:
        return None
    return json.loads(text) if text else None


def published_keys() -> dict[str, Any]:
    """The key set that everybody may see."""
    document: dict[str, Any] = json.loads(_parameters.get_parameter(Name=JWKS_PARAMETER)["Parameter"]["Value"])
    return document
