"""The WebSocket API as a smoke test sees it: a client that signs in, asks, and is told.

The token goes in Sec-WebSocket-Protocol, never in the address: addresses are logged.
"""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from opsctl.errors import OpsctlError
from opsctl.smoke import guards, photos
from opsctl.smoke.check import CheckFailed, Trial, expect
from opsctl.smoke.target import SmokeTarget

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

PROTOCOL, BEARER = "opsctl.v1", "bearer."
CONNECT_SECONDS = 10.0
PHOTOS = "photos"
SETTLE_SECONDS = 2.0
"""Time for a second announcement that must not come."""


class ConnectionRefused(OpsctlError):
    """API Gateway didn't let a client in. `status` is the HTTP status of its answer to the handshake."""

    def __init__(self, url: str, status: int) -> None:
        super().__init__(f"{url} refused the connection with {status}.")
        self.status = status


class ConnectionEnded(OpsctlError):
    """The connection is closed. `code` is a close code of RFC 6455, 1006 without one."""

    def __init__(self, code: int) -> None:
        super().__init__(f"The WebSocket connection was closed ({code}).")
        self.code = code


@dataclass
class Client:
    """One open connection. Messages that were not asked for yet are kept in order."""

    connection: ClientConnection = field(repr=False)
    _kept: list[dict[str, Any]] = field(default_factory=list)

    def ask(self, action: str, **fields: Any) -> dict[str, Any]:
        """Send an action, and give its answer.

        Raises:
            ConnectionEnded
            TimeoutError: no answer within 10 s.
        """
        asked = f"{action}-{time.monotonic_ns()}"
        self.send(json.dumps({"action": action, "id": asked, **fields}))
        return self.await_message(id=asked)

    def send(self, message: str) -> None:
        """Send a text as it is. Raises ConnectionEnded."""
        with _ends():
            self.connection.send(message)

    def await_message(self, *, within_seconds: float = CONNECT_SECONDS, **fields: Any) -> dict[str, Any]:
        """The first message whose fields have these values; others are kept.

        Raises:
            ConnectionEnded
            TimeoutError
        """
        for number, message in enumerate(self._kept):
            if fields.items() <= message.items():
                return self._kept.pop(number)
        deadline = time.monotonic() + within_seconds
        while True:
            with _ends():
                message = json.loads(self.connection.recv(timeout=max(0.0, deadline - time.monotonic())))
            if fields.items() <= message.items():
                found: dict[str, Any] = message
                return found
            self._kept.append(message)


@contextlib.contextmanager
def connect(target: SmokeTarget, token: str) -> Iterator[Client]:
    """A client of the environment's WebSocket API.

    Args:
        token: an access token (a secret); "" offers none.

    Raises:
        ConnectionRefused
        OutputMissing
    """
    from websockets.exceptions import InvalidStatus
    from websockets.sync.client import connect as open_connection

    url = str(target.output("realtime.url"))
    offered = [PROTOCOL, f"{BEARER}{token}"] if token else [PROTOCOL]
    settings: dict[str, Any] = {
        "subprotocols": offered, "compression": None, "proxy": None, "open_timeout": CONNECT_SECONDS,
        "close_timeout": 1, "ssl": ssl.create_default_context(cafile=target.authority_file),
        "server_hostname": urlsplit(url).hostname,
    }  # fmt: skip
    # The local cloud listens on loopback only; on AWS the address says where to go.
    if target.host:
        base = urlsplit(target.base_url)
        settings["sock"] = socket.create_connection((base.hostname, base.port), CONNECT_SECONDS)
    with contextlib.ExitStack() as closing:
        try:
            connection = closing.enter_context(open_connection(url, **settings))
        except InvalidStatus as refused:
            raise ConnectionRefused(url, refused.response.status_code) from None
        yield Client(connection)


def realtime_guard(trial: Trial) -> Mapping[str, Any]:
    """Who has no token, or one with another signature, stays out."""
    for name, token in {"no token": "", "a forged token": guards.changed(trial.visitor.token)}.items():
        try:
            with connect(trial.target, token):
                raise CheckFailed(f"a client with {name} was let in")
        except ConnectionRefused as refused:
            expect(refused.status == 401, f"a client with {name} was refused with {refused.status}")
    return {"status": 401}


def realtime_path(trial: Trial) -> Mapping[str, Any]:
    """Who has a token is told of a photo that somebody sends, and once."""
    with connect(trial.target, trial.visitor.token) as client:
        try:
            answer = client.ask("subscribe", topic=PHOTOS)
        except TimeoutError:
            raise CheckFailed(f"a subscription was not answered within {CONNECT_SECONDS:g} s") from None
        expect(answer.get("type") == "subscribed", f"a subscription was answered with {answer}")
        photo_id = photos.send(trial, photos.photo())
        sent = trial.seconds
        announced = {"type": "announcement", "id": f"photo.ready/{photo_id}"}
        try:
            client.await_message(within_seconds=max(1.0, trial.seconds_left - SETTLE_SECONDS), **announced)
        except TimeoutError:
            raise CheckFailed(f"the announcement of {photo_id} did not come") from None
        seconds = trial.seconds - sent
        with contextlib.suppress(TimeoutError):
            client.await_message(within_seconds=SETTLE_SECONDS, **announced)
            raise CheckFailed(f"the announcement of {photo_id} came twice")
    return {"seconds_from_upload_to_client": round(seconds, 3)}


@contextlib.contextmanager
def _ends() -> Iterator[None]:
    from websockets.exceptions import ConnectionClosed

    try:
        yield
    except ConnectionClosed as closed:
        raise ConnectionEnded(closed.rcvd.code if closed.rcvd else 1006) from None
