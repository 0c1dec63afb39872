"""One HTTP request and its answer, whole, as the gaps see them."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl, quote

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]

CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/\d{8}/([^/]+)/([^/]+)/aws4_request")


@dataclass(frozen=True)
class Request:
    """A request, with what its signature says about it.

    Attributes:
        path: decoded; `raw_path` is as sent.
        headers: names in lower case.
        http_version: 1.1, or 2 (from the TLS edge only).
        access_key, region, service: of the SigV4 credential scope; empty when the request is not signed.
    """

    method: str
    path: str
    raw_path: str = ""
    query_string: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    client: str = "127.0.0.1"
    http_version: str = "1.1"
    access_key: str = ""
    region: str = ""
    service: str = ""

    @property
    def host(self) -> str:
        """The Host header without its port, in lower case."""
        return self.headers.get("host", "").rpartition(":")[0].lower() or self.headers.get("host", "").lower()

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(self.query_string, keep_blank_values=True))

    def query_values(self, name: str) -> list[str]:
        return [value for key, value in parse_qsl(self.query_string, keep_blank_values=True) if key == name]

    @property
    def form(self) -> dict[str, str]:
        """The parameters of an AWS query-protocol call (`Action=…`), from the address and the body."""
        return self.query | dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))

    def json(self) -> Any:
        return json.loads(self.body or b"null")

    def with_body(self, body: bytes) -> Request:
        return replace(self, body=body, headers=self.headers | {"content-length": str(len(body))})

    def scope(self) -> Scope:
        return {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "scheme": "http",
            "method": self.method,
            "path": self.path,
            "raw_path": (self.raw_path or self.path).encode("latin-1", "replace"),
            "query_string": self.query_string.encode("latin-1", "replace"),
            "headers": [(name.encode("latin-1"), value.encode("utf-8")) for name, value in self.headers.items()],
            "client": (self.client, 0),
            "server": ("127.0.0.1", 0),
        }


@dataclass(frozen=True)
class Response:
    """An answer, whole. `headers` keeps order and repeats (Set-Cookie)."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")

    def json(self) -> Any:
        return json.loads(self.body or b"null")

    def with_body(self, body: bytes) -> Response:
        kept = tuple((name, value) for name, value in self.headers if name.lower() != "content-length")
        return replace(self, body=body, headers=(*kept, ("content-length", str(len(body)))))

    def with_json(self, document: Any) -> Response:
        return self.with_body(json.dumps(document).encode())


Handler = Callable[[Request], Awaitable[Response]]


def json_response(status: int, document: Any, headers: Iterable[tuple[str, str]] = ()) -> Response:
    return Response(status, (("content-type", "application/json"), *headers)).with_json(document)


def signed_request(
    service: str,
    account_id: str,
    region: str,
    method: str,
    path: str,
    *,
    query_string: str = "",
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
) -> Request:
    """A request that the cloud makes of itself, as the account. The emulators read the signature's scope only."""
    scope = f"{account_id}/20260101/{region}/{service}/aws4_request"
    authorization = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"
    return Request(
        method=method,
        path=path,
        raw_path=quote(path),
        query_string=query_string,
        headers={"host": "127.0.0.1", "authorization": authorization, **(headers or {})},
        access_key=account_id,
        region=region,
        service=service,
    ).with_body(body)


def parse_request(scope: Scope, body: bytes = b"") -> Request:
    """The request of an ASGI scope; a presigned address counts as signed."""
    headers: dict[str, str] = {}
    for name, value in scope["headers"]:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        # HTTP/2 may send a cookie in crumbs (RFC 9113 section 8.2.3); all else is a list (RFC 9110 section 5.3).
        headers[key] = f"{headers[key]}{'; ' if key == 'cookie' else ', '}{text}" if key in headers else text
    query_string = scope.get("query_string", b"").decode("latin-1")
    signed = CREDENTIAL.search(headers.get("authorization", ""))
    if signed is None and "X-Amz-Credential=" in query_string:
        presigned = dict(parse_qsl(query_string)).get("X-Amz-Credential", "")
        signed = CREDENTIAL.search(f"Credential={presigned}")
    access_key, region, service = signed.groups() if signed else ("", "", "")
    return Request(
        method=scope["method"],
        path=scope["path"],
        raw_path=(scope.get("raw_path") or scope["path"].encode()).decode("latin-1"),
        query_string=query_string,
        headers=headers,
        body=body,
        client=(scope.get("client") or ("127.0.0.1",))[0],
        http_version=scope.get("http_version", "1.1"),
        access_key=access_key,
        region=region,
        service=service.lower(),
    )


async def read_body(receive: Receive) -> bytes:
    """The whole body. A client that goes away ends it early."""
    chunks: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return b"".join(chunks)
        chunks.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(chunks)


async def send_response(response: Response, send: Send, *, head: bool = False) -> None:
    headers = response.headers if response.header("content-length") else response.with_body(response.body).headers
    await send(
        {
            "type": "http.response.start",
            "status": response.status,
            "headers": [(name.encode("latin-1"), value.encode("utf-8")) for name, value in headers],
        }
    )
    await send({"type": "http.response.body", "body": b"" if head else response.body})


async def _run(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    await app(scope, receive, send)


async def call_asgi(app: ASGIApp, request: Request) -> Response:
    """Answer `request` by an ASGI application in this process, and collect the whole answer.

    It runs in a task of its own: MiniStack keeps account and region in context variables, and a request that is made
    while another is answered must not change them for that one.
    """
    messages: list[Message] = [{"type": "http.request", "body": request.body, "more_body": False}]
    started: dict[str, Any] = {}
    chunks: list[bytes] = []

    async def receive() -> Message:
        return messages.pop() if messages else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            started.update(message)
        elif message["type"] == "http.response.body":
            chunks.append(message.get("body", b""))

    await asyncio.create_task(_run(app, request.scope(), receive, send))
    headers = tuple((name.decode("latin-1"), value.decode("utf-8", "replace")) for name, value in started["headers"])
    return Response(started["status"], headers, b"".join(chunks))


def origin_form(scope: Scope) -> Scope:
    """A request sent as to a proxy (`GET http://host/path`, RFC 9112 section 3.2.2) as one sent to us.

    S3 Control puts the account before the host's name (http://111122223333.127.0.0.1:4566/…), which no resolver knows;
    `Access.process_environment` names us as the proxy for such hosts. Provider 6.x lists a bucket's tags that way.
    """
    if not scope["path"].startswith("http://"):
        return scope
    authority, _, path = scope["path"].removeprefix("http://").partition("/")
    _, _, raw = scope["raw_path"].removeprefix(b"http://").partition(b"/")
    account, _, host = authority.partition(".")
    headers = [
        (name, host.encode() if name == b"host" and account.isdigit() else value) for name, value in scope["headers"]
    ]
    return {**scope, "path": f"/{path}", "raw_path": b"/" + raw, "headers": headers}
