"""One RDS instance: its server, the door that asks its security groups, and what RDS does by itself.

creating ─▶ available ─▶ stopping ─▶ stopped ─▶ starting ─▶ available
              │  ▲                                   (and rebooting)
      a crash ▼  │ started again, at most 5 times in a row
           rebooting ─▶ failed, storage-full or incompatible-parameters: until it is started or rebooted by hand

What is done to an instance is done one after the other (`_lock`); its status is kept in moto's record, which answers
for it.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
import socket
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from opsctl.errors import OpsctlError
from opsctl.local.authority import Authority
from opsctl.local.child import Child
from opsctl.local.databases import journals, measures, settings
from opsctl.local.databases.package import obtain
from opsctl.local.databases.server import Login, Reason, Server, ServerDidNotStart, free_port
from opsctl.local.logs import Logs
from opsctl.local.metrics import Metrics
from opsctl.local.network import Address, Forwarder, Network, allows
from opsctl.local.tail import Tail

log = logging.getLogger("opsctl")

ENGINES = frozenset({"mysql", "mariadb"})
HEALTHY_SECONDS = 60.0
"""A server that lived this long did not die of its start."""
DELAYS = (0.0, 1.0, 2.0, 4.0, 8.0)
"""Seconds before each restart in a row; after the last one a person has to look."""
STOP_AT_END_SECONDS = 2.0
"""`local stop` waits 5 s for all of the cloud."""


class Cloud(Protocol):
    """What an instance uses of the cloud."""

    @property
    def work(self) -> Path: ...
    @property
    def authority(self) -> Authority: ...
    @property
    def metrics(self) -> Metrics: ...
    @property
    def logs(self) -> Logs: ...
    @property
    def network(self) -> Network: ...


Blocking = Callable[..., Awaitable[Any]]
"""Runs a function that blocks in a thread."""


def delay_before_restart(lives: Sequence[float]) -> float | None:
    """Seconds to wait before a server is started again; None: not at all.

    Args:
        lives: how long each life lasted, in seconds, the newest last.
    """
    short = 0
    for seconds in reversed(lives):
        if seconds >= HEALTHY_SECONDS:
            break
        short += 1
    return DELAYS[max(0, short - 1)] if short <= len(DELAYS) else None


def loopback_address(work: Path, name: str, port: int) -> str:
    """An address of 127.0.0.0/8 for a database, the same each time unless somebody listens there at `port`."""
    for attempt in range(20):
        digest = hashlib.sha256(f"{work}\0{name}\0{attempt}".encode()).digest()
        # Not 127.0.0.x, where everybody's servers are, and neither a network's first nor its last address.
        address = f"127.{1 + digest[0] % 254}.{digest[1]}.{1 + digest[2] % 254}"
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except OSError:
                continue
            return address
    raise OpsctlError(
        f"No loopback address is free at port {port}.", where=name,
        next=f"End what listens at port {port} of all addresses (another MySQL?), or give the database another port.",
    )  # fmt: skip


class Instance:
    """The process behind a record of moto's.

    Args:
        record: moto's DBInstance, with `loopback_address` set.
        blocking: runs what blocks in a thread.
    """

    def __init__(self, cloud: Cloud, account_id: str, region: str, record: Any, blocking: Blocking) -> None:
        self.record = record
        self.identifier: str = record.db_instance_identifier
        self._cloud, self._account_id, self._region = cloud, account_id, region
        self._blocking = blocking
        self._lock = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._lives: list[float] = []
        self._server: Server | None = None
        self._door: Forwarder | None = None
        self._door_port = 0
        self._group_name = ""
        self._applied: dict[str, str] = {}
        self._login: Login | None = None
        self._journals: list[tuple[str, Tail, Callable[[str], list[str]]]] = []
        self._sample: measures.Sample | None = None

    @property
    def folder(self) -> Path:
        return self._cloud.work / "databases" / self._account_id / self._region / self.identifier

    def begin(self, work: Callable[[Instance], Awaitable[None]]) -> asyncio.Task[None]:
        """Do something to the instance (`Instance.launch` …) after what is being done to it, without waiting."""

        async def one_at_a_time() -> None:
            async with self._lock:
                try:
                    await work(self)
                except Exception as error:
                    await self._close_door()
                    if self._server is not None:
                        await self._blocking(self._server.stop)
                    self.record.status = _status_for(error)
                    self._say(f"{self.identifier} is {self.record.status}: {error}")
                    log.exception("database %s", self.identifier)

        task = asyncio.create_task(one_at_a_time())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def launch(self) -> None:
        """Start the server, open the door: creating or starting → available."""
        self._lives = []
        if self._server is None:
            program = await self._blocking(obtain)
            address = self.record.loopback_address
            # The host name that AWS would give, too: OpenSSL takes a certificate's common name for one where there is
            # none, and an address is none that the authority may vouch for.
            names = (f"{self.identifier}.{self._region}.rds.amazonaws.com", address)
            # Not a unix socket: the server takes every connection by one for a secure one, and would let in by
            # the door who may only come with TLS.
            self._server = Server(
                self.folder, program, address=address, port=free_port(address),
                certificate=self._cloud.authority.issue(names),
            )  # fmt: skip
        await self._start(self._server)

    async def halt(self) -> None:
        """Stop the server: stopping → stopped. The door stays shut."""
        await self._close_door()
        if self._server is not None:
            await self._blocking(self._server.stop)
        self.record.status = "stopped"

    async def reboot(self) -> None:
        """Stop and start; settings that wait for a reboot are taken, and a new name."""
        await self.halt()
        self.record.status = "rebooting"
        if self.identifier != self.record.db_instance_identifier:
            old, self.identifier, self._server = self.folder, self.record.db_instance_identifier, None
            if old.exists():
                old.rename(self.folder)
        await self.launch()

    async def apply(self) -> None:
        """Take what was changed in the record or its parameter group, as far as that goes without a reboot."""
        if self._server is None or not self._server.running or self.record.status != "available":
            return  # the next start takes it
        try:
            login = _login_of(self.record)
            if login != self._login and login is not None:
                await self._blocking(self._server.set_master, login)
                self._login = login
            if self._door_port != self.record.port:
                await self._close_door()
                await self._open_door()
            await self._apply_parameters(self._server)
        except Exception as error:  # the server runs on as it was, or is started again with all of it
            self._say(f"a change could not be made: {error}")

    async def delete(self) -> None:
        """End it, and everything that it stored."""
        async with self._lock:
            await self._close_door()
            server, self._server = self._server, None  # its end is nothing to mend
            if server is not None:
                await self._blocking(server.remove)

    async def end(self) -> None:
        """The cloud stops: end the process, keep what it stored."""
        for task in self._tasks:
            task.cancel()
        await self._close_door()
        if self._server is not None:
            server, self._server = self._server, None
            await self._blocking(server.stop, STOP_AT_END_SECONDS)

    async def measure(self, at: float) -> None:
        """Publish what a look at the server shows."""
        if self._server is None or self.record.status != "available":
            self._sample = None
            return
        now = await self._blocking(measures.take, self._server, at)
        if now is None:
            return
        told = measures.values(
            self._sample, now, storage_bytes=int(self.record.allocated_storage) * 2**30, cpus=os.cpu_count() or 1
        )
        self._sample = now
        self._cloud.metrics.record_sets(
            [{"DBInstanceIdentifier": self.identifier}], account_id=self._account_id, region=self._region,
            namespace="AWS/RDS", values=told,
        )  # fmt: skip

    def publish_logs(self) -> None:
        """Write what the server logged since the last time to the groups that the instance exports to."""
        for kind, journal, events in self._journals:
            for event in events(journal.new_text()):
                self._write(kind, event)

    async def _start(self, server: Server) -> None:
        group = self.record.db_parameter_groups()[0]
        wanted = settings.of_group(group.parameters.values())
        server.parameters, refused = settings.usable(wanted)
        for sentence in refused:
            self._say(sentence)
        if not self._journals:
            self._journals = [
                ("error", Tail(server.error_log), journals.lines),
                ("slowquery", Tail(server.slow_log), journals.slow_statements),
            ]
        child: Child = await self._blocking(server.start)
        login = _login_of(self.record)
        if login is not None:
            await self._blocking(server.set_master, login)
        if self.record.db_name:
            await self._blocking(server.create_schema, self.record.db_name)
        self._login, self._group_name, self._applied = login, group.name, wanted
        self.record.parameter_status = "in-sync"
        await self._open_door()
        self.record.status = "available"
        watching = asyncio.create_task(self._watch(server, child))
        self._tasks.add(watching)
        watching.add_done_callback(self._tasks.discard)

    async def _watch(self, server: Server, child: Child) -> None:
        """Notice a death that nobody asked for, and start the server again, as RDS does."""
        loop = asyncio.get_running_loop()
        born = loop.time()
        status = await child.ended()
        if self._server is server and server.child is child and self.record.status == "available":
            self.record.status = "rebooting"
            self._say(f"the database server ended ({status}) by itself; it is started again")
            self._lives.append(loop.time() - born)
            self.begin(Instance._revive)

    async def _revive(self) -> None:
        """Raises: ServerDidNotStart, when it died or failed too often."""
        problem: OpsctlError = ServerDidNotStart("it died too often", self.folder / "error.log", "", Reason.FAILED)
        while (delay := delay_before_restart(self._lives)) is not None:
            await asyncio.sleep(delay)
            if self.record.status != "rebooting" or self._server is None:
                return
            try:
                await self._start(self._server)
                return
            except OpsctlError as error:
                self._lives.append(0.0)
                problem = error
        raise problem

    async def _apply_parameters(self, server: Server) -> None:
        group = self.record.db_parameter_groups()[0]
        if group.name != self._group_name:
            self.record.parameter_status = "pending-reboot"
            return
        wanted = settings.of_group(group.parameters.values())
        new, gone = settings.changed(self._applied, wanted)
        taken, refused = settings.usable(new)
        methods = {name: each.get("ApplyMethod", "immediate") for name, each in group.parameters.items()}
        if gone or any(methods.get(name) == "pending-reboot" for name in taken):
            self.record.parameter_status = "pending-reboot"
        for name, value in taken.items():
            if methods.get(name) == "pending-reboot":
                continue
            try:
                await self._blocking(server.query, f"SET GLOBAL `{name}` = {settings.literal(value)}")
            except Exception as error:  # the server's own words: unknown, read only, a value that it can't take
                refused.append(f"parameter {name} is not applied before a reboot: {error}")
                self.record.parameter_status = "pending-reboot"
            self._applied[name] = value
        for sentence in refused:
            self._say(sentence)

    async def _open_door(self) -> None:
        if self._door is None:
            door = Forwarder(self._admits, self._inside)
            await door.start(self.record.loopback_address, int(self.record.port))
            self._door, self._door_port = door, self.record.port

    async def _close_door(self) -> None:
        if self._door is not None:
            door, self._door = self._door, None
            await door.close()

    def _admits(self, peer: Address, local: Address) -> bool:
        network = self._cloud.network
        target = network.target(
            self._account_id, self._region, self.record.vpc_security_group_ids, _address_in_vpc(self.record)
        )
        return allows(network.source_of(peer, local), target, int(self.record.port))

    async def _inside(self) -> Address | None:
        """Where the server listens, while it is there."""
        server = self._server
        if server is None or not server.running:
            return None
        return server.address, server.port

    def _say(self, sentence: str) -> None:
        """Into the daemon's log, and the instance's error log as it is exported."""
        log.warning("database %s: %s", self.identifier, sentence)
        self._write("error", f"[RDS] {sentence}")

    def _write(self, kind: str, line: str) -> None:
        if kind in (self.record.enabled_cloudwatch_logs_exports or ()):
            group = f"/aws/rds/instance/{self.identifier}/{kind}"
            self._cloud.logs.write(self._account_id, self._region, group, self.identifier, line)


def _address_in_vpc(record: Any) -> str:
    """What rules by address see of it: an address of its first subnet (RDS tells nobody which it has)."""
    group = getattr(record, "db_subnet_group", None)
    return str(group._subnets[0].cidr[10]) if group is not None and group._subnets else str(record.loopback_address)


def _login_of(record: Any) -> Login | None:
    """The master user, by its managed secret or the password that was given."""
    if getattr(record, "manage_master_user_password", False):
        secret = json.loads(record.master_user_secret.secret.secret_string)
        return Login(secret["username"], secret["password"])
    password = getattr(record, "_master_user_password", None)  # moto's own attribute refuses to be read
    return Login(record.master_username, password) if password and record.master_username else None


def _status_for(error: Exception) -> str:
    """RDS's word for what keeps an instance from running."""
    if isinstance(error, ServerDidNotStart):
        return error.reason.value
    if isinstance(error, OSError):
        return "incompatible-network"
    return Reason.FAILED.value
