"""Instance refreshes: what to launch and what to end next, and which state that makes. Decisions without a cloud.

Sources: Amazon EC2 Auto Scaling user guide, "How an instance refresh works", "Undo changes with a manual or auto
rollback", "Add checkpoints to an instance refresh", "Understand the default values for an instance refresh"; API
reference, RefreshPreferences and InstanceRefresh.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

PATIENCE = timedelta(seconds=60)
"""How long nothing may get better, beyond the warm-up, before a refresh fails. AWS: an hour ("tries to complete all
replacements for one hour"); no parameter of the call shortens it, so it is 60 times as fast here."""


class Status(StrEnum):
    """As DescribeInstanceRefreshes names it."""

    PENDING = "Pending"
    IN_PROGRESS = "InProgress"
    BAKING = "Baking"
    SUCCESSFUL = "Successful"
    FAILED = "Failed"
    CANCELLING = "Cancelling"
    CANCELLED = "Cancelled"
    ROLLBACK_IN_PROGRESS = "RollbackInProgress"
    ROLLBACK_SUCCESSFUL = "RollbackSuccessful"
    ROLLBACK_FAILED = "RollbackFailed"


FORWARD = frozenset({Status.PENDING, Status.IN_PROGRESS, Status.BAKING})
ACTIVE = FORWARD | {Status.CANCELLING, Status.ROLLBACK_IN_PROGRESS}


@dataclass(frozen=True)
class Preferences:
    """RefreshPreferences, with AWS's defaults. Percentages are of the desired capacity, times in seconds.

    Attributes:
        max_healthy: None ends an instance and launches its replacement at once, one at a time where `min_healthy`
            would allow none; a number launches first where it must.
        protected: what becomes of instances protected from scale-in: Refresh, Ignore or Wait.
        standby: what becomes of instances in standby: Terminate, Ignore or Wait.
    """

    min_healthy: int = 90
    max_healthy: int | None = None
    warmup: int = 0
    checkpoints: tuple[int, ...] = ()
    checkpoint_delay: int = 3600
    bake: int = 0
    alarms: tuple[str, ...] = ()
    auto_rollback: bool = False
    skip_matching: bool = False
    protected: str = "Wait"
    standby: str = "Wait"

    def bounds(self, desired: int) -> tuple[int, int]:
        """The fewest instances that must be healthy, and the most that there may be.

        Where no instance could be replaced between the two, one more may be launched (API reference,
        MaxHealthyPercentage).
        """
        fewest = -(-desired * self.min_healthy // 100)
        if self.max_healthy is None:
            return fewest, desired
        return fewest, max(desired * self.max_healthy // 100, fewest + 1)


@dataclass(frozen=True)
class Configuration:
    """A launch template's version, as it was asked for ("7", "$Default") and its number then."""

    template_id: str
    template_name: str
    version: str
    number: int

    def same(self, other: Configuration | None) -> bool:
        return other is not None and (self.template_id, self.number) == (other.template_id, other.number)


@dataclass(frozen=True)
class Seen:
    """An instance of the group that is not on its way out.

    Attributes:
        template: (launch template's id, version's number) that it was made from.
        healthy: it runs, and the load balancer says so where the group asks it.
    """

    id: str
    launched: datetime
    template: tuple[str, int]
    healthy: bool
    protected: bool = False
    standby: bool = False


@dataclass(frozen=True)
class Fleet:
    """A group now. `ringing`: those of the refresh's alarms that are in ALARM."""

    desired: int
    instances: tuple[Seen, ...]
    ringing: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rollback:
    """RollbackDetails: what had been reached when it began."""

    reason: str
    started: datetime
    percent: int
    remaining: int


@dataclass(frozen=True)
class Refresh:
    """An instance refresh.

    Attributes:
        saved: the group's configuration when it began; None without a launch template.
        outdated: the instances that it replaces; `kept`: those that it leaves as they are. All others are new.
        whole, remaining: how many instances there are to replace, and how many are left.
        lowest, better_at: the smallest `remaining` so far, and since when.
        passed: how many checkpoints lie behind it.
        paused_until: the end of a checkpoint's delay; `baked_at` that of the bake time.
    """

    id: str
    preferences: Preferences
    desired: Configuration | None
    saved: Configuration | None
    started: datetime
    better_at: datetime
    status: Status = Status.PENDING
    reason: str = ""
    ended: datetime | None = None
    outdated: frozenset[str] = frozenset()
    kept: frozenset[str] = frozenset()
    whole: int = 0
    remaining: int = 0
    lowest: int = 0
    passed: int = 0
    paused_until: datetime | None = None
    baked_at: datetime | None = None
    rollback: Rollback | None = None

    @property
    def active(self) -> bool:
        return self.status in ACTIVE

    @property
    def target(self) -> Configuration | None:
        """What new instances are made from, up to the step that ends it."""
        forward = self.status in FORWARD | {Status.SUCCESSFUL}
        return self.desired if forward and self.desired else self.saved

    @property
    def percent(self) -> int:
        """PercentageComplete. It goes back down while it is rolled back."""
        done = 100 * (self.whole - self.remaining) // self.whole if self.whole else 100
        if self.status is Status.PENDING:
            return 0
        if self.rollback is None:
            return done
        return self.rollback.percent * (100 - done) // 100

    @property
    def to_update(self) -> int:
        """InstancesToUpdate: after a rollback's begin, those that needn't be replaced again."""
        return self.rollback.remaining if self.rollback else self.remaining


@dataclass(frozen=True)
class Decision:
    """The refresh as it is now, how many instances of its target to launch, and which to end."""

    refresh: Refresh
    launch: int = 0
    end: tuple[str, ...] = ()


def decide(refresh: Refresh, fleet: Fleet, now: datetime) -> Decision:
    """What an active refresh does next. To be asked again whenever something may have changed, and every second."""
    if refresh.status is Status.CANCELLING:
        return _cancelling(refresh, fleet, now)
    if refresh.status in FORWARD and fleet.ringing:
        alarms = ", ".join(fleet.ringing)
        return _failed(refresh, fleet, f"A CloudWatch alarm is in the ALARM state: {alarms}.", now)
    if refresh.status is Status.PENDING:
        refresh = _begun(refresh, fleet, now)
        if not refresh.outdated and len(refresh.kept) >= fleet.desired:
            return Decision(_ended(refresh, Status.SUCCESSFUL, "", now))
    work = _Work(refresh, fleet, now)
    launch, end = work.step()
    refresh = work.measured()
    if refresh.status is Status.BAKING:
        over = refresh.baked_at is None or now >= refresh.baked_at
        return Decision(_ended(refresh, Status.SUCCESSFUL, "", now) if over else refresh, launch, end)
    if work.reached():
        return Decision(_stage_reached(refresh, now), launch, end)
    if now - refresh.better_at > PATIENCE + timedelta(seconds=refresh.preferences.warmup):
        return _failed(refresh, fleet, f"The instances could not be replaced in time. {work.waiting()}".strip(), now)
    return Decision(replace(refresh, reason=work.waiting()), launch, end)


def roll_back(refresh: Refresh, fleet: Fleet, reason: str, now: datetime) -> Refresh:
    """Turn an active refresh round: what it launched, and what isn't of the saved configuration, is replaced."""
    saved = (refresh.saved.template_id, refresh.saved.number) if refresh.saved else None
    known = refresh.outdated | refresh.kept or frozenset(one.id for one in fleet.instances)
    deployed = frozenset(one.id for one in fleet.instances if one.id not in known or one.template != saved)
    return replace(
        refresh, status=Status.ROLLBACK_IN_PROGRESS, reason=reason,
        rollback=Rollback(reason, now, refresh.percent, refresh.remaining),
        outdated=deployed, kept=frozenset(one.id for one in fleet.instances) - deployed,
        whole=len(deployed), remaining=len(deployed), lowest=len(deployed), better_at=now, paused_until=None,
    )  # fmt: skip


def cancel(refresh: Refresh, wait: bool, now: datetime) -> Refresh:
    """Stop an active refresh where it is. With `wait` the instances that it has just launched get ready first."""
    if not wait:
        return _ended(refresh, Status.CANCELLED, "Cancelled by the user.", now)
    return replace(refresh, status=Status.CANCELLING, reason="Cancelled by the user.", better_at=now)


class _Work:
    """One look at a group: who is new, old, ready; what may be launched and ended now."""

    def __init__(self, refresh: Refresh, fleet: Fleet, now: datetime) -> None:
        self._refresh, self._fleet, self._now = refresh, fleet, now
        preferences = refresh.preferences
        self._members = [one for one in fleet.instances if not one.standby]
        self._old = [one for one in self._members if one.id in refresh.outdated]
        kept = [one for one in self._members if one.id in refresh.kept]
        self._new = [one for one in self._members if one not in self._old and one not in kept]
        self._ready = frozenset(one.id for one in self._members if one.healthy and self._warm(one))
        self.pending = [one for one in self._new if one.id not in self._ready]
        self._standby = (
            [one for one in fleet.instances if one.standby and one.id in refresh.outdated]
            if preferences.standby != "Ignore"
            else []
        )
        self._wanted = max(0, fleet.desired - len(kept))
        self._goal = -(-self._wanted * self._share() // 100)

    def _warm(self, one: Seen) -> bool:
        return (self._now - one.launched).total_seconds() >= self._refresh.preferences.warmup

    def _share(self) -> int:
        """Percentage that may be new until the next checkpoint."""
        checkpoints = self._refresh.preferences.checkpoints
        if not checkpoints or self._refresh.status is Status.ROLLBACK_IN_PROGRESS:
            return 100
        return checkpoints[min(self._refresh.passed, len(checkpoints) - 1)]

    def step(self) -> tuple[int, tuple[str, ...]]:
        """How many to launch, and whom to end, so that neither bound is broken."""
        fewest, most = self._refresh.preferences.bounds(self._fleet.desired)
        spare = len(self._ready) - fewest
        if self._refresh.preferences.max_healthy is None and not self.pending:
            spare = max(spare, 1)
        end = self._chosen(self._replaceable(), len(self._old) - self._staying(), spare)
        spare -= sum(one.id in self._ready for one in end)
        free = sorted((one for one in self._new if not one.protected), key=lambda one: (not self._idle(one), one.id))
        end += self._chosen(free, len(self._new) - self._wanted, spare)
        left = len(self._members) - len(end)
        launch = max(0, self._fleet.desired - left, min(self._goal - len(self._new), most - left))
        if self._refresh.preferences.standby == "Terminate":
            end += self._standby
        return launch, tuple(one.id for one in end)

    def _staying(self) -> int:
        """How many old ones stay until the next checkpoint is passed."""
        return max(0, self._wanted - self._goal)

    def _replaceable(self) -> list[Seen]:
        """Old instances in the order in which they go: those that serve nobody, then the oldest."""
        waits = self._refresh.preferences.protected == "Wait" and self._refresh.rollback is None
        return sorted(
            (one for one in self._old if not (waits and one.protected)),
            key=lambda one: (not self._idle(one), one.template[1], one.launched, one.id),
        )

    def _chosen(self, candidates: Sequence[Seen], count: int, spare: int) -> list[Seen]:
        """The first of them: at most `count`, and at most `spare` that aren't idle. The idle come first."""
        idle = sum(map(self._idle, candidates))
        return list(candidates[: max(0, min(count, idle + max(0, spare)))])

    def _idle(self, one: Seen) -> bool:
        """Whether nobody misses it: an old instance that warms up serves already; a new one needn't yet."""
        if one.id in self._refresh.outdated and self._refresh.rollback is None:
            return not one.healthy
        return one.id not in self._ready

    def reached(self) -> bool:
        """Whether everything of this stage is replaced and ready."""
        last = self._goal >= self._wanted
        return (
            len(self._new) - len(self.pending) >= self._goal
            and len(self._old) <= self._staying()
            and not (last and self._standby)
        )  # fmt: skip

    def measured(self) -> Refresh:
        """The refresh with what is left to do."""
        refresh = self._refresh
        ready = len(self._new) - len(self.pending)
        remaining = max(0, self._wanted - ready) if self._wanted else len(self._old)
        better = remaining < refresh.lowest
        return replace(
            refresh, whole=max(refresh.whole, self._wanted), remaining=remaining,
            lowest=min(remaining, refresh.lowest), better_at=self._now if better else refresh.better_at,
        )  # fmt: skip

    def waiting(self) -> str:
        """StatusReason: what it waits for."""
        sick = next((one.id for one in self.pending if not one.healthy), "")
        cold = next((one.id for one in self.pending), "")
        protected = next((one.id for one in self._old if one not in self._replaceable()), "")
        if sick:
            return f"Waiting for remaining instances to be available. For example: {sick} is not healthy."
        if cold:
            return f"Waiting for instances to warm up before continuing. For example: {cold} is warming up."
        if protected:
            return f"Waiting for scale-in protection to be removed. For example: {protected} is protected."
        if self._standby:
            return f"Waiting for instances to leave standby. For example: {self._standby[0].id} is in Standby."
        return ""


def _begun(refresh: Refresh, fleet: Fleet, now: datetime) -> Refresh:
    preferences, target = refresh.preferences, refresh.target
    wanted = (target.template_id, target.number) if target else None
    kept = frozenset(
        one.id
        for one in fleet.instances
        if (preferences.skip_matching and one.template == wanted)
        or (preferences.protected == "Ignore" and one.protected)
        or (preferences.standby == "Ignore" and one.standby)
    )
    outdated = frozenset(one.id for one in fleet.instances) - kept
    count = len(outdated)
    return replace(
        refresh, status=Status.IN_PROGRESS, outdated=outdated, kept=kept, whole=count, remaining=count, lowest=count,
        better_at=now,
    )  # fmt: skip


def _stage_reached(refresh: Refresh, now: datetime) -> Refresh:
    preferences = refresh.preferences
    if refresh.status is Status.ROLLBACK_IN_PROGRESS:
        return _ended(refresh, Status.ROLLBACK_SUCCESSFUL, refresh.rollback.reason if refresh.rollback else "", now)
    if refresh.passed < len(preferences.checkpoints) - 1:
        if refresh.paused_until is None:
            until = now + timedelta(seconds=preferences.checkpoint_delay)
            percent = preferences.checkpoints[refresh.passed]
            reason = f"Checkpoint of {percent} percent reached. Waiting until {until:%Y-%m-%dT%H:%M:%SZ} to continue."
            return replace(refresh, paused_until=until, reason=reason, better_at=until)
        if now < refresh.paused_until:
            return refresh
        return replace(refresh, passed=refresh.passed + 1, paused_until=None, reason="", better_at=now)
    if preferences.bake:
        until = now + timedelta(seconds=preferences.bake)
        reason = f"Waiting for the bake time to pass, until {until:%Y-%m-%dT%H:%M:%SZ}."
        return replace(refresh, status=Status.BAKING, baked_at=until, reason=reason)
    return _ended(refresh, Status.SUCCESSFUL, "", now)


def _failed(refresh: Refresh, fleet: Fleet, reason: str, now: datetime) -> Decision:
    if refresh.status is Status.ROLLBACK_IN_PROGRESS:
        return Decision(_ended(refresh, Status.ROLLBACK_FAILED, reason, now))
    if refresh.preferences.auto_rollback:
        return Decision(roll_back(refresh, fleet, reason, now))
    return Decision(_ended(refresh, Status.FAILED, reason, now))


def _cancelling(refresh: Refresh, fleet: Fleet, now: datetime) -> Decision:
    """Nothing more is replaced; what has just been launched gets ready, or has had its time."""
    work = _Work(refresh, fleet, now)
    over = now - refresh.better_at > PATIENCE + timedelta(seconds=refresh.preferences.warmup)
    launch = max(0, fleet.desired - sum(not one.standby for one in fleet.instances))
    if over or not work.pending:
        return Decision(_ended(refresh, Status.CANCELLED, refresh.reason, now), launch)
    return Decision(refresh, launch)


def _ended(refresh: Refresh, status: Status, reason: str, now: datetime) -> Refresh:
    return replace(refresh, status=status, reason=reason, ended=now)
