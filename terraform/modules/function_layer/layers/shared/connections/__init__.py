"""The table of WebSocket connections and subscriptions, and talking to a client by its connection id.

One table, key (topic, connection_id). A connection's own row has the topic `connections` and lists its subscriptions,
each of which is a row of its own: a topic's subscribers are one query, strongly consistent. Rows end with the token
that the client connected with (`expires_at`, epoch seconds), also while DynamoDB has not removed them yet.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

CONNECTIONS = "connections"
"""Topic of the connections' own rows; nobody can subscribe to it."""


class Gone(Exception):
    """The client is not connected any more; its rows have been removed."""


class Expired(Exception):
    """The token that the client connected with has expired, or the connection is not known."""


@dataclass(frozen=True)
class Known:
    """A connection as its row tells of it. Times are epoch seconds."""

    connection_id: str
    user: str
    connected_at: int
    expires_at: int


class Connections:
    """Connections and subscriptions.

    Args:
        table: boto3's Table.
        management: boto3's client for apigatewaymanagementapi, at the API's stage.
        clock: epoch seconds.
    """

    def __init__(self, table: Any, management: Any, clock: Callable[[], float]) -> None:
        self._table, self._management, self._clock = table, management, clock

    def open(self, connection_id: str, user: str, expires_at: int) -> None:
        """A client connected; it may do so until `expires_at`."""
        row = {"user": user, "connected_at": self._now(), "expires_at": expires_at}
        self._table.put_item(Item={**_key(CONNECTIONS, connection_id), **row})

    def close(self, connection_id: str) -> None:
        """Remove a connection and its subscriptions. Safe to repeat."""
        removed = self._table.delete_item(Key=_key(CONNECTIONS, connection_id), ReturnValues="ALL_OLD")
        for topic in removed.get("Attributes", {}).get("topics", ()):
            self._table.delete_item(Key=_key(topic, connection_id))

    def subscribe(self, connection_id: str, topic: str) -> None:
        """Add a subscription, if the connection still is there: both rows or none.

        Raises:
            Expired
        """
        client = self._table.meta.client
        try:
            client.transact_write_items(
                TransactItems=[
                    {
                        "Update": {
                            "TableName": self._table.name,
                            "Key": _key(CONNECTIONS, connection_id),
                            "UpdateExpression": "ADD topics :topics",
                            "ConditionExpression": "expires_at > :now",
                            "ExpressionAttributeValues": {":topics": {topic}, ":now": self._now()},
                        }
                    },
                    {
                        "Put": {
                            "TableName": self._table.name,
                            "Item": {**_key(topic, connection_id), "expires_at": self._expiry(connection_id)},
                        }
                    },
                ]
            )
        except client.exceptions.TransactionCanceledException as error:
            if any(reason["Code"] == "ConditionalCheckFailed" for reason in error.response["CancellationReasons"]):
                raise Expired(connection_id) from None
            raise

    def unsubscribe(self, connection_id: str, topic: str) -> None:
        """Remove a subscription. Safe when there is none."""
        self._table.delete_item(Key=_key(topic, connection_id))
        try:
            self._table.update_item(
                Key=_key(CONNECTIONS, connection_id), UpdateExpression="DELETE topics :topics",
                ConditionExpression="attribute_exists(connection_id)", ExpressionAttributeValues={":topics": {topic}},
            )  # fmt: skip
        except self._table.meta.client.exceptions.ConditionalCheckFailedException:
            return

    def subscribers(self, topic: str) -> list[str]:
        """Connection ids of all whose subscription still counts."""
        return [row["connection_id"] for row in self._rows(topic) if row["expires_at"] > self._now()]

    def is_subscribed(self, connection_id: str, topic: str) -> bool:
        row = self._table.get_item(Key=_key(topic, connection_id), ConsistentRead=True).get("Item")
        return bool(row and row["expires_at"] > self._now())

    def known(self) -> Iterator[Known]:
        """Every connection that has a row."""
        for row in self._rows(CONNECTIONS):
            yield Known(row["connection_id"], row["user"], int(row["connected_at"]), int(row["expires_at"]))

    def push(self, connection_id: str, message: Mapping[str, Any], topic: str = "") -> None:
        """Send a client a message, as JSON. `topic`: the subscription by which it gets it.

        Raises:
            Gone: and the connection's rows are removed.
        """
        try:
            self._management.post_to_connection(ConnectionId=connection_id, Data=json.dumps(message).encode())
        except self._management.exceptions.GoneException:
            self.close(connection_id)
            if topic:  # its own row may be gone already, and would not have named this one
                self._table.delete_item(Key=_key(topic, connection_id))
            raise Gone(connection_id) from None

    def is_open(self, connection_id: str) -> bool:
        """What API Gateway says."""
        try:
            self._management.get_connection(ConnectionId=connection_id)
        except self._management.exceptions.GoneException:
            return False
        return True

    def hang_up(self, connection_id: str) -> None:
        """Close it at API Gateway, too. Safe when it is closed."""
        with contextlib.suppress(self._management.exceptions.GoneException):
            self._management.delete_connection(ConnectionId=connection_id)
        self.close(connection_id)

    def _expiry(self, connection_id: str) -> int:
        row = self._table.get_item(Key=_key(CONNECTIONS, connection_id), ConsistentRead=True).get("Item")
        if row is None:
            raise Expired(connection_id)
        return int(row["expires_at"])

    def _rows(self, topic: str) -> Iterator[Mapping[str, Any]]:
        page: Mapping[str, Any] = {}
        asked = {
            "KeyConditionExpression": "topic = :topic", "ExpressionAttributeValues": {":topic": topic},
            "ConsistentRead": True,
        }  # fmt: skip
        while not page or "LastEvaluatedKey" in page:
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]} if page else {}
            page = self._table.query(**asked, **start)
            yield from page["Items"]

    def _now(self) -> int:
        return int(self._clock())


def told(table: Any, announcement_id: str) -> set[str]:
    """Who has been told of an announcement by an earlier attempt that didn't reach everybody."""
    row = table.get_item(Key=_key(f"told#{announcement_id}", "-"), ConsistentRead=True).get("Item") or {}
    return set(row.get("connection_ids", ()))


def remember_told(table: Any, announcement_id: str, connection_ids: Iterable[str], expires_at: int) -> None:
    """Remember who has been told, for the next attempt."""
    if ids := set(connection_ids):
        table.update_item(
            Key=_key(f"told#{announcement_id}", "-"),
            UpdateExpression="ADD connection_ids :ids SET expires_at = :expires",
            ExpressionAttributeValues={":ids": ids, ":expires": expires_at},
        )


def _key(topic: str, connection_id: str) -> dict[str, str]:
    return {"topic": topic, "connection_id": connection_id}
