"""Private integrations of REST APIs: an API method's request, sent through a VPC link to a load balancer's listener.

Source: API Gateway developer guide, "Set up HTTP proxy integrations", "Parameter mapping for REST APIs" and "Amazon API
Gateway important notes" (https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html).
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from opsctl.errors import OpsctlError
from opsctl.local.network.forwarder import Address
from opsctl.local.network.network import Network

KEEP_ALIVE_SECONDS = 30.0
HOP_BY_HOP = frozenset({
    "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer", "transfer-encoding",
    "upgrade",
})  # fmt: skip
"""Headers of one connection, not of a message (RFC 9110 section 7.6.1)."""
REMAPPED = frozenset({
    "authorization", "connection", "content-md5", "date", "host", "max-forwards", "server", "user-agent",
    "www-authenticate",
})  # fmt: skip
"""Headers of an answer that API Gateway hands on as x-amzn-Remapped-… only (important notes, table of headers)."""
PATH_CHARACTERS = "/:@!$&'()*+,;=~"
"""What a path keeps unencoded (RFC 3986 section 3.3): API Gateway decodes path parameters and encodes them again."""


class IntegrationFailed(OpsctlError):
    """Nobody behind the link answered: not connected, or the connection died."""


class IntegrationTimedOut(OpsctlError):
    """No answer within the integration's time."""


@dataclass(frozen=True)
class Answer:
    """An integration's answer. `headers` keeps repeats, in order."""

    status: int
    headers: dict[str, str | list[str]]
    body: bytes


@dataclass(frozen=True)
class Call:
    """What is sent: `url` names the host as the client of the link knows it."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


def call_of(
    uri: str,
    method: str,
    *,
    headers: Mapping[str, Any],
    query: Mapping[str, Any],
    body: bytes,
    mapped: Mapping[str, str],
) -> Call:
    """The call that a method request becomes.

    Args:
        uri: of the integration, with {names} for path parameters.
        headers, query: of the client's request; a value is a string or a list of them.
        mapped: `requestParameters` with the values put in: integration.request.path|header|querystring.NAME → value.
    """
    sent = [(name, value) for name, values in headers.items() for value in _each(values)]
    named = {part.strip().lower() for name, value in sent if name.lower() == "connection" for part in value.split(",")}
    dropped = HOP_BY_HOP | named | {"host", "content-length"}
    parameters = [(name, value) for name, values in query.items() for value in _each(values)]
    for destination, value in mapped.items():
        where, _, name = destination.removeprefix("integration.request.").partition(".")
        if where == "path":
            uri = uri.replace(f"{{{name}}}", quote(value, safe=PATH_CHARACTERS))
        elif where == "header":
            sent = [(key, old) for key, old in sent if key.lower() != name.lower()] + [(name, value)]
        elif where == "querystring":
            parameters = [(key, old) for key, old in parameters if key != name] + [(name, value)]
    kept = tuple((name, value) for name, value in sent if name.lower() not in dropped)
    if parameters:
        uri += ("&" if "?" in uri else "?") + urlencode(parameters)
    return Call(method, uri, kept, body)


def answer_headers(headers: Iterable[tuple[str, str]]) -> dict[str, str | list[str]]:
    """The headers of an integration's answer as API Gateway hands them on: repeats as a list."""
    found: dict[str, str | list[str]] = {}
    for name, value in headers:
        lower = name.lower()
        if lower in REMAPPED:
            name = f"x-amzn-Remapped-{name}"
        elif lower in HOP_BY_HOP or lower == "content-length":
            continue
        known = found.get(name)
        found[name] = value if known is None else [*_each(known), value]
    return found


class Link:
    """The connections of one VPC link to its load balancer; they stay open between requests.

    A request whose connection dies before the first byte of an answer is sent once more where its method is idempotent
    (GET, HEAD, PUT, DELETE, OPTIONS) and the connection was an old one, as RFC 9110 section 9.2.2 allows; aiohttp does
    that. What API Gateway does is not documented; a POST is never sent twice.
    """

    def __init__(self, network: Network) -> None:
        self._network = network
        self._pool: _Pool | None = None

    async def send(self, call: Call, listener: Address | None, timeout_seconds: float) -> Answer:
        """Send a call to the listener of a load balancer.

        Raises:
            IntegrationFailed: nobody listens, who listens refuses, or the connection died.
            IntegrationTimedOut: no whole answer within `timeout_seconds`.
        """
        if listener is None:
            raise IntegrationFailed("No listener")
        if self._pool is None:
            self._pool = _Pool(self._new_session())
        parts = urlsplit(call.url)
        target = URL.build(scheme="http", host=listener[0], port=listener[1])
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        headers = CIMultiDict(call.headers)
        headers["Host"] = parts.netloc
        try:
            async with self._pool.session() as session, session.request(
                call.method, URL(str(target) + path, encoded=True), headers=headers, data=call.body or None,
                allow_redirects=False, timeout=aiohttp.ClientTimeout(total=timeout_seconds),
            ) as answer:  # fmt: skip
                body = await answer.read()
                raw = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in answer.raw_headers]
                return Answer(answer.status, answer_headers(raw), body)
        except TimeoutError as error:
            raise IntegrationTimedOut("Endpoint request timed out") from error
        except (aiohttp.ClientError, OSError) as error:
            raise IntegrationFailed(f"{type(error).__name__}: {error}") from error

    async def renew(self) -> None:
        """Let go of the idle connections; those with a request on them end with it."""
        old, self._pool = self._pool, None
        if old is not None:
            await old.retire()

    async def close(self) -> None:
        if self._pool is not None:
            await self._pool.close()

    def _new_session(self) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            limit=0, keepalive_timeout=KEEP_ALIVE_SECONDS, socket_factory=self._socket, use_dns_cache=False
        )
        return aiohttp.ClientSession(
            connector=connector, auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
        )  # fmt: skip

    def _socket(self, address: Any) -> socket.socket:
        """A socket whose port is known to be the link's before it connects."""
        family, kind, protocol, _, _ = address
        made = _LinkSocket(family, kind, protocol)
        made.bind(("127.0.0.1", 0))
        made.note(self._network.private_link_ports)
        return made


class _LinkSocket(socket.socket):
    """Takes its port out of the set when it closes."""

    _ports: set[int] | None = None
    _port = 0

    def note(self, ports: set[int]) -> None:
        self._ports, self._port = ports, int(self.getsockname()[1])
        ports.add(self._port)

    def close(self) -> None:
        if self._ports is not None:
            self._ports.discard(self._port)
        super().close()


class _Pool:
    """A session that ends with its last request once it was retired."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session, self._requests, self._retired = session, 0, False

    @contextlib.asynccontextmanager
    async def session(self) -> AsyncIterator[aiohttp.ClientSession]:
        self._requests += 1
        try:
            yield self._session
        finally:
            self._requests -= 1
            if self._retired and not self._requests:
                await self.close()

    async def retire(self) -> None:
        self._retired = True
        if not self._requests:
            await self.close()

    async def close(self) -> None:
        await self._session.close()


def _each(value: Any) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list | tuple) else [str(value)]
