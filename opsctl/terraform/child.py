"""Follow a process that outlives its reader: every line of its file is delivered, signals reach it once, in order."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Protocol

from opsctl.clock import Clock

POLL_SECONDS = 0.03
KILL_AFTER_SECONDS = 10.0
"""From the second request to stop until what is left is killed."""


class Stop:
    """How often the run was asked to stop. `request` may be called by a signal handler or another thread."""

    def __init__(self) -> None:
        self.count = 0
        self.signal = signal.SIGINT

    def request(self, number: int = signal.SIGINT) -> None:
        self.signal = signal.Signals(number)
        self.count += 1


@contextlib.contextmanager
def requests_from_signals(stop: Stop) -> Iterator[None]:
    """While this is open, SIGINT, SIGTERM and SIGHUP only ask to stop. Outside the main thread nothing is changed.

    The handlers are functions, not SIG_IGN: a child would inherit that. What our own caller ignores (nohup) stays so.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ask(number: int, frame: FrameType | None) -> None:
        stop.request(number)

    numbers = [n for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP) if signal.getsignal(n) is not signal.SIG_IGN]
    before = {number: signal.signal(number, ask) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Followed(Protocol):
    """A process that leads a group of its own: a `Popen`, or one that another opsctl started."""

    @property
    def pid(self) -> int: ...

    def poll(self) -> int | None:
        """Its exit status; None while it runs."""


def follow(
    child: Followed,
    log: Path,
    *,
    offset: int,
    on_line: Callable[[str], None],
    stop: Stop,
    on_stop: Callable[[int], None],
    clock: Clock,
    on_poll: Callable[[], None] = lambda: None,
) -> int:
    """Deliver what `child` writes to `log` until it ends; return its exit status.

    The first request to stop goes to the child's whole process group as SIGINT, as a Ctrl-C would; the second ends the
    child (SIGTERM is Terraform's second interrupt); what is left after 10 s, or at a third, is killed.
    `on_stop` hears of each before it is carried out.
    """
    lines, served, deadline = _Lines(log, offset), 0, float("inf")
    with lines:
        while True:
            status = child.poll()
            for line in lines.new():
                on_line(line)
            if status is not None:
                if rest := lines.rest():
                    on_line(rest)
                if served > 1:
                    end_group(child.pid, signal.SIGKILL)
                return status
            on_poll()
            if served < stop.count:
                served += 1
                on_stop(served)
                if served == 1:
                    end_group(child.pid, signal.SIGINT)
                elif served == 2:
                    end(child.pid)
                    deadline = clock.monotonic() + KILL_AFTER_SECONDS
                else:
                    deadline = 0
            if clock.monotonic() >= deadline:
                end_group(child.pid, signal.SIGKILL)
            clock.sleep(POLL_SECONDS)


def end(pid: int) -> None:
    """Send SIGTERM to one process; nothing happens if it is gone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGTERM)


def end_group(group: int, number: signal.Signals = signal.SIGTERM) -> None:
    """Send a signal to a process group; nothing happens if it is gone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


class _Lines(contextlib.AbstractContextManager["_Lines"]):
    """The whole lines that were added to a file since the last look."""

    def __init__(self, file: Path, offset: int) -> None:
        self._file = open(file, "rb")  # noqa: SIM115 - closed by __exit__
        self._file.seek(offset)
        self._partial = b""

    def __exit__(self, *exception: object) -> None:
        self._file.close()

    def new(self) -> list[str]:
        *whole, self._partial = (self._partial + self._file.read()).split(b"\n")
        return [line.decode(errors="replace") for line in whole]

    def rest(self) -> str:
        """A last line without an end."""
        return self._partial.decode(errors="replace")
