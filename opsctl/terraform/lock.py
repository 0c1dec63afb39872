"""One opsctl at a time in an environment's work folder, and who it is.

The lock is an flock: the system drops it when its holder dies, so it can't be left behind. Terraform's own lock on the
state keeps other machines out.
"""

from __future__ import annotations

import contextlib
import fcntl
import getpass
import json
import os
import socket
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from opsctl.clock import Clock, SystemClock
from opsctl.errors import Locked
from opsctl.files import disk_errors
from opsctl.processes import is_alive


@dataclass(frozen=True)
class Holder:
    """Who holds a lock. `since` is UTC, ISO 8601."""

    who: str
    host: str
    pid: int
    command: str
    since: str

    @property
    def is_alive(self) -> bool | None:
        """Whether its process still runs; None on another host."""
        return is_alive(self.pid) if self.host == socket.gethostname() else None


class LockHeld(Locked):
    """Another opsctl works on the same environment. `holder` is None if it could not be read."""

    def __init__(self, folder: Path, holder: Holder | None) -> None:
        self.holder = holder
        if holder is None:
            super().__init__(f"{folder.name} is locked by another opsctl.", next="Wait for it to end.")
            return
        life = "still running" if holder.is_alive else "gone, but what it started is still at work"
        super().__init__(
            f"{folder.name} is locked by {holder.who} since {holder.since[11:16]} UTC ({holder.command}).",
            where=f"{holder.host}, process {holder.pid}: {life}",
            next="Wait for it to end, or interrupt it (Ctrl-C there).",
        )


class _Held(threading.local):
    """Lock files that this thread holds, each with its open handle."""

    def __init__(self) -> None:
        self.files: dict[Path, int] = {}


_held = _Held()


@contextlib.contextmanager
def exclusive(
    file: Path, *, command: str, wait_seconds: float = 0, clock: Clock | None = None, again: bool = True
) -> Iterator[int]:
    """Hold `file`'s lock. The thread that has it may take it again (`up` holds it around plan and apply).

    The value is the open file: a child that keeps it (`processes.start`) holds the lock on after our death.

    Args:
        wait_seconds: how long to wait for another to let go.
        again: False refuses also the thread that has it.

    Raises:
        LockHeld: somebody else holds it; the error says who.
    """
    file = file.resolve()
    held = _held.files
    if again and file in held:
        yield held[file]
        return
    clock = clock or SystemClock()
    with disk_errors(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _take(handle, file, clock.monotonic() + wait_seconds, clock)
        holder = Holder(user(), socket.gethostname(), os.getpid(), command, clock.now().isoformat(timespec="seconds"))
        with disk_errors(file):
            os.ftruncate(handle, 0)
            os.pwrite(handle, json.dumps(asdict(holder)).encode(), 0)
        held[file] = handle
        try:
            yield handle
        finally:
            del held[file]
            os.ftruncate(handle, 0)
            # Closing is not enough where a grandchild still has the file.
            fcntl.flock(handle, fcntl.LOCK_UN)
    finally:
        os.close(handle)


def _take(handle: int, file: Path, deadline: float, clock: Clock) -> None:
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if clock.monotonic() >= deadline:
                raise LockHeld(file.parent, holder_of(file)) from None
            clock.sleep(0.2)


def holder_of(file: Path) -> Holder | None:
    """Who wrote the lock file last; None if nobody holds it or it can't be read."""
    try:
        return Holder(**json.loads(file.read_text()))
    except (OSError, ValueError, TypeError):
        return None


def user() -> str:
    """Name of the user that runs us."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
