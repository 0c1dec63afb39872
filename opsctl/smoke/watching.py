"""A heartbeat: the same checks again and again, and what of it is remembered."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from opsctl.clock import Clock
from opsctl.errors import OpsctlError
from opsctl.smoke.check import Report

REMEMBERED = 120
"""Runs of each check: two hours of minutes, whatever a watch lasts."""


@dataclass
class Beats:
    """What one check did in the last runs.

    Attributes:
        seconds: how long it took each time, the latest last; None where it failed.
        runs, failures: since the watch began.
        message: why it failed the last time that it did.
    """

    seconds: deque[float | None] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    runs: int = 0
    failures: int = 0
    message: str = ""

    @property
    def beats(self) -> bool:
        """Whether it passed the last time."""
        return bool(self.seconds) and self.seconds[-1] is not None


@dataclass
class Heartbeat:
    """All runs of a watch, as far as they are remembered.

    Attributes:
        last: the latest whole report; None before the first one, and when there was none the last time.
        checks: by name, in the order of the checks.
        trouble: why there was no report the last time, in words.
    """

    last: Report | None = None
    checks: dict[str, Beats] = field(default_factory=dict)
    runs: int = 0
    trouble: str = ""

    def add(self, report: Report) -> None:
        self.last, self.trouble, self.runs = report, "", self.runs + 1
        for result in report.results:
            beats = self.checks.setdefault(result.name, Beats())
            beats.runs += 1
            beats.seconds.append(result.seconds if result.passed else None)
            if not result.passed:
                beats.failures += 1
                beats.message = result.message

    def skip(self, trouble: str) -> None:
        """A run that could not be made is a beat that is missing."""
        self.last, self.trouble, self.runs = None, trouble, self.runs + 1
        for beats in self.checks.values():
            beats.runs += 1
            beats.failures += 1
            beats.seconds.append(None)
            beats.message = trouble

    @property
    def passed(self) -> bool:
        return self.last is not None and self.last.passed


def watch(
    run_once: Callable[[], Report], *, every_seconds: float, count: int | None = None, clock: Clock,
    on_run: Callable[[Heartbeat], None],
) -> Heartbeat:  # fmt: skip
    """Run again and again, until `count` runs are over or somebody presses Ctrl-C. Gives what is remembered.

    Args:
        run_once: one run. An OpsctlError of it (the cloud does not answer) is a missing beat, and the next run tries.
        every_seconds: from one begin to the next; a run that takes longer is followed at once.
        on_run: told after each run.

    Raises:
        KeyboardInterrupt: before the first run was over.
    """
    heartbeat = Heartbeat()
    try:
        while True:
            begun = clock.monotonic()
            try:
                heartbeat.add(run_once())
            except OpsctlError as error:
                heartbeat.skip(" ".join(filter(None, (error.what, error.next))))
            on_run(heartbeat)
            if count is not None and heartbeat.runs >= count:
                return heartbeat
            clock.sleep(max(0.0, begun + every_seconds - clock.monotonic()))
    except KeyboardInterrupt:
        if not heartbeat.runs:
            raise
        return heartbeat
