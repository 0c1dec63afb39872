"""TLS servers that answer in the edge's place: what a wrong certificate or an old policy looks like from outside."""

from __future__ import annotations

import contextlib
import socket
import ssl
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from opsctl.local.authority import LEAF_DAYS, Authority
from opsctl.smoke import SmokeTarget


@dataclass(frozen=True)
class ClockAt:
    """A clock that stands."""

    at: datetime

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        raise AssertionError("nobody waits here")


def tls_server(
    *, days_left: float = LEAF_DAYS, name: str = "", trusted: bool = True, versions: tuple[ssl.TLSVersion, ...] = (),
) -> Callable[[SmokeTarget], AbstractContextManager[SmokeTarget]]:  # fmt: skip
    """A server that shakes hands and says no more.

    Args:
        days_left: of its certificate; below 0 it has ended.
        name: that the certificate is for; empty: the site's.
        versions: lowest and highest version of TLS; none: the usual ones.
    """

    @contextlib.contextmanager
    def stand_in(target: SmokeTarget) -> Iterator[SmokeTarget]:
        with tempfile.TemporaryDirectory() as folder:
            made_at = datetime.now(UTC) + timedelta(days=days_left - LEAF_DAYS)
            authority = Authority(Path(folder), clock=ClockAt(made_at))
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*authority.issue((name or target.domain,)))
            if versions:
                context.set_ciphers("ALL:@SECLEVEL=0")
                context.minimum_version, context.maximum_version = versions
            with _listening(context) as port:
                yield replace(
                    target, base_url=f"https://127.0.0.1:{port}",
                    authority_file=authority.certificate_file if trusted else target.authority_file,
                )  # fmt: skip

    return stand_in


@contextlib.contextmanager
def _listening(context: ssl.SSLContext) -> Iterator[int]:
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(30)

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with contextlib.suppress(OSError), context.wrap_socket(connection, server_side=True) as secured:
                secured.recv(1)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


@contextlib.contextmanager
def unknown_name(target: SmokeTarget) -> Iterator[SmokeTarget]:
    """The site under a name that no resolver knows (RFC 6761: invalid)."""
    yield replace(target, inside=False, host=None, outputs={"edge": {"domain_name": "nobody.invalid"}})
