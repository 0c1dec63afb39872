"""A check as data, what it is handed while it runs, and what comes out."""

from __future__ import annotations

import contextlib
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any, TypeVar

from opsctl.clock import Clock, SystemClock
from opsctl.errors import OpsctlError
from opsctl.exit_codes import ExitCode
from opsctl.smoke.edge import Answer, Edge
from opsctl.smoke.target import SmokeTarget
from opsctl.smoke.visitor import Visitor

Seen = TypeVar("Seen")
SHORTEST_WAIT_SECONDS = 0.1
LONGEST_WAIT_SECONDS = 2.0
CLEAN_UP_SECONDS = 30.0
"""What undoing may take, after a check's own budget."""


class CheckFailed(Exception):
    """What a check saw is not what it proves. The message is one sentence about what was seen."""


class CheckStopped(Exception):
    """The whole run was asked to stop."""


class Status(Enum):
    PASSED = "passed"
    FAILED = "failed"


@dataclass(frozen=True)
class Check:
    """One thing that is proved about an environment.

    Attributes:
        proves: one sentence in the present tense.
        runbook: name of the runbook that fits its failure; empty while there is none.
        tags: for choosing several at once.
        budget_seconds: it fails when it has not passed by then.
        function: does the work; raises CheckFailed. What it returns is evidence.
        local_only: it needs what only the local cloud has (viewers from anywhere), or would disturb real users.
        outside: it needs nothing but the environment's address: no AWS, and of the outputs only `edge.domain_name`.
            What more it proves with AWS access it does where `trial.target.inside`.
    """

    name: str
    proves: str
    function: Callable[[Trial], Mapping[str, Any] | None] = field(repr=False)
    budget_seconds: float
    tags: frozenset[str] = frozenset()
    runbook: str = ""
    local_only: bool = False
    outside: bool = False


@dataclass(frozen=True)
class Result:
    """How one check went. `evidence` is JSON-able and free of secrets; `begun` is in seconds after the run's begin."""

    name: str
    status: Status
    seconds: float
    message: str
    evidence: Mapping[str, Any]
    proves: str
    runbook: str
    begun: float = 0.0

    @property
    def passed(self) -> bool:
        return self.status is Status.PASSED


@dataclass(frozen=True)
class Report:
    """A whole run. `started_at` is UTC; `results` are in the order of the checks."""

    environment: str
    started_at: datetime
    seconds: float
    results: tuple[Result, ...]

    @property
    def passed(self) -> bool:
        return all(result.passed for result in self.results)

    @property
    def failed(self) -> tuple[Result, ...]:
        return tuple(result for result in self.results if not result.passed)

    @property
    def exit_code(self) -> ExitCode:
        return ExitCode.DONE if self.passed else ExitCode.SMOKE_FAILED

    def to_json(self) -> dict[str, Any]:
        """The report as plain values."""
        return {
            "environment": self.environment,
            "started_at": self.started_at.isoformat(),
            "seconds": round(self.seconds, 3),
            "passed": self.passed,
            "results": [
                {
                    "name": result.name,
                    "status": result.status.value,
                    "begun": round(result.begun, 3),
                    "seconds": round(result.seconds, 3),
                    "proves": result.proves,
                    "message": result.message,
                    "runbook": result.runbook,
                    "evidence": dict(result.evidence),
                }
                for result in self.results
            ],
        }


