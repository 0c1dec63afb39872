"""The forwarder between real sockets and processes."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from opsctl.local.network import OUTSIDE, Forwarder, Network, Rule, Source, Target, allows
from opsctl.local.network.forwarder import Address, Destination

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, 20))


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer only once the client has ended its half, as `nc` does."""
    writer.write(await reader.read())
    await writer.drain()
    writer.close()


@contextlib.asynccontextmanager
async def forwarding(
    serve: Serve, *, admit: Callable[[Address, Address], bool] = lambda *_: True
) -> AsyncIterator[tuple[Forwarder, int, Address]]:
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    target: Address = server.sockets[0].getsockname()[:2]

    async def choose() -> Destination:
        return target

    forwarder = Forwarder(admit, choose)
    port = await forwarder.start("127.0.0.1", 0)
    try:
        yield forwarder, port, target
    finally:
        await forwarder.close()
        server.close()


def test_a_half_closed_connection_still_gets_its_whole_answer() -> None:
    async def test() -> None:
        async with forwarding(echo) as (forwarder, port, _):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            sent = bytes(range(256)) * 40_000  # 10 MB: more than any buffer on the way
            writer.write(sent)
            writer.write_eof()
            assert await reader.read() == sent
            writer.close()
            await asyncio.wait_for(forwarder._idle.wait(), 5)
            assert (forwarder.traffic.flows, forwarder.traffic.bytes) == (1, 2 * len(sent))
            assert forwarder.active() == 0

    run(test())


def test_who_is_not_admitted_is_reset_and_never_reaches_the_target() -> None:
    reached = []

    async def note(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reached.append(1)
        writer.close()

    async def test() -> None:
        async with forwarding(note, admit=lambda *_: False) as (forwarder, port, _):
            reader, _ = await asyncio.open_connection("127.0.0.1", port)
            with pytest.raises(ConnectionResetError):
                await reader.readexactly(1)
            assert (forwarder.traffic.refused, reached) == (1, [])

    run(test())


def test_who_was_admitted_stays_connected_when_nobody_is_admitted_any_more() -> None:
    """Security groups track connections: a rule that goes refuses new ones and ends none (EC2 user guide)."""

    async def line_by_line(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(line)
        writer.close()

    async def test() -> None:
        admits = [True]
        async with forwarding(line_by_line, admit=lambda *_: admits[0]) as (_, port, _):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"before\n")
            assert await reader.readline() == b"before\n"
            admits[0] = False
            refused, _ = await asyncio.open_connection("127.0.0.1", port)
            with pytest.raises(ConnectionResetError):
                await refused.readexactly(1)
            writer.write(b"after\n")
            assert await reader.readline() == b"after\n"
            writer.close()

    run(test())


def test_a_connection_without_a_target_is_reset() -> None:
    async def nobody() -> None:
        return None

    async def test() -> None:
        forwarder = Forwarder(lambda *_: True, nobody)
        port = await forwarder.start("127.0.0.1", 0)
        reader, _ = await asyncio.open_connection("127.0.0.1", port)
        with pytest.raises(ConnectionResetError):
            await reader.readexactly(1)
        await forwarder.close()

    run(test())


def test_a_target_that_refuses_is_passed_over_for_the_next() -> None:
    async def test() -> None:
        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        with socket.socket() as unheard:
            unheard.bind(("127.0.0.1", 0))  # taken, and nobody listens
            targets = iter([unheard.getsockname(), server.sockets[0].getsockname()])

            async def choose() -> Destination:
                target: Address = next(targets)
                return target

            forwarder = Forwarder(lambda *_: True, choose)
            port = await forwarder.start("127.0.0.1", 0)
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"hello")
            writer.write_eof()
            assert await reader.read() == b"hello"
            assert (forwarder.traffic.flows, forwarder.traffic.refused) == (1, 0)
        await forwarder.close()
        server.close()

    run(test())


def test_draining_lets_an_open_request_finish_and_takes_no_new_one() -> None:
    async def test() -> None:
        asked, go = asyncio.Event(), asyncio.Event()

        async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readexactly(1)
            asked.set()
            await go.wait()
            writer.write(b"done")
            writer.close()

        async with forwarding(slow) as (forwarder, port, target):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"?")
            await asked.wait()
            closing = asyncio.create_task(forwarder.close(drain_seconds=15))
            await asyncio.sleep(0)
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection("127.0.0.1", port)
            assert forwarder.active(target) == 1
            go.set()
            assert await reader.read() == b"done"
            writer.close()
            await closing

    run(test())


def test_connections_to_a_target_that_leaves_are_reset() -> None:
    async def test() -> None:
        async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
            await reader.read()

        async with forwarding(silent) as (forwarder, port, target):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"?")
            while not forwarder.traffic.bytes:
                await asyncio.sleep(0.01)
            assert forwarder.disconnect(("127.0.0.1", 1)) == 0
            assert forwarder.disconnect(target) == 1
            with pytest.raises(ConnectionResetError):
                await reader.readexactly(1)

    run(test())


def test_a_unix_socket_can_be_a_target(tmp_path: Path) -> None:
    async def test() -> None:
        await asyncio.start_unix_server(echo, tmp_path / "socket")

        async def choose() -> Path:
            return tmp_path / "socket"

        forwarder = Forwarder(lambda *_: True, choose)
        port = await forwarder.start("127.0.0.1", 0)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"hello")
        writer.write_eof()
        assert await reader.read() == b"hello"
        await forwarder.close()

    run(test())


@pytest.mark.parametrize("family", ["AF_INET", "AF_INET6"], ids=["ipv4", "ipv4 by an ipv6 socket, as a JVM's"])
def test_a_connection_is_known_by_the_process_that_made_it(family: str) -> None:
    host = "127.0.0.1" if family == "AF_INET" else "::ffff:127.0.0.1"
    program = f"import socket; s=socket.socket(socket.{family}); s.connect(({host!r}, {{port}})); s.recv(1)"
    listener = socket.create_server(("127.0.0.1", 0))
    process = subprocess.Popen([sys.executable, "-c", program.format(port=listener.getsockname()[1])])
    try:
        connection, peer = listener.accept()
        service = Source("10.0.0.4", frozenset({"sg-service"}), (Rule("-1", networks=("0.0.0.0/0",)),))
        database = Target("10.0.1.4", frozenset({"sg-database"}), (Rule("tcp", group="sg-service"),))
        network = Network()
        assert network.source_of(peer, connection.getsockname()) == OUTSIDE
        network.adopt(process.pid, lambda: service)
        source = network.source_of(peer, connection.getsockname())
        assert allows(source, database, 3306)
        network.release(process.pid)
        assert not allows(network.source_of(peer, connection.getsockname()), database, 3306)
        connection.close()
    finally:
        process.kill()
        process.wait()
        listener.close()
