"""The one place that starts processes.

`run` is for commands that end by themselves within seconds; `start` is for those that outlive a call: each gets a
session of its own, so that a Ctrl-C at the terminal reaches opsctl only, and writes to a file, so that it never dies
of a broken pipe (measured on Terraform 1.11.4: SIGHUP and EPIPE both leave a lock and an empty state).
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from opsctl import proc
from opsctl.errors import OpsctlError
from opsctl.files import disk_errors


class CommandNotFound(OpsctlError):
    """The program is not on this machine."""

    def __init__(self, program: str) -> None:
        super().__init__(f"{program} was not found.", next="opsctl doctor says what is missing and how to get it.")


@dataclass(frozen=True)
class Completed:
    """A command that ended: its exit status (negative: the signal that ended it) and its whole output."""

    argv: tuple[str, ...]
    status: int
    stdout: str
    stderr: str


def run(
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: str | None = None,
    timeout_seconds: float | None = None,
) -> Completed:
    """Run a short command to its end and capture what it prints.

    Args:
        env: the whole environment of the child; None hands on our own.

    Raises:
        CommandNotFound: no such program.
        OpsctlError: it did not end within `timeout_seconds` (it was killed).
    """
    words = tuple(str(word) for word in argv)
    try:
        done = subprocess.run(
            words, env=env, cwd=cwd, input=stdin, timeout=timeout_seconds, capture_output=True, text=True,
            stdin=subprocess.DEVNULL if stdin is None else None, errors="replace", check=False,
        )  # fmt: skip
    except FileNotFoundError as error:
        raise CommandNotFound(words[0]) from error
    except subprocess.TimeoutExpired as error:
        raise OpsctlError(f"{Path(words[0]).name} did not end within {timeout_seconds:g} s and was stopped.") from error
    return Completed(words, done.returncode, done.stdout, done.stderr)


def start(
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None,
    cwd: Path | None,
    output: Path,
    descriptors: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Start a command in a session of its own, with stdout and stderr appended to the file `output`.

    Args:
        descriptors: open files that the child keeps, under the same numbers.

    Raises:
        CommandNotFound: no such program.
        DiskFull: `output` can't be made.
    """
    words = [str(word) for word in argv]
    with disk_errors(output):
        output.parent.mkdir(parents=True, exist_ok=True)
        log = open(output, "ab")  # noqa: SIM115 - the child keeps it
    try:
        return subprocess.Popen(
            words, env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            pass_fds=descriptors,
        )  # fmt: skip
    except FileNotFoundError as error:
        raise CommandNotFound(words[0]) from error
    finally:
        log.close()


def is_alive(pid: int) -> bool:
    """Whether a process with this id runs (a zombie does not count)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        return proc.stat_fields(pid)[proc.STATE] != "Z"
    except OSError:
        return True
