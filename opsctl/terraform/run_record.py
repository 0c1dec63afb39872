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
        pid: 0 where its opsctl died in the moment of starting it, and it was not found.
        started_ticks: start time of the process in clock ticks since boot, which tells it from a later process with
            the same id; 0 where the system has no /proc.
        started_at: UTC, ISO 8601.
        log: everything that it says.
        opsctl_pid, opsctl_ticks: who started it.
        learnt_from: plans and variables files that say which of its words are secret.
        ended_at: when its end was seen, and a lock on the state may be left (it was killed, or could not release it);
            "" before.
    """

    pid: int
    started_ticks: int
    command: str
    log: str
    started_at: str
    opsctl_pid: int
    ended_at: str = ""
    opsctl_ticks: int = 0
    learnt_from: tuple[str, ...] = ()

    @property
    def is_alive(self) -> bool:
        return self.pid > 0 and is_alive(self.pid) and started_ticks(self.pid) == self.started_ticks

    @property
    def opsctl_is_alive(self) -> bool:
        return is_alive(self.opsctl_pid) and self.opsctl_ticks in (0, started_ticks(self.opsctl_pid))


def started_ticks(pid: int) -> int:
    """Field 22 of /proc/PID/stat (proc(5)); 0 where it can't be read."""
    try:
        return int(proc.stat_fields(pid)[proc.START_TICKS])
    except (OSError, IndexError, ValueError):
        return 0


def write_run(
    work: Path, *, pid: int, command: str, log: Path, started_at: str, learnt_from: tuple[str, ...] = ()
) -> None:
    """Note a process, or (`pid` 0) that it is about to be started: it can then be found by its log."""
    ours = os.getpid()
    run = Run(
        pid, started_ticks(pid), command, str(log), started_at, ours,
        opsctl_ticks=started_ticks(ours), learnt_from=learnt_from,
    )  # fmt: skip
    keep_run(work, run)


def mark_ended(work: Path, ended_at: str) -> None:
    """Keep the record of a run that ended badly: it tells whose lock is left on the state."""
    if run := read_run(work):
        keep_run(work, replace(run, ended_at=ended_at))


def read_run(work: Path) -> Run | None:
    """The run that was under way when its opsctl last wrote; None if there is none."""
    try:
        run = Run(**json.loads((work / FILE_NAME).read_text()))
    except (OSError, ValueError, TypeError):
        return None
    if run.pid == 0 and (pid := proc.leader_writing_to(Path(run.log))):
        return replace(run, pid=pid, started_ticks=started_ticks(pid))
    return run


def keep_run(work: Path, run: Run) -> None:
    write_atomically(work / FILE_NAME, json.dumps(asdict(run), indent=2) + "\n", mode=0o600)


def forget_run(work: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        (work / FILE_NAME).unlink()
