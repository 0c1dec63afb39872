"""A record of the Terraform that runs now, so that it can be found again after our own death (SIGKILL, power)."""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from opsctl import proc
from opsctl.files import write_atomically
from opsctl.processes import is_alive

FILE_NAME = "run.json"


@dataclass(frozen=True)
class Run:
    """A Terraform process.

    Attributes:
        started_ticks: start time of the process in clock ticks since boot, which tells it from a later process with
            the same id; 0 where the system has no /proc.
        started_at: UTC, ISO 8601.
        log: everything that it says.
        ended_at: when it was seen to have ended badly (killed, or unable to release the state's lock); "" before.
    """

    pid: int
    started_ticks: int
    command: str
    log: str
    started_at: str
    opsctl_pid: int
    ended_at: str = ""

    @property
    def is_alive(self) -> bool:
        return is_alive(self.pid) and started_ticks(self.pid) == self.started_ticks


def started_ticks(pid: int) -> int:
    """Field 22 of /proc/PID/stat (proc(5)); 0 where it can't be read."""
    try:
        return int(proc.stat_fields(pid)[proc.START_TICKS])
    except (OSError, IndexError, ValueError):
        return 0


def write_run(work: Path, *, pid: int, command: str, log: Path, started_at: str) -> None:
    run = Run(pid, started_ticks(pid), command, str(log), started_at, os.getpid())
    write_atomically(work / FILE_NAME, json.dumps(asdict(run), indent=2) + "\n", mode=0o600)


def mark_ended(work: Path, ended_at: str) -> None:
    """Keep the record of a run that ended badly: it tells whose lock is left on the state."""
    if run := read_run(work):
        write_atomically(
            work / FILE_NAME, json.dumps(asdict(replace(run, ended_at=ended_at)), indent=2) + "\n", mode=0o600
        )


def read_run(work: Path) -> Run | None:
    """The run that was under way when its opsctl last wrote; None if there is none."""
    try:
        return Run(**json.loads((work / FILE_NAME).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def forget_run(work: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        (work / FILE_NAME).unlink()
