"""What a deploy tells its listener while it goes on, for a live view, a log or a picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from opsctl.environments.in_flight import Decision, InFlight, Move


@dataclass(frozen=True)
class DeployBegun:
    """A deploy begins or is resumed."""

    deploy: InFlight


@dataclass(frozen=True)
class StepBegun:
    """The next step is under way: it was written down first.

    Attributes:
        step: in words, such as "publish", "10 %", "instance refresh".
        weights: version → percent of the traffic (or of the instances) from now on; empty where nothing is split.
        seconds: how long it will be watched at least; 0 when it isn't.
    """

    move: Move
    step: str
    weights: Mapping[str, float]
    seconds: float = 0.0


@dataclass(frozen=True)
class VersionHealth:
    """What was seen of one version since the step began.

    Attributes:
        requests: how many it served; None where that isn't counted.
        errors: how many of them failed.
        p99_ms: duration; None without a request.
        instances: how many run it and are healthy; None for what has no instances.
    """

    version: str
    requests: int | None = None
    errors: int = 0
    p99_ms: float | None = None
    instances: int | None = None


@dataclass(frozen=True)
class Watched:
    """One look at a step: at each poll.

    Attributes:
        alarms: name → state (OK, ALARM, INSUFFICIENT_DATA).
        seconds_left: until the next step, at the earliest.
        waits_for: what is missing until the step counts, in words; empty when nothing is.
        note: something that could not be seen this time, in words (a throttled call); empty otherwise.
    """

    move: Move
    step: str
    weights: Mapping[str, float]
    versions: tuple[VersionHealth, ...]
    alarms: Mapping[str, str]
    seconds_left: float
    waits_for: str = ""
    note: str = ""


@dataclass(frozen=True)
class Decided:
    """A step was judged."""

    decision: Decision


@dataclass(frozen=True)
class ReturnBegun:
    """From here on everything goes back, because of `why`."""

    deploy: InFlight
    why: str


@dataclass(frozen=True)
class DeployEnded:
    """It is over: `outcome` is "done" or "returned"."""

    deploy: InFlight
    outcome: str
    seconds: float


DeployEvent = DeployBegun | StepBegun | Watched | Decided | ReturnBegun | DeployEnded
