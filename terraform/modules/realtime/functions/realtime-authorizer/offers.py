"""What a client offers in Sec-WebSocket-Protocol: our protocol, and its token. No AWS here.

A browser's WebSocket can send no header of its own, and what stands in an address is logged by everybody on the way. A
subprotocol is the one thing that it may choose: `new WebSocket(url, ["opsctl.v1", "bearer.<token>"])`. A JSON Web Token
(RFC 7515, compact) has only characters that a subprotocol may have (RFC 6455 section 4.1: a token of RFC 9110).
"""

from __future__ import annotations

from collections.abc import Mapping

HEADER = "sec-websocket-protocol"
PROTOCOL = "opsctl.v1"
BEARER = "bearer."


def token_in(headers: Mapping[str, str]) -> str:
    """The token that a handshake offers; "" where it offers none, two, or not our protocol."""
    value = next((value for name, value in headers.items() if name.lower() == HEADER), "")
    offered = [protocol.strip() for protocol in value.split(",")]
    tokens = [protocol.removeprefix(BEARER) for protocol in offered if protocol.startswith(BEARER)]
    return tokens[0] if len(tokens) == 1 and PROTOCOL in offered else ""
