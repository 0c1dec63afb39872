"""What the edge says before it says HTTP: which versions of TLS it speaks, and with which certificate."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from opsctl.smoke.target import SmokeTarget

TIMEOUT_SECONDS = 10.0


def speaks(target: SmokeTarget, version: ssl.TLSVersion) -> bool:
    """Whether the edge agrees on exactly this version. Whoever answers will do: nobody is trusted with anything.

    Raises:
        OSError: nobody answers at all.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")  # else OpenSSL refuses the old versions itself, and we would prove nothing
    context.minimum_version = context.maximum_version = version
    with _connect(target) as connection:
        try:
            with context.wrap_socket(connection, server_hostname=target.domain):
                return True
        except (ssl.SSLError, ConnectionError):
            return False


def certificate(target: SmokeTarget) -> Mapping[str, Any]:
    """The edge's certificate (as ssl.getpeercert), once its chain, its dates and its name have been found good.

    Raises:
        ssl.SSLCertVerificationError: they are not; `verify_message` says which.
        OSError: nobody answers at all.
    """
    context = ssl.create_default_context(cafile=str(target.authority_file) if target.authority_file else None)
    with (
        _connect(target) as connection,
        context.wrap_socket(connection, server_hostname=target.domain) as secured,
    ):
        return secured.getpeercert() or {}


def _connect(target: SmokeTarget) -> socket.socket:
    where = urlsplit(target.base_url)
    return socket.create_connection((where.hostname or "", where.port or 443), timeout=TIMEOUT_SECONDS)
