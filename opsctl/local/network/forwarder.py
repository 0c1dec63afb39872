"""A TCP listener that passes connections on: the data plane of load balancers, and the door of databases."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

Address = tuple[str, int]
Destination = Address | Path
"""Host and port, or a unix socket."""

BACKLOG = 1024
CONNECT_SECONDS = 5.0
CHOICES = 3
"""How often a target is chosen for one connection: one that refuses (its process has just ended) is passed over."""
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@dataclass
class Traffic:
    """What passed since the start.

    Attributes:
        flows: connections that were joined to a target.
        refused: connections that `admit` refused, that had no target, or whose target did not answer.
        bytes: both ways.
        client_resets, target_resets: connections that ended by a reset (RST) of that side.
    """

    flows: int = 0
    refused: int = 0
    bytes: int = 0
    client_resets: int = 0
    target_resets: int = 0


class Forwarder:
    """Listens, and joins each connection that is admitted to the target that is chosen for it.

    Args:
        admit: whether a connection, by its (peer, local) addresses, may be made; asked once, when it comes in.
        choose: where it goes to; None where there is nobody. A connection without a target is reset at once.
    """

    def __init__(
        self,
        admit: Callable[[Address, Address], bool],
        choose: Callable[[], Awaitable[Destination | None]],
    ) -> None:
        self.traffic = Traffic()
        self._admit, self._choose = admit, choose
        self._flows: dict[_Flow, Destination | None] = {}
        self._server: asyncio.Server | None = None
        self._idle = asyncio.Event()
        self._idle.set()

    async def start(self, host: str, port: int = 0) -> int:
        """Listen. Gives the port (a free one for 0).

        Raises:
            OSError: the address is taken or is not ours.
        """
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Flow(self).client, host, port, backlog=BACKLOG)
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self, drain_seconds: float = 0) -> None:
        """Take no more connections; reset those that are still open after `drain_seconds`."""
        if self._server is not None:
            self._server.close()
        if drain_seconds:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._idle.wait(), drain_seconds)
        for flow in list(self._flows):
            flow.reset()

    def active(self, target: Destination | None = None) -> int:
        """Open connections, to `target` or to all of them."""
        return len(self._flows) if target is None else sum(joined == target for joined in self._flows.values())

    def disconnect(self, target: Destination) -> int:
        """Reset the open connections to `target`. Gives how many there were."""
        flows = [flow for flow, joined in self._flows.items() if joined == target]
        for flow in flows:
            flow.reset()
        return len(flows)

    def _admits(self, transport: asyncio.Transport) -> bool:
        try:
            return self._admit(transport.get_extra_info("peername")[:2], transport.get_extra_info("sockname")[:2])
        except Exception:
            logging.getLogger("opsctl").exception("whether a connection may be made")
            return False

    def _opened(self, flow: _Flow) -> None:
        self._flows[flow] = None
        self._idle.clear()

    def _closed(self, flow: _Flow) -> None:
        self._flows.pop(flow, None)
        if not self._flows:
            self._idle.set()

    async def _join(self, flow: _Flow) -> None:
        try:
            for _ in range(CHOICES):
                target = await self._choose()
                if target is None or flow not in self._flows:
                    break
                self._flows[flow] = target
                with contextlib.suppress(ConnectionRefusedError):
                    await asyncio.wait_for(self._connect(flow, target), CONNECT_SECONDS)
                    self.traffic.flows += 1
                    flow.joined()
                    return
        except (OSError, TimeoutError):
            pass
        except Exception:
            logging.getLogger("opsctl").exception("where a connection goes to")
        self.traffic.refused += 1
        flow.reset()

    async def _connect(self, flow: _Flow, target: Destination) -> None:
        loop = asyncio.get_running_loop()
        if isinstance(target, Path):
            await loop.create_unix_connection(lambda: flow.target, str(target))
        else:
            await loop.create_connection(lambda: flow.target, *target)


class _Flow:
    """One connection: the client's side and the target's."""

    def __init__(self, forwarder: Forwarder) -> None:
        self.forwarder = forwarder
        self.client, self.target = _Side(self), _Side(self)
        self.client.other, self.target.other = self.target, self.client
        self._joining: asyncio.Task[None] | None = None

    def made(self, side: _Side, transport: asyncio.Transport) -> None:
        if side is self.target:
            if self not in self.forwarder._flows:  # it was reset meanwhile
                _reset(transport)
            return
        if not self.forwarder._admits(transport):
            self.forwarder.traffic.refused += 1
            _reset(transport)
            return
        transport.pause_reading()  # until there is somebody to hand it to
        self.forwarder._opened(self)
        self._joining = asyncio.get_running_loop().create_task(self.forwarder._join(self))

    def joined(self) -> None:
        if self.client.transport is not None and not self.client.transport.is_closing():
            self.client.transport.resume_reading()

    def lost(self, side: _Side, error: Exception | None) -> None:
        if error is not None:
            if side is self.client:
                self.forwarder.traffic.client_resets += 1
            else:
                self.forwarder.traffic.target_resets += 1
            self.reset()
        elif side.other.transport is not None:
            side.other.transport.close()  # once what it still has to send is sent
        if side is self.client or self.client.transport is None or self.client.transport.is_closing():
            self.forwarder._closed(self)

    def reset(self) -> None:
        for side in (self.client, self.target):
            if side.transport is not None and not side.transport.is_closing():
                _reset(side.transport)
        self.forwarder._closed(self)


class _Side(asyncio.Protocol):
    other: _Side

    def __init__(self, flow: _Flow) -> None:
        self._flow, self._traffic = flow, flow.forwarder.traffic
        self._ended = False
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # asyncio sets TCP_NODELAY itself on every TCP connection.
        self.transport = cast(asyncio.Transport, transport)
        self._flow.made(self, self.transport)

    def data_received(self, data: bytes) -> None:
        self._traffic.bytes += len(data)
        if self.other.transport is not None:
            self.other.transport.write(data)

    def eof_received(self) -> bool:
        """Hand a half-close on, and keep the other direction open until it ends, too."""
        self._ended = True
        if self.other.transport is not None and not self.other.transport.is_closing():
            self.other.transport.write_eof()
        return not self.other._ended

    def pause_writing(self) -> None:
        if self.other.transport is not None and not self.other.transport.is_closing():
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other.transport is not None and not self.other.transport.is_closing():
            self.other.transport.resume_reading()

    def connection_lost(self, error: Exception | None) -> None:
        self._flow.lost(self, error)


def _reset(transport: asyncio.Transport) -> None:
    """Close with RST, as a host does where nothing listens or a firewall rejects."""
    connection = transport.get_extra_info("socket")
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    transport.abort()