class Trial:
    """One run of one check: its target, its time, and what it has to clean up.

    Attributes:
        id: unique; goes into the names of what the check makes.
        visitor: as whom requests are sent.
        evidence: what was seen so far; kept when the check fails.
    """

    def __init__(
        self,
        target: SmokeTarget,
        edge: Edge,
        clock: Clock,
        budget_seconds: float,
        stop: threading.Event,
        visitor: Visitor,
    ) -> None:
        self.target = target
        self.aws = target.aws
        self.edge = edge
        self.visitor = visitor
        self.id = uuid.uuid4().hex[:12]
        self.evidence: dict[str, Any] = {}
        self._clock = clock
        self._stop = stop
        self._begun = clock.monotonic()
        self._budget_seconds = budget_seconds
        self._cleanups: list[tuple[str, Callable[[], object]]] = []

    @property
    def seconds(self) -> float:
        """Since the trial began."""
        return self._clock.monotonic() - self._begun

    @property
    def seconds_left(self) -> float:
        return self._budget_seconds - self.seconds

    @property
    def now(self) -> datetime:
        """UTC."""
        return self._clock.now()

    def go_on(self) -> None:
        """For a check that sends much: raises CheckStopped when the run was interrupted, CheckFailed without time."""
        if self._stop.is_set():
            raise CheckStopped
        expect(self.seconds_left > 0, f"not done after {self.seconds:.0f} s")

    def get(self, path: str, **how: Any) -> Answer:
        """GET through the edge, as `request`."""
        return self.request("GET", path, **how)

    def request(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        content_type: str = "",
        token: str | None = None,
        api_key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """A request through the edge, which may take what is left of the budget.

        Args:
            token, api_key: by default the visitor's and the environment's own; an empty one sends none.
        """
        token = self.visitor.token if token is None else token
        api_key = self.target.api_key if api_key is None else api_key
        given = {
            "Content-Type": content_type,
            "x-api-key": api_key,
            "Authorization": f"Bearer {token}" if token else "",
        }
        return self.edge.request(
            method, path, headers={name: value for name, value in given.items() if value} | dict(headers or {}),
            body=body, timeout_seconds=max(1.0, min(30.0, self.seconds_left)),
        )  # fmt: skip

    def until(self, what: str, look: Callable[[], Seen | None], *, within_seconds: float | None = None) -> Seen:
        """Look again and again, at growing intervals, until there is something to see.

        Args:
            what: completes the sentence "… was not seen within 20 s".
            look: anything false (None, 0, an empty list) means not yet.

        Raises:
            CheckFailed: the time is over.
            CheckStopped: the run was interrupted.
        """
        end = self.seconds + min(self.seconds_left, within_seconds or self.seconds_left)
        begun, wait = self.seconds, SHORTEST_WAIT_SECONDS
        while True:
            if self._stop.is_set():
                raise CheckStopped
            seen = look()
            if seen:
                return seen
            if self.seconds >= end:
                raise CheckFailed(f"{what} was not seen within {self.seconds - begun:.1f} s")
            self._clock.sleep(min(wait, max(0.0, end - self.seconds)))
            wait = min(wait * 1.5, LONGEST_WAIT_SECONDS)

    def afterwards(self, what: str, undo: Callable[[], object]) -> None:
        """Have `undo` called when the trial ends, however it ends; the last one given is called first."""
        self._cleanups.append((what, undo))

    def clean_up(self) -> list[str]:
        """Undo everything, also when the run was stopped or the budget is gone; says what could not be undone."""
        self._stop, self._budget_seconds = threading.Event(), self.seconds + CLEAN_UP_SECONDS
        left = []
        while self._cleanups:
            what, undo = self._cleanups.pop()
            try:
                undo()
            except OpsctlError as error:
                left.append(f"{what} ({error.what})")
            except CheckFailed as failure:
                left.append(f"{what} ({failure})")
            except Exception as error:
                left.append(f"{what} ({unforeseen(error)})")
        return left


def unforeseen(error: Exception) -> str:
    """An error that no check foresaw, in words. Only the system's own texts are told: others may hold values."""
    return f"unforeseen: {type(error).__name__}" + (f": {error}" if isinstance(error, OSError) else "")


@contextlib.contextmanager
def open_trial(
    target: SmokeTarget, *, budget_seconds: float, clock: Clock | None = None, concurrency: int = 32
) -> Iterator[Trial]:
    """A trial outside of a run, with a user of its own: for a demonstration or a burst.

    Raises:
        CheckFailed: at the end, when something could not be undone.
    """
    edge = Edge.of(target, concurrency=concurrency)
    visitor = Visitor(target, edge)
    trial = Trial(target, edge, clock or SystemClock(), budget_seconds, threading.Event(), visitor)
    trial.afterwards("the user", visitor.leave)
    try:
        yield trial
    finally:
        left = trial.clean_up()
    if left:
        raise CheckFailed(f"left behind: {', '.join(left)}")


def expect(condition: object, message: str) -> None:
    """Raise CheckFailed with what was seen unless the condition holds."""
    if not condition:
        raise CheckFailed(message)
