"""Start, stop and watch the local cloud's process.

What is known about it lies in `<work>/cloud.json`, written before the process is healthy and removed when it was
stopped in order: a record without a process means that it died. All processes of the cloud carry the work folder in
their environment, so that none is forgotten, even when the daemon was killed and could not end its children.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any

from opsctl import proc, processes
from opsctl.clock import Clock, SystemClock
from opsctl.errors import OpsctlError, UsageError
from opsctl.files import write_atomically

USUAL_PORT = 4566
ANSWER_SECONDS = 15.0
"""A daemon on a machine that is busy with tests was seen to take more than 2 s for its first word."""
START_SECONDS = 30.0
"""How long a start may take on a busy machine. A quiet one needs 2 to 3 s."""
STOP_SECONDS = 5.0
MARK = "OPSCTL_LOCAL_CLOUD"
"""Environment variable of every process of a cloud; its value is the work folder."""
LOG_BYTES = 20_000_000


class State(Enum):
    """How the cloud is. DIED: it was started, not stopped, and is gone; SILENT: it is there and does not answer."""

    RUNNING = "running"
    SILENT = "silent"
    STOPPED = "stopped"
    DIED = "died"


@dataclass(frozen=True)
class Running:
    """A cloud that answers.

    Attributes:
        incarnation: new at each start; everything but the state bucket is lost between two.
        edge_port: where viewers connect by TLS; `authority_file` is what they are told to trust.
        started_now: False when it was running already.
        seconds: how long the start took.
    """

    pid: int
    port: int
    incarnation: str
    started_at: datetime
    edge_port: int = 0
    authority_file: Path = Path()
    started_now: bool = False
    seconds: float = 0.0

    @property
    def endpoint_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@dataclass(frozen=True)
class Status:
    """What is known now. `running` is there in state RUNNING only; memory is resident, in MB (10^6 bytes)."""

    state: State
    running: Running | None = None
    pid: int | None = None
    port: int | None = None
    daemon_mb: float = 0.0
    workers_mb: float = 0.0
    workers: int = 0


@dataclass(frozen=True)
class PortTaken:
    """Something else listens on the usual port; `chosen` is used."""

    wanted: int
    chosen: int


@dataclass(frozen=True)
class Starting:
    port: int


@dataclass(frozen=True)
class Started:
    running: Running


@dataclass(frozen=True)
class Stopped:
    """What `stop` ended: processes in all (0: there was nothing), and whether any had to be killed."""

    processes: int
    killed: int = 0


Event = PortTaken | Starting | Started
Listener = Callable[[Event], None]


class NotInstalled(OpsctlError):
    def __init__(self) -> None:
        super().__init__("The local cloud's emulators are not installed.", next="pip install 'opsctl[local]'")


class CloudDidNotStart(OpsctlError):
    """The daemon ended or stayed silent. `where` is its log; the last lines are in `what`."""

    def __init__(self, why: str, log: Path, tail: str) -> None:
        super().__init__(
            f"The local cloud did not start: {why}." + (f"\n{tail}" if tail else ""),
            where=str(log),
            next="opsctl doctor checks what it needs; opsctl local logs shows more.",
        )


class _Gone(CloudDidNotStart):
    """Its process ended while we waited for it."""


@dataclass(frozen=True)
class _Record:
    """The content of cloud.json. `process_started` guards against a pid that was given to another process."""

    pid: int
    process_started: str
    port: int
    account_id: str
    region: str
    incarnation: str = ""


class LocalCloud:
    """The local cloud of one project.

    Args:
        work: its folder; also what tells two clouds on one machine apart.
        account_id, region: the account of requests without one of their own, and the default region.
    """

    def __init__(self, work: Path, account_id: str, region: str, *, clock: Clock | None = None) -> None:
        self.work = work.resolve()
        self._account_id, self._region = account_id, region
        self._clock = clock or SystemClock()
        self._record_file = self.work / "cloud.json"
        self.log_file = self.work / "log" / "daemon.log"

    @property
    def state_folder(self) -> Path:
        """What survives a restart: the state bucket."""
        return self.work / "state"

    @property
    def databases_folder(self) -> Path:
        """What else survives one: the databases' storage."""
        return self.work / "databases"

    def start(self, *, on_event: Listener = lambda _: None) -> Running:
        """Have a cloud that answers; one that runs already is left as it is.

        Raises:
            NotInstalled: the extra `local` is missing.
            UsageError: OPSCTL_LOCAL_PORT is not a port.
            CloudDidNotStart: with the last lines of its log.
        """
        with self._lock():
            status = self.status()
            if status.running:
                return status.running
            record = self._record()
            if status.state is State.SILENT and record:
                with contextlib.suppress(_Gone):
                    return self._wait_until_healthy(record, lambda: None if _is_same_process(record) else "gone")
            if not all(map(importlib.util.find_spec, ("ministack", "moto", "hypercorn"))):
                raise NotInstalled
            self._end_processes()
            begin = self._clock.monotonic()
            port = self._free_port(on_event)
            try:
                found = self._start_at(port, on_event)
            except CloudDidNotStart:
                # Another cloud may have taken the port between our look and the daemon's bind.
                if (other := self._free_port(on_event)) == port:
                    raise
                found = self._start_at(other, on_event)
            running = replace(found, started_now=True, seconds=self._clock.monotonic() - begin)
            on_event(Started(running))
            return running

    def stop(self) -> Stopped:
        """End every process of this cloud, in order first. Safe when nothing runs."""
        with self._lock():
            stopped = self._end_processes()
            self._record_file.unlink(missing_ok=True)
            return stopped

    def reset(self) -> Path | None:
        """Stop, and set the kept states and databases aside, so that the next start begins empty.

        Returns:
            The folder with the old states (and, where there were any, databases); None when there was nothing.
        """
        with self._lock():
            self._end_processes()
            self._record_file.unlink(missing_ok=True)
            kept = [folder for folder in (self.state_folder, self.databases_folder) if folder.exists()]
            if not kept:
                return None
            archive = self.work / f"before-{self._clock.now():%Y%m%dT%H%M%S%fZ}"
            archive.mkdir()
            for folder in kept:
                folder.rename(archive / folder.name)
            return archive

    def status(self) -> Status:
        """How the cloud is, without changing anything."""
        record = self._record()
        alive = record is not None and _is_same_process(record)
        if record is None or not alive:
            return Status(State.DIED if record else State.STOPPED)
        workers = [pid for pid in self._pids() if pid != record.pid]
        running = _ask(record)
        return Status(
            state=State.RUNNING if running else State.SILENT,
            running=running,
            pid=record.pid,
            port=record.port,
            daemon_mb=_resident_mb(record.pid),
            workers_mb=sum(map(_resident_mb, workers)),
            workers=len(workers),
        )

    def logs(self, lines: int = 100) -> str:
        """The last lines of the daemon's log; empty when it never ran."""
        try:
            with open(self.log_file, "rb") as file:
                file.seek(max(0, self.log_file.stat().st_size - lines * 500))
                text = file.read().decode("utf-8", "replace")
        except FileNotFoundError:
            return ""
        return "\n".join(text.splitlines()[-lines:])

    def _start_at(self, port: int, on_event: Listener) -> Running:
        on_event(Starting(port))
        process = self._start_daemon(port)
        record = _Record(
            pid=process.pid, process_started=_process_started(process.pid), port=port,
            account_id=self._account_id, region=self._region,
        )  # fmt: skip
        self._write(record)
        try:
            return self._wait_until_healthy(record, process.poll)
        except BaseException:
            self._end_processes()
            self._record_file.unlink(missing_ok=True)
            raise

    def _start_daemon(self, port: int) -> subprocess.Popen[bytes]:
        if self.log_file.exists() and self.log_file.stat().st_size > LOG_BYTES:
            self.log_file.replace(self.log_file.with_suffix(".log.1"))
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return processes.start(
            [sys.executable, "-m", "opsctl.local.daemon", "--port", str(port), "--account", self._account_id,
             "--region", self._region, "--work", self.work],
            env=inherited | {MARK: str(self.work)}, cwd=self.work, output=self.log_file,
        )  # fmt: skip

    def _wait_until_healthy(self, record: _Record, ended: Callable[[], object]) -> Running:
        """Until it answers. `ended` gives its exit status once it has one.

        Raises:
            CloudDidNotStart: it ended (`_Gone`), or gave no answer in START_SECONDS.
        """
        deadline = self._clock.monotonic() + START_SECONDS
        while self._clock.monotonic() < deadline:
            running = _ask(record)
            if running:
                self._write(replace(record, incarnation=running.incarnation))
                return running
            if (status := ended()) is not None:
                raise _Gone(f"its process ended ({status})", self.log_file, self.logs(15))
            self._clock.sleep(0.05)
        raise CloudDidNotStart(
            f"port {record.port} gave no answer in {START_SECONDS:g} s", self.log_file, self.logs(15)
        )

    def _free_port(self, on_event: Listener) -> int:
        setting = os.environ.get("OPSCTL_LOCAL_PORT") or str(USUAL_PORT)
        if not (setting.isdecimal() and int(setting) < 65536):
            raise UsageError(f"OPSCTL_LOCAL_PORT must be a port, 0 (any) to 65535; it is {setting!r}.")
        wanted = int(setting)
        with socket.socket() as probe:
            # As the server does: an old connection that lingers does not take the port.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", wanted))
            except OSError:
                probe.bind(("127.0.0.1", 0))
            chosen = int(probe.getsockname()[1])
        if wanted not in (0, chosen):
            on_event(PortTaken(wanted, chosen))
        return chosen

    def _end_processes(self) -> Stopped:
        """SIGTERM for the daemon, then for what is left, then SIGKILL."""
        everyone = self._pids()
        record = self._record()
        if record and record.pid in everyone:
            self._signal([record.pid], signal.SIGTERM)
            self._wait_until_gone(lambda: processes.is_alive(record.pid))
        if left := self._pids():
            self._signal(left, signal.SIGTERM)
            self._wait_until_gone(lambda: bool(self._pids()))
        killed = self._pids()
        self._signal(killed, signal.SIGKILL)
        self._wait_until_gone(lambda: bool(self._pids()))
        return Stopped(len(everyone), len(killed))

    def _wait_until_gone(self, still_there: Callable[[], bool]) -> None:
        deadline = self._clock.monotonic() + STOP_SECONDS
        while still_there() and self._clock.monotonic() < deadline:
            self._clock.sleep(0.02)

    @staticmethod
    def _signal(pids: list[int], number: signal.Signals) -> None:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def _pids(self) -> list[int]:
        """Every living process that carries this cloud's mark, the daemon among them."""
        mark = f"{MARK}={self.work}".encode()
        found = []
        for entry in Path("/proc").iterdir() if Path("/proc/self/environ").exists() else ():
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                with contextlib.suppress(OSError):
                    if mark in (entry / "environ").read_bytes().split(b"\0") and processes.is_alive(int(entry.name)):
                        found.append(int(entry.name))
        record = self._record()
        if record and record.pid not in found and _is_same_process(record):
            found.append(record.pid)
        return found

    def _record(self) -> _Record | None:
        try:
            return _Record(**json.loads(self._record_file.read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def _write(self, record: _Record) -> None:
        write_atomically(self._record_file, json.dumps(asdict(record), indent=2) + "\n")

    @contextlib.contextmanager
    def _lock(self) -> Iterator[None]:
        self.work.mkdir(parents=True, exist_ok=True)
        with open(self.work / "lock", "w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _ask(record: _Record) -> Running | None:
    """What the daemon says of itself; None when it does not answer, or when somebody else answers on its port."""
    try:
        # Loopback, whatever proxy the caller's environment names.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"http://127.0.0.1:{record.port}/_opsctl/status", timeout=ANSWER_SECONDS) as answer:
            said: dict[str, Any] = json.load(answer)
        if said["pid"] != record.pid:
            return None
        return Running(
            pid=said["pid"], port=said["port"], incarnation=said["incarnation"],
            started_at=datetime.fromisoformat(said["started_at"]).astimezone(UTC),
            edge_port=said["edge_port"], authority_file=Path(said["authority_file"]),
        )  # fmt: skip
    except (OSError, ValueError, KeyError):
        return None


def _process_started(pid: int) -> str:
    """When the kernel started a process (ticks since boot, field 22 of /proc/PID/stat); empty without /proc."""
    try:
        return proc.stat_fields(pid)[proc.START_TICKS]
    except (OSError, IndexError):
        return ""


def _is_same_process(record: _Record) -> bool:
    return processes.is_alive(record.pid) and _process_started(record.pid) == record.process_started


def _resident_mb(pid: int) -> float:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
