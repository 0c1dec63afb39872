"""One MariaDB process and its data folder.

    server = Server(folder, obtain(), address="127.1.2.3", port=3307)
    server.start()      # makes the data folder when there is none; returns when the server answers
    server.set_master("master", password); server.create_schema("orders")
    server.stop()

Everything here blocks; the daemon calls it in threads. Whoever owns the process speaks to it as root through a unix
socket in the data folder (0700), where no password is asked; nobody else can come that way, and root can't sign in
by TCP.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import signal
import socket
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opsctl import processes
from opsctl.clock import Clock, SystemClock
from opsctl.errors import OpsctlError
from opsctl.files import disk_errors, write_atomically
from opsctl.local.authority import Authority
from opsctl.local.child import Child
from opsctl.local.databases.package import Program, obtain
from opsctl.local.databases.settings import option_file

if TYPE_CHECKING:
    from pymysql.connections import Connection

START_SECONDS = 60.0
"""Recovery after a crash included; an undisturbed start takes 1 s on 2 cores."""
STOP_SECONDS = 10.0
LOG_BYTES = 10_000_000

MASTER_PRIVILEGES = (
    "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, RELOAD, PROCESS, REFERENCES, INDEX, ALTER, SHOW DATABASES, "
    "CREATE TEMPORARY TABLES, LOCK TABLES, EXECUTE, CREATE VIEW, SHOW VIEW, CREATE ROUTINE, ALTER ROUTINE, "
    "CREATE USER, EVENT, TRIGGER"
)
"""Source: Amazon RDS user guide, "Master user account privileges", MySQL; without replication and roles.
https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.MasterAccounts.html"""

ONLY_ROOT_BY_SOCKET = (
    "DELETE FROM mysql.global_priv WHERE NOT (Host = 'localhost' AND User IN ('root', 'mariadb.sys'));\n"
    "FLUSH PRIVILEGES;\n"
)
NO_SPACE = re.compile(r"No space left|errno: 28|error 28|Disk is full|Disk full", re.IGNORECASE)
BAD_VALUE = re.compile(r"Error while setting value '")
BAD_SETTING = re.compile(
    rf"{BAD_VALUE.pattern}|unknown (collation|character set)|innodb_\w+.* (too small|must be)", re.IGNORECASE
)


class Reason(Enum):
    """Why a server did not start, in RDS's words for an instance's status."""

    STORAGE_FULL = "storage-full"
    PARAMETERS = "incompatible-parameters"
    FAILED = "failed"


class ServerDidNotStart(OpsctlError):
    """`where` is its error log; its last lines are in `what`."""

    def __init__(self, why: str, log: Path, said: str, reason: Reason) -> None:
        super().__init__(f"The database server did not start: {why}." + (f"\n{said}" if said else ""), where=str(log))
        self.reason = reason


@dataclass(frozen=True)
class Login:
    user: str
    password: str


class Server:
    """A MariaDB server that owns `folder`.

    Args:
        folder: made when it isn't there (0700); what is in it is kept.
        address, port: where it listens for TCP (plain and TLS).
        parameters: name → value, as a parameter group has them; taken at the next start.
        certificate: certificate chain and key (PEM); without one it makes its own at each start, which takes 10 s.
    """

    def __init__(
        self, folder: Path, program: Program, *, address: str = "127.0.0.1", port: int,
        parameters: Mapping[str, str] | None = None, certificate: tuple[Path, Path] | None = None,
        clock: Clock | None = None,
    ) -> None:  # fmt: skip
        self.folder, self.program = folder, program
        self.address, self.port = address, port
        self.parameters = dict(parameters or {})
        self.certificate = certificate
        self.child: Child | None = None
        self._clock = clock or SystemClock()

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def error_log(self) -> Path:
        return self.folder / "error.log"

    @property
    def slow_log(self) -> Path:
        return self.data / "slow.log"

    @property
    def running(self) -> bool:
        return self.child is not None and self.child.status is None

    def start(self) -> Child:
        """Start it, and wait until it answers.

        Raises:
            ServerDidNotStart: with RDS's word for the reason; nothing is left running.
        """
        assert not self.running
        self._prepare()
        options = self.folder / "server.cnf"
        write_atomically(options, self._options(self.parameters, self.data), mode=0o600)
        for log in (self.error_log, self.slow_log):
            if log.exists() and log.stat().st_size > LOG_BYTES:
                log.replace(log.with_suffix(".log.1"))
        before = self.error_log.stat().st_size if self.error_log.exists() else 0
        self.child = Child(
            [self.program.server, f"--defaults-file={options}"],
            environment={**os.environ, **self.program.environment}, folder=self.data, log=self.error_log,
        )  # fmt: skip
        deadline = self._clock.monotonic() + START_SECONDS
        while self._clock.monotonic() < deadline:
            if (status := self.child.status) is not None:
                raise self._did_not_start(f"its process ended ({status})", before)
            if self._answers():
                if BAD_VALUE.search(self._said(before)):  # it would go on with another value
                    self.stop()
                    raise self._did_not_start("a setting has a value that it can't take", before)
                return self.child
            self._clock.sleep(0.05)
        self.stop(0)
        raise self._did_not_start(f"no answer in {START_SECONDS:g} s", before)

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """End it in order, or kill it after `seconds`: what was acknowledged is on disk either way."""
        if self.child is None:
            return
        self.child.signal(signal.SIGTERM if seconds else signal.SIGKILL)
        deadline = self._clock.monotonic() + seconds
        while self.running and self._clock.monotonic() < deadline:
            self._clock.sleep(0.02)
        self.child.signal(signal.SIGKILL)
        while self.running:
            self._clock.sleep(0.01)

    def remove(self) -> None:
        """Stop it, and delete everything that it stored."""
        self.stop(0)
        shutil.rmtree(self.folder, ignore_errors=True)

    @contextlib.contextmanager
    def as_root(self) -> Iterator[Connection[Any]]:
        """A connection as root, through the unix socket. Raises pymysql's errors."""
        import pymysql

        # A unix socket's path may have 107 bytes at most; the data folder's own may be longer.
        folder = os.open(self.data, os.O_PATH | os.O_DIRECTORY)
        try:
            connection = pymysql.connect(
                unix_socket=f"/proc/self/fd/{folder}/server.sock", user="root", autocommit=True,
                connect_timeout=5, read_timeout=60, ssl_disabled=True,
            )  # fmt: skip
        finally:
            os.close(folder)
        try:
            yield connection
        finally:
            connection.close()

    def query(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """All rows of one statement, as root."""
        with self.as_root() as connection, connection.cursor() as cursor:
            cursor.execute(sql, tuple(values) or None)
            return list(cursor.fetchall())

    def set_master(self, login: Login) -> None:
        """Have a master user with this password and RDS's privileges; idempotent."""
        with self.as_root() as connection, connection.cursor() as cursor:
            account = (login.user, login.password)
            cursor.execute("CREATE USER IF NOT EXISTS %s@'%%' IDENTIFIED BY %s", account)
            cursor.execute("ALTER USER %s@'%%' IDENTIFIED BY %s", account)
            cursor.execute(f"GRANT {MASTER_PRIVILEGES} ON *.* TO %s@'%%' WITH GRANT OPTION", (login.user,))

    def create_schema(self, name: str) -> None:
        """Have a schema; one that is there is left as it is."""
        self.query(f"CREATE DATABASE IF NOT EXISTS `{name.replace('`', '``')}`")

    def _prepare(self) -> None:
        if (self.data / "mysql").is_dir():
            return
        with disk_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            self.folder.chmod(0o700)
            fresh = self.folder / "data.new"
            shutil.rmtree(fresh, ignore_errors=True)
            write_atomically(self.folder / "install.cnf", self._options({}, fresh), mode=0o600)
        self._install(fresh)
        fresh.rename(self.data)

    def _install(self, data: Path) -> None:
        options = f"--defaults-file={self.folder / 'install.cnf'}"
        steps: tuple[tuple[list[str | Path], str | None], ...] = (
            ([self.program.installer, options, "--auth-root-authentication-method=normal", "--skip-test-db"], None),
            # Its root accounts for TCP have no password.
            ([self.program.server, options, "--bootstrap", "--skip-grant-tables"], ONLY_ROOT_BY_SOCKET),
        )
        for argv, stdin in steps:
            done = processes.run(
                argv, env={**os.environ, **self.program.environment}, cwd=self.folder, stdin=stdin,
                timeout_seconds=START_SECONDS,
            )  # fmt: skip
            if done.status:
                said = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
                shutil.rmtree(data, ignore_errors=True)
                raise ServerDidNotStart("its data folder could not be made", self.folder, said, reason_of(said))

    def _options(self, parameters: Mapping[str, str], data: Path) -> str:
        return option_file(
            parameters, data=data, address=self.address, port=self.port, certificate=self.certificate,
            base=self.program.base, as_root=os.geteuid() == 0,
        )  # fmt: skip

    def _answers(self) -> bool:
        import pymysql

        try:
            return self.query("SELECT 1") == [(1,)]
        except (OSError, pymysql.Error):
            return False

    def _said(self, log_start: int) -> str:
        with open(self.error_log, "rb") as file:
            file.seek(log_start)
            return file.read(1_000_000).decode("utf-8", "replace")

    def _did_not_start(self, why: str, log_start: int) -> ServerDidNotStart:
        said = self._said(log_start)
        return ServerDidNotStart(why, self.error_log, "\n".join(said.splitlines()[-15:]), reason_of(said))


def reason_of(said: str) -> Reason:
    """Why a server did not start, by what it said."""
    if NO_SPACE.search(said):
        return Reason.STORAGE_FULL
    return Reason.PARAMETERS if BAD_SETTING.search(said) else Reason.FAILED


def free_port(address: str) -> int:
    """A port that nobody listens at just now."""
    with socket.socket() as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class ThrowAway:
    """A server for a test: schema `name`, master user `login`, TLS by the authority in `authority_file` (PEM)."""

    server: Server
    name: str
    login: Login
    authority_file: Path

    @property
    def jdbc_url(self) -> str:
        return f"jdbc:mysql://{self.server.address}:{self.server.port}/{self.name}"


@contextlib.contextmanager
def throw_away(folder: Path, *, name: str = "orders", cache: Path | None = None) -> Iterator[ThrowAway]:
    """A MariaDB without a cloud, for as long as the block runs.

    Args:
        folder: for its data; removed at the end.
        cache: opsctl's cache folder when it isn't the user's own.
    """
    authority = Authority(folder / "authority")
    certificate = authority.issue(("127.0.0.1", "localhost"))
    server = Server(folder, obtain(cache), port=free_port("127.0.0.1"), certificate=certificate)
    login = Login("master", secrets.token_urlsafe(18))
    try:
        server.start()
        server.create_schema(name)
        server.set_master(login)
        yield ThrowAway(server, name, login, authority.certificate_file)
    finally:
        server.remove()
