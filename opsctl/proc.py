"""What Linux tells of processes and of the machine. Source: proc(5)."""

from __future__ import annotations

import os
import re
from pathlib import Path

STATE, USER_TICKS, SYSTEM_TICKS, START_TICKS = 0, 11, 12, 19
"""Places in `stat_fields`: fields 3, 14, 15 and 22 of /proc/PID/stat."""


def stat_fields(pid: int) -> list[str]:
    """/proc/PID/stat behind the program's name, which may itself hold spaces and brackets.

    Raises:
        OSError: there is no such process, or no /proc.
    """
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def leader_writing_to(file: Path) -> int | None:
    """Process id of the session leader whose standard output is `file`; None if there is none, or no /proc."""
    for descriptor in Path("/proc").glob("[0-9]*/fd/1"):
        try:
            pid = int(descriptor.parts[2])
            if descriptor.readlink() == file and os.getsid(pid) == pid:
                return pid
        except OSError:
            continue
    return None


def cpu_seconds(pid: int) -> float:
    """User and system time that a process has used.

    Raises:
        OSError: as `stat_fields`.
    """
    fields = stat_fields(pid)
    return (int(fields[USER_TICKS]) + int(fields[SYSTEM_TICKS])) / os.sysconf("SC_CLK_TCK")


def available_memory() -> int | None:
    """Bytes that can be had without swapping (MemAvailable of /proc/meminfo); None where it isn't known."""
    try:
        match = re.search(r"^MemAvailable:\s+(\d+) kB", Path("/proc/meminfo").read_text(), re.MULTILINE)
    except OSError:
        return None
    return int(match.group(1)) * 1024 if match else None


def peak_memory(pid: int) -> int | None:
    """Bytes that a process had resident at most (VmHWM of /proc/PID/status); None where it isn't known, or gone."""
    try:
        match = re.search(r"^VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    except OSError:
        return None
    return int(match.group(1)) * 1024 if match else None
