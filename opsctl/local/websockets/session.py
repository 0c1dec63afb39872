"""One client's connection to a WebSocket API, from its handshake to its end.

handshake → throttle → authorizer → $connect → open ─┬─ message → route by the selection expression → function
                                                      ├─ what a backend posts → the client
                                                      └─ closed, idle for 10 min, open for 2 h → $disconnect

Source: API Gateway developer guide, "Working with WebSocket APIs", and the event shapes in its "Set up WebSocket API
integration requests" and Lambda's guide. Messages of one connection are worked off one after the other; API Gateway
promises no order.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import parse_qs

from opsctl.clock import Clock
from opsctl.local.exchange import Receive, Scope, Send
from opsctl.local.websockets.connections import Connection, Connections
from opsctl.local.websockets.limits import GOING_AWAY, NORMAL, Size, seconds_left
from opsctl.local.websockets.streams import CLOSED, RECEIVED

CONNECT, DISCONNECT, DEFAULT = "$connect", "$disconnect", "$default"
ABNORMAL = 1006
FORBIDDEN, TOO_MANY, INTERNAL = "Forbidden", "Too Many Requests", "Internal server error"


@dataclass(frozen=True)
class Api:
    """A WebSocket API at one of its stages, as it is at this moment.

    Attributes:
        routes: route key → what is integrated there.
        settings: the stage's record: throttling, access log, variables.
    """

    id: str
    account_id: str
    region: str
    stage: str
    selection: str
    routes: Mapping[str, Route]
    settings: Mapping[str, Any]

    @property
    def domain_name(self) -> str:
        return f"{self.id}.execute-api.{self.region}.amazonaws.com"


@dataclass(frozen=True)
class Route:
    """A route's integration. `answers`: the function's body goes back to the client (it has a route response)."""

    key: str
    function_arn: str
    answers: bool = False
    authorizer_arn: str = ""
    identity_sources: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """How an integration ended: the function's answer, or `failed`. `seconds` is the integration latency."""

    answer: Any = None
    failed: bool = False
    error: str = ""
    seconds: float = 0.0


@dataclass
class Handled:
    """What the access log and the metrics say of one event."""

    route: str
    event_type: str
    request_id: str
    status: int = 200
    error: str = ""
    integration_seconds: float | None = None
    integration_status: int | None = None
    values: dict[str, object] = field(default_factory=dict)


class Plane(Protocol):
    """What a session needs of the cloud."""

    clock: Clock
    connections: Connections

    def api(self, api_id: str, stage: str) -> Api | None: ...
    def throttled(self, api: Api, route_key: str) -> bool: ...
    def select(self, api: Api, body: str) -> str: ...
    async def invoke(self, api: Api, function_arn: str, event: Mapping[str, Any]) -> Outcome: ...
    def allows(self, policy: Any, method_arn: str) -> bool: ...
    def handled(self, api: Api, connection: Connection, event: Handled, bytes_in: int) -> None: ...


