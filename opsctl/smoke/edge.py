"""HTTP through the edge: the one place that knows where to connect, whom to trust, time-outs and retries."""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opsctl.errors import OpsctlError

if TYPE_CHECKING:
    from opsctl.aws.access import Access
    from opsctl.smoke.target import SmokeTarget

CONNECT_TIMEOUT_SECONDS = 5.0
VIEWER_HEADER = "x-opsctl-viewer-address"
"""How a viewer tells the local edge which address it comes from (docs/local-cloud.md)."""


class EdgeUnreachable(OpsctlError):
    """No HTTP answer at all. `is_about_trust`: somebody answers whose certificate is not accepted."""

    is_about_trust = False


@dataclass(frozen=True)
class Answer:
    """What came back. Header names are lower-case."""

    method: str
    path: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float

    def json(self) -> Any:
        """The body as JSON; None when it isn't."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    def __str__(self) -> str:
        text = self.body[:2000].decode("utf-8", "replace")
        if self.headers.get("content-type", "").startswith("text/html"):
            text = re.sub(r"<[^>]*>", " ", text)
        shown = " ".join(text.split())[:200]
        return f"{self.method} {self.path} answered {self.status}{f': {shown}' if shown else ''}"


class Edge:
    """A connection pool to one environment's edge. Safe to share between threads.

    Args:
        base_url: where to connect to, such as https://photos.example.com or https://127.0.0.1:4443.
        host: whom we mean, when that is another than base_url's host (the local cloud listens on loopback only): the
            Host header and, by TLS, the name that is asked for and must be in the certificate.
        headers: sent with each request that doesn't say otherwise.
        authority_file: the only authority (PEM) that is trusted; None trusts the system's.
    """

    def __init__(
        self, base_url: str, host: str | None = None, *, authority_file: Path | None = None, concurrency: int = 32,
        headers: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        import urllib3

        self.base_url = base_url.rstrip("/")
        self.host = host
        self._always = dict(headers or {}) | ({"Host": host} if host else {})
        # A connection that could not be made was certainly not answered: only that is tried again.
        retries = urllib3.Retry(total=None, connect=2, read=0, redirect=0, status=0, other=0, raise_on_redirect=False)
        tls: dict[str, Any] = {"ca_certs": str(authority_file)} if authority_file else {}
        if host and self.base_url.startswith("https:"):
            tls |= {"server_hostname": host, "assert_hostname": host}
        self._pool = urllib3.PoolManager(maxsize=concurrency, retries=retries, **tls)
        self._elsewhere = urllib3.PoolManager(maxsize=concurrency, retries=retries)

    @classmethod
    def to(cls, domain: str, access: Access) -> Edge:
        """The edge that serves `domain`; the local cloud's listens on loopback, with an authority of its own."""
        if access.is_local:
            return cls(f"https://127.0.0.1:{access.edge_port}", domain, authority_file=access.authority_file)
        return cls(f"https://{domain}")

    @classmethod
    def of(cls, target: SmokeTarget, *, concurrency: int = 32) -> Edge:
        """The edge of an environment. Locally each has a viewer's address of its own: runs would add up to too many."""
        own = {VIEWER_HEADER: anybody()} if target.inside and target.aws.access.is_local else {}
        return cls(
            target.base_url, target.host, authority_file=target.authority_file, concurrency=concurrency, headers=own
        )

    def request(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        timeout_seconds: float = 30.0,
    ) -> Answer:
        """Send one request; any status is an answer, and redirects are not followed.

        Args:
            path: from the edge's root; or a whole URL (a presigned one), which then keeps its own host.

        Raises:
            EdgeUnreachable: no answer within the time, or no connection.
        """
        import urllib3

        elsewhere = "://" in path
        given = ({} if elsewhere else self._always) | dict(headers or {})
        begun = time.monotonic()
        try:
            response = (self._elsewhere if elsewhere else self._pool).request(
                method, path if elsewhere else self.base_url + path, headers=given, body=body, redirect=False,
                timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT_SECONDS, read=timeout_seconds),
            )  # fmt: skip
        except urllib3.exceptions.HTTPError as error:
            reason = getattr(error, "reason", None) or error
            unreachable = EdgeUnreachable(
                f"{self.host or self.base_url} does not answer.",
                where=f"{method} {_without_query(path)} at {self.base_url}: {type(reason).__name__}",
            )
            unreachable.is_about_trust = isinstance(reason, urllib3.exceptions.SSLError)
            raise unreachable from error
        return Answer(
            method, _without_query(path), response.status, {k.lower(): v for k, v in response.headers.items()},
            response.data, time.monotonic() - begun,
        )  # fmt: skip


def anybody() -> str:
    """An address of a network that nobody has (RFC 3849), which the local edge takes for one of a country served."""
    return f"2001:db8:3:{secrets.token_hex(2)}::1"


def _without_query(path: str) -> str:
    """A presigned URL's query is a secret while it lasts."""
    return path.partition("?")[0]
