"""The open connections of WebSocket APIs, and `@connections`, by which a backend talks to them.

Source: API Gateway developer guide, "Use @connections commands in your backend service"; API reference of
apigatewaymanagementapi.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
from dataclasses import dataclass, field
from datetime import datetime

from opsctl.clock import Clock, SystemClock
from opsctl.local.websockets.limits import MESSAGE_BYTES

UNSENT = 1000
"""Most messages that wait for a client which doesn't read. PostToConnection answers 429 beyond."""

Answer = tuple[int, dict[str, str], bytes]


@dataclass
class Connection:
    """One open connection.

    Attributes:
        opened, active: monotonic seconds; `connected_at` and `active_at` are the same in UTC.
        outbox: what is to be sent; None: close it.
    """

    id: str
    api_id: str
    stage: str
    source_ip: str
    user_agent: str
    connected_at: datetime
    opened: float
    active_at: datetime
    active: float
    outbox: asyncio.Queue[str | None] = field(default_factory=lambda: asyncio.Queue(UNSENT))

    def touch(self, clock: Clock) -> None:
        """Something went through: it is not idle."""
        self.active, self.active_at = clock.monotonic(), clock.now()


class Connections:
    """Open connections by id."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._open: dict[str, Connection] = {}

    @staticmethod
    def new_id() -> str:
        """As API Gateway's: 16 characters that end in `=`, which addresses must quote."""
        return base64.urlsafe_b64encode(os.urandom(11)).decode()

    def add(self, connection: Connection) -> None:
        self._open[connection.id] = connection

    def remove(self, connection_id: str) -> None:
        self._open.pop(connection_id, None)

    def of(self, api_id: str) -> list[Connection]:
        return [connection for connection in self._open.values() if connection.api_id == api_id]

    def answer(self, method: str, api_id: str, stage: str, connection_id: str, body: bytes) -> Answer:
        """PostToConnection, GetConnection, DeleteConnection."""
        connection = self._open.get(connection_id)
        if connection is None or (connection.api_id, connection.stage) != (api_id, stage):
            return _refused(410, "GoneException")
        if method == "GET":
            return 200, {"content-type": "application/json"}, json.dumps(_described(connection)).encode()
        if method == "DELETE":
            self.remove(connection_id)
            _close(connection.outbox)
            return 204, {}, b""
        if method != "POST":
            return _refused(403, "ForbiddenException")
        if len(body) > MESSAGE_BYTES:
            return _refused(413, "PayloadTooLargeException")
        try:
            connection.outbox.put_nowait(body.decode("utf-8", "replace"))
        except asyncio.QueueFull:
            return _refused(429, "LimitExceededException")
        connection.touch(self._clock)
        return 200, {"content-type": "application/json"}, b""


def _close(outbox: asyncio.Queue[str | None]) -> None:
    """Put the end into it; where it is full, what waits longest gives way."""
    if outbox.full():
        outbox.get_nowait()
    outbox.put_nowait(None)


def _described(connection: Connection) -> dict[str, object]:
    return {
        "connectedAt": f"{connection.connected_at:%Y-%m-%dT%H:%M:%S}Z",
        "identity": {"sourceIp": connection.source_ip, "userAgent": connection.user_agent},
        "lastActiveAt": f"{connection.active_at:%Y-%m-%dT%H:%M:%S}Z",
    }


def _refused(status: int, kind: str) -> Answer:
    headers = {"content-type": "application/json", "x-amzn-ErrorType": kind}
    return status, headers, json.dumps({"message": kind}).encode()
