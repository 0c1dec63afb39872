"""Users in the table of modules/auth."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from opsctl.auth.passwords import hash_password
from opsctl.aws import Aws
from opsctl.errors import OpsctlError, UsageError

# What the authorizer knows (modules/auth/functions/auth-authorizer/access.py).
SCOPES = ("approvals:write", "orders:read", "orders:write", "photos:write")
USERNAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")
SHORTEST_PASSWORD, LONGEST_PASSWORD = 12, 256


class NoSuchUser(OpsctlError):
    def __init__(self, username: str, table: str) -> None:
        super().__init__(f"There is no user {username}.", where=f"table {table}", next="opsctl user list shows them.")


@dataclass(frozen=True)
class User:
    """A user without its password. Scopes are sorted."""

    username: str
    scopes: tuple[str, ...]


def add_user(aws: Aws, table: str, username: str, password: str, scopes: Collection[str]) -> User:
    """Make a user, or give an existing one this password and these scopes. Tokens given out before stay good.

    Raises:
        UsageError: a name, password or scope that can't be. The message never holds the password.
        AwsError: the table can't be written.
    """
    check(username, scopes)
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise UsageError(f"A password must have {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters.")
    user = User(username, tuple(sorted(set(scopes))))
    item = {"username": {"S": username}, "password_hash": {"S": hash_password(password)}, "scopes": {"SS": user.scopes}}
    aws.call("dynamodb", "put_item", TableName=table, Item=item)
    _forget_failures(aws, table, username)
    return user


def check(username: str, scopes: Collection[str]) -> None:
    """Raises: UsageError, for a name or a scope that can't be."""
    if not USERNAME.fullmatch(username):
        raise UsageError("A user name is 1 to 64 of a-z, 0-9, dot, hyphen, underscore and @.")
    if not scopes or not set(scopes) <= set(SCOPES):
        raise UsageError(f"Scopes must be one or more of {', '.join(SCOPES)}.", where=", ".join(scopes) or "none")


def remove_user(aws: Aws, table: str, username: str) -> None:
    """Remove a user. Tokens given out before stay good until they expire (15 minutes).

    Raises:
        NoSuchUser
    """
    answer = aws.call(
        "dynamodb", "delete_item", TableName=table, Key={"username": {"S": username}}, ReturnValues="ALL_OLD"
    )
    _forget_failures(aws, table, username)
    if not answer.get("Attributes"):
        raise NoSuchUser(username, table)


def list_users(aws: Aws, table: str) -> list[User]:
    """Every user, by name."""
    items: list[dict[str, Any]] = list(
        aws.pages(
            "dynamodb", "scan", "Items[]", TableName=table, ProjectionExpression="username, scopes",
            FilterExpression="attribute_exists(password_hash)",
        )
    )  # fmt: skip
    users = [User(item["username"]["S"], tuple(sorted(item.get("scopes", {}).get("SS", [])))) for item in items]
    return sorted(users, key=lambda user: user.username)


def _forget_failures(aws: Aws, table: str, username: str) -> None:
    """The function counts wrong passwords beside the user."""
    aws.call("dynamodb", "delete_item", TableName=table, Key={"username": {"S": f"failures#{username}"}})
