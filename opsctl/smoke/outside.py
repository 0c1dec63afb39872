"""Aim at an address from outside: what a person writes on the command line, as a target."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

from opsctl.errors import UsageError
from opsctl.smoke.edge import EdgeUnreachable
from opsctl.smoke.target import SmokeTarget

CONNECT_TO = re.compile(r"(?:(?P<port>\d{1,5}):)?(?P<address>(?:\[[0-9A-Fa-f:.]+\]|[\w.-]+):\d{1,5})")


class BadAddress(UsageError):
    """What was said about the address can't be used."""


def aim(url: str, *, connect_to: Iterable[str] = (), authority_file: Path | None = None) -> SmokeTarget:
    """Aim at a URL.

    Args:
        connect_to: `ADDRESS:PORT` for TLS, `80:ADDRESS:PORT` for what answers without it.
        authority_file: PEM of the authority to trust instead of the system's.

    Raises:
        BadAddress: something of it makes no sense.
        EdgeUnreachable: nobody answers there.
    """
    port = _port_of(url)
    _require_authority(authority_file)
    over = {}
    for text in connect_to:
        found = CONNECT_TO.fullmatch(text)
        if not found:
            raise BadAddress(
                f"--connect-to {text!r} is not ADDRESS:PORT.", next="Such as 127.0.0.1:4443, or 80:127.0.0.1:4566."
            )
        over[int(found["port"] or port)] = found["address"]
    try:
        return SmokeTarget.from_outside(url, connect_to=over, authority_file=authority_file)
    except EdgeUnreachable as error:
        raise EdgeUnreachable(
            error.what, where=error.where,
            next="Is the address right? A local cloud's takes --connect-to ADDRESS:PORT and --cacert FILE.",
        ) from error  # fmt: skip


def _port_of(url: str) -> int:
    """The port of an https URL.

    Raises:
        BadAddress: it is none.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or 443
    except ValueError as error:
        raise BadAddress(f"{url!r} is no URL: {error}.", next="--url https://photos.example.com") from error
    if parts.scheme != "https" or not re.fullmatch(r"[\w.-]+", parts.hostname or "") or "@" in parts.netloc:
        raise BadAddress(f"{url!r} is not the address of an edge.", next="--url https://photos.example.com")
    if parts.path not in ("", "/") or parts.query:
        raise BadAddress(f"{url!r} has a path; the checks know their own.", next=f"--url https://{parts.netloc}")
    return port


def _require_authority(file: Path | None) -> None:
    if file is None:
        return
    try:
        ssl.create_default_context(cafile=str(file))
    except (OSError, ssl.SSLError) as error:
        why = error.strerror if isinstance(error, FileNotFoundError) else "it holds no certificate"
        raise BadAddress(f"--cacert {file} can't be used: {why}.", next="Name a PEM file.") from error
