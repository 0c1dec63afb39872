"""How instances are replaced: AWS's preferences of an instance refresh, and which of AWS's defaults we refuse. Pure.

Source: Amazon EC2 Auto Scaling API Reference, "RefreshPreferences"; user guide, "Add checkpoints to an instance
refresh" and "Undo changes with a manual or auto rollback".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from opsctl.errors import UsageError

LONGEST_SECONDS = 172_800
"""Of a bake time or a delay at a checkpoint: two days."""
MOST_ALARMS = 10
START_SECONDS = {True: 60.0, False: 600.0}
"""Within which another instance has to become healthy, for a local environment and for one on AWS, where it boots and
installs its packages for 3 to 5 minutes. A JVM does not start faster for a time scale."""


class BadPreferences(UsageError):
    """AWS would refuse these preferences, or they would leave two versions behind."""


@dataclass(frozen=True)
class RefreshPreferences:
    """How instances are replaced. Durations are those of AWS; a local environment's `time_scale` shortens them.

    Attributes:
        min_healthy, max_healthy: percent of the desired number that must be healthy, and that there may be at once.
        checkpoints: percent of replaced instances at which the refresh waits and is judged; the last is 100.
        checkpoint_seconds: how long it waits at each.
        bake_seconds: how long the whole new version is watched before the refresh counts.
        warmup_seconds: until a healthy instance counts; None: as the group has it.
        alarms: names, ten at most; empty: all that watch the service's target group or its instances.
        watch_alarms, auto_rollback: AWS fails the refresh for an alarm, and rolls a failed one back, without opsctl.
        scale_in_protected: "Refresh" or "Wait" (an hour, then the refresh fails) for instances protected from scale-in.
        standby: "Terminate" or "Wait" for instances that somebody took out of service.
        healthy_within_seconds: return when no further instance became healthy for so long (not scaled); None: 10
            minutes on AWS, one locally.
    """

    min_healthy: int = 100
    max_healthy: int = 150
    checkpoints: tuple[int, ...] = (50, 100)
    checkpoint_seconds: float = 300.0
    bake_seconds: float = 300.0
    warmup_seconds: float | None = None
    alarms: tuple[str, ...] = ()
    watch_alarms: bool = True
    auto_rollback: bool = True
    scale_in_protected: str = "Refresh"
    standby: str = "Wait"
    healthy_within_seconds: float | None = None

    @classmethod
    def of(cls, written: Mapping[str, Any]) -> RefreshPreferences:
        """What `dataclasses.asdict` and JSON made of one."""
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in written.items()
        }
        return cls(**values)

    @property
    def strategy(self) -> str:
        """In a word, for the record: "refresh:50%,100%:5m,bake:5m"."""
        stages = ",".join(f"{percent}%" for percent in self.stages)
        return f"refresh:{stages}:{_short(self.checkpoint_seconds)},bake:{_short(self.bake_seconds)}"

    @property
    def stages(self) -> tuple[int, ...]:
        """Percentages at which the refresh is judged."""
        return self.checkpoints or (100,)

    def check(self) -> None:
        """Raises:
        BadPreferences: all that is wrong, at once.
        """
        if wrong := list(_wrong(self)):
            raise BadPreferences(f"These preferences can't be: {'; '.join(wrong)}.")

    def to_api(self, *, alarms: tuple[str, ...], warmup_seconds: float | None, scale: float) -> dict[str, Any]:
        """As StartInstanceRefresh wants them.

        Args:
            alarms: to be watched, by name.
            warmup_seconds: AWS's duration; None leaves it to the group.
            scale: how much faster time goes by.
        """
        return {
            "MinHealthyPercentage": self.min_healthy, "MaxHealthyPercentage": self.max_healthy, "SkipMatching": True,
            "AutoRollback": self.auto_rollback, "ScaleInProtectedInstances": self.scale_in_protected,
            "StandbyInstances": self.standby, "BakeTime": _whole(self.bake_seconds / scale),
        } | ({
            "CheckpointPercentages": list(self.checkpoints),
            "CheckpointDelay": _whole(self.checkpoint_seconds / scale),
        } if self.checkpoints else {}) | (
            {"InstanceWarmup": _whole(warmup_seconds / scale)} if warmup_seconds is not None else {}
        ) | ({"AlarmSpecification": {"Alarms": list(alarms)}} if alarms else {})  # fmt: skip


WAY_BACK = RefreshPreferences(checkpoints=(), checkpoint_seconds=0.0, bake_seconds=0.0, watch_alarms=False)
"""To a version that ran before: as fast as capacity lets it, and not kept by the alarm that may be why."""


def _short(seconds: float) -> str:
    """As people type it: 5m, 90s."""
    return f"{seconds:g}s" if seconds % 60 or not seconds else f"{seconds / 60:g}m"


def _whole(seconds: float) -> int:
    """AWS counts whole seconds; what is more than none stays more than none."""
    return max(1, round(seconds)) if seconds else 0


def _wrong(given: RefreshPreferences) -> Iterator[str]:
    if not 0 <= given.min_healthy <= 100:
        yield f"the minimum healthy percentage is {given.min_healthy}, not 0 to 100"
    if not 100 <= given.max_healthy <= 200 or given.max_healthy - given.min_healthy > 100:
        yield (
            f"the maximum healthy percentage is {given.max_healthy}: "
            "it is 100 to 200, and at most 100 more than the minimum"
        )
    if given.checkpoints and (
        list(given.checkpoints) != sorted(set(given.checkpoints)) or given.checkpoints[0] < 1
        or given.checkpoints[-1] != 100
    ):  # fmt: skip
        yield f"checkpoints go up and end at 100, not {', '.join(map(str, given.checkpoints))}"
    for what, seconds in (
        ("bake time", given.bake_seconds), ("delay at a checkpoint", given.checkpoint_seconds),
        ("warm-up", given.warmup_seconds or 0.0), ("time to become healthy", given.healthy_within_seconds or 0.0),
    ):  # fmt: skip
        if not 0 <= seconds <= LONGEST_SECONDS:
            yield f"the {what} is {seconds:g} s, not 0 to {LONGEST_SECONDS}"
    if len(given.alarms) > MOST_ALARMS:
        yield f"{len(given.alarms)} alarms would be watched, and AWS watches {MOST_ALARMS} at most: name them"
    # AWS knows "Ignore", too; then instances of the old version would be left.
    if given.scale_in_protected not in ("Refresh", "Wait"):
        yield f"protected instances are {given.scale_in_protected!r}, not Refresh or Wait"
    if given.standby not in ("Terminate", "Wait"):
        yield f"standby instances are {given.standby!r}, not Terminate or Wait"


def unsafe(given: RefreshPreferences) -> Iterator[tuple[str, str, str]]:
    """(guard, what, how to comply) for each of AWS's defaults that lets a bad version stay."""
    if not given.watch_alarms:
        yield "alarms", "No alarm would fail this refresh", "Leave the alarms on"
    if not given.auto_rollback:
        yield "auto-rollback", "A refresh that failed would stay half done without opsctl", "Leave auto-rollback on"
    if not given.bake_seconds:
        yield "bake", "The new version would count as soon as it is healthy", "Give it a bake time"
