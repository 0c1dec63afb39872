"""One look at an instance refresh, and what it means. Pure: what was seen is handed in.

Source: Amazon EC2 Auto Scaling API Reference, "InstanceRefresh" (statuses and PercentageComplete, which counts an
instance once it is healthy and its warm-up is over).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from opsctl.deploy.events import VersionHealth
from opsctl.environments.in_flight import short

FORWARD = frozenset({"Pending", "InProgress", "Baking"})
UNDOING = frozenset({"RollbackInProgress", "Cancelling"})
SUCCESSFUL = frozenset({"Successful"})
REPLACED = SUCCESSFUL | {"Baking"}
BAKE = "bake"
NEVER = 101
"""A percentage that is never reached."""


@dataclass(frozen=True)
class Instance:
    """One instance of the group.

    Attributes:
        template: version of the launch template that it was made from.
        lifecycle: as Auto Scaling has it, such as "InService".
        target: its state in the target group; empty when it is not registered.
    """

    id: str
    template: int
    lifecycle: str
    target: str

    @property
    def serves(self) -> bool:
        return self.lifecycle == "InService"

    @property
    def healthy(self) -> bool:
        return self.serves and self.target == "healthy"


@dataclass(frozen=True)
class Look:
    """What was seen at one moment.

    Attributes:
        status, reason: of the refresh; an empty status when none was found.
        percent: AWS's PercentageComplete.
        desired: number of instances that the group is to have.
        group_template: version that the group launches.
        alarms: name → state.
    """

    status: str
    reason: str
    percent: int
    desired: int
    group_template: int
    instances: tuple[Instance, ...]
    alarms: Mapping[str, str] = field(default_factory=dict)

    def healthy(self, template: int) -> int:
        """How many instances of a version are healthy."""
        return sum(one.healthy for one in self.instances if one.template == template)

    def shares(self, template: int, before: str, after: str) -> dict[str, float]:
        """Percent of the healthy instances on each artifact; 0 and 0 where none is healthy."""
        counts = {one.version: one.instances or 0 for one in self.versions(template, before, after)}
        whole = sum(counts.values())
        return {version: round(100 * count / whole, 1) if whole else 0.0 for version, count in counts.items()}

    def versions(self, template: int, before: str, after: str) -> tuple[VersionHealth, ...]:
        """For the view."""
        new = self.healthy(template)
        old = sum(one.healthy for one in self.instances) - new
        return VersionHealth(before, instances=old), VersionHealth(after, instances=new)

    def evidence(self, template: int, before: str, after: str) -> dict[str, Any]:
        """What a decision is written down with."""
        return {
            "refresh": self.status, "reason": self.reason, "percent_complete": self.percent, "desired": self.desired,
            "healthy": {short(one.version): one.instances for one in self.versions(template, before, after)},
            "targets": dict(Counter(one.target or "unregistered" for one in self.instances if one.serves)),
            "alarms": dict(self.alarms),
        }  # fmt: skip


@dataclass(frozen=True)
class Stage:
    """What is waited for: so many percent replaced and watched for a while, or the bake time.

    Attributes:
        percent: of instances replaced.
        seconds: how long it is watched from then on; already scaled.
        held_seconds: how long AWS may hold it without anything moving.
        ends_at: percent at which AWS has gone on to the next stage.
        ends_with: statuses of the refresh that say the same.
    """

    name: str
    percent: int
    seconds: float
    ends_at: int
    ends_with: frozenset[str]
    held_seconds: float = 0.0

    def is_reached(self, look: Look) -> bool:
        """Whether so many are replaced, so that the stage's time runs."""
        return look.status in REPLACED or (self.name != BAKE and look.percent >= self.percent)

    def is_over(self, look: Look, held: float) -> bool:
        """Whether it has been watched long enough, or AWS has gone on; `held`: seconds since it was reached."""
        if look.status in self.ends_with or look.percent >= self.ends_at:
            return True
        return self.percent < 100 and self.is_reached(look) and held >= self.seconds


@dataclass(frozen=True)
class Judgement:
    """Attributes:
    verdict: "wait", "advance" or "return".
    why: one sentence; while waiting what is missing, empty when it is only time.
    """

    verdict: str
    why: str


def stages(percentages: tuple[int, ...], delay: float, bake: float) -> tuple[Stage, ...]:
    """The stages of a refresh, with their durations as they go by here."""
    replaced = tuple(
        Stage(f"{percent} %", percent, delay, following, REPLACED) for percent, following in pairwise(percentages)
    )
    if not bake:
        return (*replaced, Stage("100 %", 100, 0.0, NEVER, SUCCESSFUL, delay))
    return (*replaced, Stage("100 %", 100, 0.0, NEVER, REPLACED, delay), Stage(BAKE, 100, bake, NEVER, SUCCESSFUL))


def judge(look: Look, stage: Stage, *, template: int, held: float, stalled: float, patience: float) -> Judgement:
    """Whether a stage is over, must be waited for, or asks for the way back.

    Args:
        template: version of the launch template that is moved to.
        held: seconds since the stage was reached; 0 before.
        stalled: seconds since anything moved.
        patience: seconds without a move that are too many, beyond the stage's own.
    """
    ringing = [name for name, state in look.alarms.items() if state == "ALARM"]
    if ringing:
        return Judgement("return", f"{' and '.join(ringing)} {'is' if len(ringing) == 1 else 'are'} in ALARM")
    if look.status and look.status not in FORWARD | SUCCESSFUL:
        return Judgement(
            "return", f"AWS ended the instance refresh ({look.status}): {look.reason or 'it says no more'}"
        )
    healthy, needed = look.healthy(template), -(-stage.percent * look.desired // 100)
    if healthy >= needed and stage.is_over(look, held):
        return Judgement("advance", f"{healthy} of {look.desired} instances run it and are healthy")
    if stalled > patience + (max(stage.seconds, stage.held_seconds) if stage.is_reached(look) else 0.0):
        return Judgement(
            "return", f"{healthy} of the {needed} instances needed became healthy, and no other in {stalled:.0f} s"
        )
    missing = needed - healthy
    return Judgement("wait", f"{missing} more healthy instance{'s' if missing > 1 else ''}" if missing > 0 else "")


class Progress:
    """What has come of a stage so far: when anything was seen, moved, and reached, in monotonic seconds."""

    def __init__(self, stage: Stage, template: int, now: float) -> None:
        self.stage, self._template = stage, template
        self._seen = self._moved = now
        self._reached: float | None = None
        self.last: Look | None = None

    def judge(self, look: Look | None, note: str, *, now: float, patience: float) -> Judgement:
        """Judge one look; None where nothing could be seen because of `note`. Missing data is not health."""
        if look is None:
            blind = now - self._seen
            if blind > patience:
                return Judgement("return", f"nothing could be seen of the refresh for {blind:.0f} s: {note}")
            return Judgement("wait", "")
        self.take(look, now)
        return judge(
            look, self.stage, template=self._template, held=self.held(now), stalled=now - self._moved, patience=patience
        )

    def take(self, look: Look, now: float) -> None:
        if self.last is None or self._position(look) != self._position(self.last):
            self._moved = now
        if self._reached is None and self.stage.is_reached(look):
            self._reached = now
        self._seen, self.last = now, look

    def held(self, now: float) -> float:
        """Seconds since the stage was reached; 0 before."""
        return 0.0 if self._reached is None else now - self._reached

    def stalled(self, now: float) -> float:
        """Seconds since anything moved."""
        return now - self._moved

    def _position(self, look: Look) -> tuple[object, ...]:
        return look.status, look.percent, look.healthy(self._template)
