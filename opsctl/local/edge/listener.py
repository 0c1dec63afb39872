"""The TLS listener: SNI chooses the certificate, and what a viewer may say of itself is said here.

hypercorn serves both ports: TLS (h2 and http/1.1) for the edge, plain for AWS's API and for what a browser gets that
types http://. Only on the TLS port a viewer's address may be given (`x-opsctl-viewer-address`).
"""

from __future__ import annotations

import asyncio.constants
import logging
import socket
import ssl
from collections.abc import Callable
from ipaddress import ip_address

from hypercorn.config import Config

from opsctl.errors import OpsctlError
from opsctl.local.authority import Authority
from opsctl.local.exchange import ASGIApp, Receive, Response, Scope, Send, send_response

USUAL_PORT = 4443
"""Tried when the cloud has its usual port too, so that a browser's address stays the same."""
VIEWER_ADDRESS = b"x-opsctl-viewer-address"
PROTOCOLS = ["h2", "http/1.1"]
CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""For TLS 1.2: those of CloudFront's security policy TLSv1.2_2021. TLS 1.3's are all in it."""

CLOSE_SECONDS = 0.5
"""How long a viewer may take to say goodbye. asyncio's 30 s would hold up the cloud's stop for each idle connection."""

Serves = Callable[[str], bool]


def bind(wanted: int) -> socket.socket:
    """A loopback socket at the wanted port, or at a free one when that is taken (0: any)."""
    found = socket.socket()
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind(("127.0.0.1", wanted))
    except OSError:
        found.bind(("127.0.0.1", 0))
    return found


class EdgeConfig(Config):  # type: ignore[misc]
    """hypercorn's settings: TLS on `edge`, plain on the other port.

    Args:
        serves: whether a host name has a certificate here. Asked at each handshake.
    """

    def __init__(self, port: int, edge: socket.socket, authority: Authority, serves: Serves) -> None:
        super().__init__()
        self.bind = [f"fd://{edge.fileno()}"]
        self.insecure_bind = [f"127.0.0.1:{port}"]
        self._certificates = Certificates(authority, serves)
        asyncio.constants.SSL_SHUTDOWN_TIMEOUT = CLOSE_SECONDS  # hypercorn passes none of its own

    @property
    def ssl_enabled(self) -> bool:
        return True

    def create_ssl_context(self) -> ssl.SSLContext:
        context = server_context()
        context.sni_callback = self._certificates.choose
        return context


def server_context() -> ssl.SSLContext:
    """TLS 1.2 and newer, as CloudFront's TLSv1.2_2021."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    context.set_alpn_protocols(PROTOCOLS)
    return context


class Certificates:
    """The certificate for each name that is served, signed when it is first asked for."""

    def __init__(self, authority: Authority, serves: Serves) -> None:
        self._authority, self._serves = authority, serves
        self._known: dict[tuple[str, int], ssl.SSLContext] = {}

    def choose(self, connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> int | None:
        """OpenSSL's servername callback. A name that nobody serves ends the handshake, as on AWS."""
        name = (name or "").lower()
        if not name or not self._serves(name):
            return int(ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME)
        try:
            connection.context = self._context(name)
        except OpsctlError as error:
            logging.getLogger("opsctl").warning("no certificate for %s: %s", name, error.what)
            return int(ssl.ALERT_DESCRIPTION_HANDSHAKE_FAILURE)
        return None

    def _context(self, name: str) -> ssl.SSLContext:
        certificate, key = self._authority.issue((name,))
        version = name, certificate.stat().st_mtime_ns
        if version not in self._known:
            context = server_context()
            context.load_cert_chain(certificate, key)
            self._known = {known: kept for known, kept in self._known.items() if known[0] != name} | {version: context}
        return self._known[version]


def listening(app: ASGIApp, serves: Serves) -> ASGIApp:
    """Both ports before the application.

    On TLS: https by itself whatever the client says, the viewer's address from its header, and only host names of the
    edge (AWS's API is not there). On plain: that header is dropped.
    """

    async def both(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await app(scope, receive, send)
            return
        said = dict(scope["headers"]).get(VIEWER_ADDRESS)
        if scope["scheme"] not in ("https", "wss"):
            await app(scope if said is None else {**scope, "headers": _without(scope, VIEWER_ADDRESS)}, receive, send)
            return
        headers = _without(scope, VIEWER_ADDRESS, b"x-forwarded-proto")
        client = scope.get("client") or ("127.0.0.1", 0)
        if said is not None and _is_address(said.decode("latin-1")):
            client = (said.decode("latin-1"), client[1])
        host = dict(headers).get(b"host", b"").decode("latin-1").partition(":")[0].lower()
        if not serves(host) and scope["type"] == "websocket":
            await send({"type": "websocket.close"})
            return
        if not serves(host):
            await send_response(_nobody(), send, head=scope.get("method") == "HEAD")
            return
        headers.append((b"x-forwarded-proto", b"https"))
        await app({**scope, "headers": headers, "client": client}, receive, send)

    return both


def _without(scope: Scope, *names: bytes) -> list[tuple[bytes, bytes]]:
    return [(name, value) for name, value in scope["headers"] if name not in names]


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _nobody() -> Response:
    """CloudFront's answer to a Host that is no distribution's: 403."""
    from ministack.services import cloudfront

    status, headers, body = cloudfront._cf_error_response(
        403, "Bad request. We can't connect to the server for this app or website at this time.",
        "Error from cloudfront",
    )  # fmt: skip
    return Response(status, tuple((name.lower(), value) for name, value in headers.items()), body)