class Session:
    """One client."""

    def __init__(self, plane: Plane, api: Api, scope: Scope, receive: Receive, send: Send) -> None:
        self._plane, self._api, self._scope, self._receive, self._send = plane, api, scope, receive, send
        self._headers = _headers(scope)
        now, moment = plane.clock.now(), plane.clock.monotonic()
        self._connection = Connection(
            id=Connections.new_id(), api_id=api.id, stage=api.stage,
            source_ip=(scope.get("client") or ("127.0.0.1",))[0], user_agent=self._headers.get("user-agent", ""),
            connected_at=now, opened=moment, active_at=now, active=moment,
        )  # fmt: skip
        self._authorizer: dict[str, Any] | None = None

    async def run(self) -> None:
        """Until it ends. `receive` has given `websocket.connect` already."""
        refusal, protocol = await self._connect()
        if refusal:
            await self._refuse(*refusal)
            return
        self._scope["extensions"][RECEIVED] = Size()
        self._plane.connections.add(self._connection)
        await self._send({"type": "websocket.accept", "subprotocol": protocol})
        code, reason = ABNORMAL, ""
        writing = asyncio.create_task(self._write())
        try:
            code, reason = await self._serve(writing)
        finally:
            self._plane.connections.remove(self._connection.id)
            writing.cancel()
            await self._send({"type": "websocket.close", "code": code if code != ABNORMAL else NORMAL})
            await self._disconnected(code, reason)

    async def _connect(self) -> tuple[tuple[int, str] | None, str | None]:
        """(status, message) of a refusal or None, and the subprotocol that the integration chose."""
        event = self._handled(CONNECT, "CONNECT")
        route = self._api.routes.get(CONNECT)
        refusal, protocol = await self._asked_in(route, event)
        if refusal:
            event.status, event.error = refusal
        self._plane.handled(self._api, self._connection, event, 0)
        return refusal, protocol

    async def _asked_in(self, route: Route | None, event: Handled) -> tuple[tuple[int, str] | None, str | None]:
        if self._plane.throttled(self._api, CONNECT):
            return (429, TOO_MANY), None
        if route is None:
            return None, None
        if route.authorizer_arn and (refusal := await self._authorize(route, event)):
            return refusal, None
        outcome = await self._invoke(route, event, _connect_fields(self._headers, self._scope))
        answer = outcome.answer if isinstance(outcome.answer, dict) else {}
        status = int(answer.get("statusCode", 500))
        event.integration_status = status
        if outcome.failed or status >= 500:
            return (502, INTERNAL), None
        if not 200 <= status < 300:
            return (status, FORBIDDEN), None
        chosen = {name.lower(): str(value) for name, value in (answer.get("headers") or {}).items()}
        protocol = chosen.get("sec-websocket-protocol")
        return None, protocol if protocol in self._scope.get("subprotocols", ()) else None

    async def _authorize(self, route: Route, event: Handled) -> tuple[int, str] | None:
        """Ask the REQUEST authorizer. It is asked for each connection: WebSocket APIs keep no answers."""
        named = [source.removeprefix("route.request.header.").lower() for source in route.identity_sources]
        if not all(self._headers.get(name) for name in named):
            return 401, "Unauthorized"
        method_arn = (
            f"arn:aws:execute-api:{self._api.region}:{self._api.account_id}:{self._api.id}/{self._api.stage}/{CONNECT}"
        )
        question = {
            "type": "REQUEST",
            "methodArn": method_arn,
            **_connect_fields(self._headers, self._scope),
            "stageVariables": dict(self._api.settings.get("stageVariables") or {}),
            "requestContext": self._context(event, CONNECT, "CONNECT"),
        }
        outcome = await self._plane.invoke(self._api, route.authorizer_arn, question)
        answer = outcome.answer if isinstance(outcome.answer, dict) else {}
        if outcome.failed:
            return (401, "Unauthorized") if outcome.error == "Unauthorized" else (500, INTERNAL)
        if not isinstance(answer.get("policyDocument"), dict):
            return 500, INTERNAL
        if not self._plane.allows(answer["policyDocument"], method_arn):
            return 403, "User is not authorized to access this resource"
        context = {name: str(value) for name, value in (answer.get("context") or {}).items()}
        self._authorizer = {**context, "principalId": str(answer.get("principalId", "")), "integrationLatency": 0}
        return None

    async def _refuse(self, status: int, message: str) -> None:
        body = {"message": message, "connectionId": self._connection.id, "requestId": str(uuid.uuid4())}
        data = json.dumps(body).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(data)).encode())]
        await self._send({"type": "websocket.http.response.start", "status": status, "headers": headers})
        await self._send({"type": "websocket.http.response.body", "body": data})

    async def _serve(self, writing: asyncio.Task[None]) -> tuple[int, str]:
        """Take messages until the end. Gives (code, reason) of it."""
        while True:
            receiving = asyncio.ensure_future(self._receive())
            while not receiving.done():
                left = seconds_left(
                    self._plane.clock.monotonic(), opened=self._connection.opened, active=self._connection.active
                )
                if writing.done() or left <= 0:
                    receiving.cancel()
                    return (NORMAL, "Connection Closed Normally") if writing.done() else (GOING_AWAY, "Going away")
                await asyncio.wait({receiving, writing}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            message = receiving.result()
            if message["type"] == "websocket.disconnect":
                code, reason = self._scope["extensions"].get(CLOSED) or (ABNORMAL, "")
                return code, reason
            self._connection.touch(self._plane.clock)
            text = message.get("text")
            body = text if text is not None else base64.b64encode(message["bytes"]).decode()
            await self._message(body, is_base64=text is None)

    async def _write(self) -> None:
        """Send what is in the outbox. Ends when the connection was deleted."""
        while (text := await self._connection.outbox.get()) is not None:
            await self._send({"type": "websocket.send", "text": text})

    async def _message(self, body: str, *, is_base64: bool) -> None:
        self._api = self._plane.api(self._api.id, self._api.stage) or self._api
        key = DEFAULT if is_base64 else self._plane.select(self._api, body)
        if key not in self._api.routes or key in (CONNECT, DISCONNECT):
            key = DEFAULT
        event, route = self._handled(key, "MESSAGE"), self._api.routes.get(key)
        if self._plane.throttled(self._api, key):
            event.status, event.error = 429, TOO_MANY
        elif route is None:
            event.status, event.error = 403, FORBIDDEN
        else:
            outcome = await self._invoke(route, event, {"body": body, "isBase64Encoded": is_base64})
            if outcome.failed:
                event.status, event.error = 500, INTERNAL
            elif route.answers and isinstance(outcome.answer, dict) and outcome.answer.get("body"):
                self._tell(str(outcome.answer["body"]))
        if event.error:
            said = {"message": event.error, "connectionId": self._connection.id, "requestId": event.request_id}
            self._tell(json.dumps(said))
        self._plane.handled(self._api, self._connection, event, len(body))

    def _tell(self, text: str) -> None:
        if not self._connection.outbox.full():
            self._connection.outbox.put_nowait(text)

    async def _disconnected(self, code: int, reason: str) -> None:
        route = self._api.routes.get(DISCONNECT)
        if route is None:
            return
        event = self._handled(DISCONNECT, "DISCONNECT")
        headers = {"Host": self._api.domain_name, "x-api-key": "", "X-Forwarded-For": "", "x-restapi": ""}
        shown = {"headers": headers, "multiValueHeaders": {name: [value] for name, value in headers.items()}}
        ended = {"disconnectStatusCode": code, "disconnectReason": reason}
        outcome = await self._invoke(route, event, shown, ended)
        if outcome.failed:
            event.status, event.error = 500, INTERNAL
        self._plane.handled(self._api, self._connection, event, 0)

    async def _invoke(
        self, route: Route, event: Handled, fields: Mapping[str, Any], context: Mapping[str, Any] | None = None
    ) -> Outcome:
        shown = {
            **fields,
            "requestContext": {**self._context(event, route.key, event.event_type), **(context or {})},
            "isBase64Encoded": fields.get("isBase64Encoded", False),
        }
        if variables := self._api.settings.get("stageVariables"):
            shown["stageVariables"] = dict(variables)
        outcome = await self._plane.invoke(self._api, route.function_arn, shown)
        event.integration_seconds = outcome.seconds
        event.integration_status = 500 if outcome.failed else 200
        return outcome

    def _handled(self, route: str, event_type: str) -> Handled:
        return Handled(route, event_type, request_id=_id())

    def _context(self, event: Handled, route_key: str, event_type: str) -> dict[str, Any]:
        now, connection = self._plane.clock.now(), self._connection
        context: dict[str, Any] = {
            "routeKey": route_key,
            "eventType": event_type,
            "extendedRequestId": event.request_id,
            "requestTime": f"{now:%d/%b/%Y:%H:%M:%S} +0000",
            "messageDirection": "IN",
            "stage": self._api.stage,
            "connectedAt": int(connection.connected_at.timestamp() * 1000),
            "requestTimeEpoch": int(now.timestamp() * 1000),
            "identity": {"userAgent": connection.user_agent, "sourceIp": connection.source_ip},
            "requestId": event.request_id,
            "domainName": self._api.domain_name,
            "connectionId": connection.id,
            "apiId": self._api.id,
        }
        if event_type == "MESSAGE":
            context["messageId"] = event.values.setdefault("messageId", _id())
        if self._authorizer is not None:
            context["authorizer"] = self._authorizer
        return context


def _id() -> str:
    return base64.urlsafe_b64encode(os.urandom(11)).decode()


def _headers(scope: Scope) -> dict[str, str]:
    """The handshake's headers; several of one name are a list (RFC 9110 section 5.3)."""
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found


def _connect_fields(headers: Mapping[str, str], scope: Scope) -> dict[str, Any]:
    """What a $connect event and an authorizer's have of the handshake. Header names as browsers write them."""
    query = parse_qs(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)
    shown = {_spelt(name): value for name, value in headers.items()}
    fields: dict[str, Any] = {
        "headers": shown,
        "multiValueHeaders": {name: [value] for name, value in shown.items()},
    }
    if query:
        fields["queryStringParameters"] = {name: values[-1] for name, values in query.items()}
        fields["multiValueQueryStringParameters"] = query
    return fields


def _spelt(name: str) -> str:
    return "-".join("WebSocket" if part == "websocket" else part.capitalize() for part in name.split("-"))
