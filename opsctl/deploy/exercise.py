"""Smoke checks, again and again beside a step that is watched: they prove its answers, and give it traffic."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from opsctl.environments.ports import Ports
from opsctl.errors import OpsctlError

LONGEST_ROUND_SECONDS = 300.0
"""Each check has a budget of a minute or two; whatever takes longer hangs."""
Runner = Callable[[Ports, Mapping[str, Any], Sequence[str]], Mapping[str, str]]
"""Runs checks once: check → what is wrong (empty: it passed)."""


def run_smoke_checks(ports: Ports, outputs: Mapping[str, Any], names: Sequence[str]) -> Mapping[str, str]:
    """Each of these checks once, side by side, through the edge."""
    from opsctl import smoke

    report = smoke.run(smoke.SmokeTarget.of(ports.environment, ports.access, outputs, aws=ports.aws), only=names)
    return {result.name: "" if result.passed else result.message or "it failed" for result in report.results}


def require_checks(ports: Ports, names: Sequence[str]) -> None:
    """Raises UnknownCheck for a smoke check that is none here."""
    from opsctl.smoke.checks import CHECKS
    from opsctl.smoke.run import choose

    if names:
        choose([check for check in CHECKS if ports.environment.is_local or not check.local_only], only=names)


class Exercise:
    """Checks that are repeated in a thread of their own until `end`.

    Attributes:
        rounds: how many ended.
        failures: check → what it said when it failed first.
        could_not: why the last round could not be run at all; empty when it could.
    """

    def __init__(self, run: Callable[[Sequence[str]], Mapping[str, str]], names: Sequence[str], pause_seconds: float):
        self._run, self._names, self._pause_seconds = run, tuple(dict.fromkeys(names)), pause_seconds
        self._end = threading.Event()
        self._round_begun: float | None = None
        self.rounds, self.failures, self.could_not = 0, dict[str, str](), ""
        self._thread = threading.Thread(target=self._repeat, name="exercise", daemon=True)

    def begin(self) -> None:
        if self._names:
            self._thread.start()

    def end(self) -> None:
        """Begin no further round; the one under way goes on to its end and cleans up."""
        self._end.set()

    def wait(self) -> None:
        """Let the round under way clean up, before our process ends."""
        if self._thread.is_alive():
            self._thread.join(LONGEST_ROUND_SECONDS)

    @property
    def is_over(self) -> bool:
        """Whether nothing is under way any more."""
        return not self._thread.is_alive()

    @property
    def is_under_way(self) -> bool:
        """Whether its rounds get on: checks take real time, whatever a deploy's clock says."""
        begun = self._round_begun
        hangs = begun is not None and time.monotonic() - begun > LONGEST_ROUND_SECONDS
        return self._thread.is_alive() and not self.could_not and not hangs

    def _repeat(self) -> None:
        while not self._end.is_set():
            self._round_begun = time.monotonic()
            try:
                outcome = self._run(self._names)
            except OpsctlError as error:
                self.could_not = error.what
            except Exception as error:  # its thread must not die unseen
                self.could_not = f"unforeseen: {type(error).__name__}"
            else:
                self.could_not = ""
                for name, message in outcome.items():
                    if message:
                        self.failures.setdefault(name, message)
                self.rounds += 1
            self._round_begun = None
            self._end.wait(self._pause_seconds)
