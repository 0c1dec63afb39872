"""An environment's lock as data: who holds it, since when and why, and whether anybody still does.

Nothing here looks at the world: `judge` decides from what was seen (`locking.look`). What people miss in other tools is
just this judgement: pulumi#2073, sst#5096, atlantis#5708 and hashicorp/terraform#31371 are about locks of which nobody
could say whether they may be removed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from datetime import UTC, datetime
from enum import Enum
from typing import Any

HEARTBEAT_SECONDS = 15.0
"""Between two signs of life of a holder."""
FRESH_SECONDS = 4 * HEARTBEAT_SECONDS
"""A holder that was seen this recently is at work: it may miss three heartbeats (the DynamoDB lock client's README asks
for a lease of at least three)."""
SILENT_SECONDS = 600.0
"""Silence after which a holder on another machine counts as gone: more than twice what one heartbeat may take in a bad
network (`opsctl.aws.clients`: 6 tries of 5 + 30 s and the waits between them, 4 min)."""
TERRAFORM_SECONDS = 2 * 3600.0
"""The same where its Terraform held the state: one whose opsctl was killed goes on without signs of life. The AWS
provider's longest default timeout in our stack is 90 min (aws_cloudfront_distribution)."""


@dataclass(frozen=True)
class Process:
    """A process, told from every other, also from a later one with the same number.

    Attributes:
        ticks: its start, in clock ticks since boot; 0 where the system has no /proc.
        boot: id of the machine's boot; "" where it isn't known.
        namespace: of process numbers (containers have their own).
        machine: id of the installation, hashed; "" where it has none.
    """

    host: str
    pid: int
    ticks: int = 0
    boot: str = ""
    namespace: str = ""
    machine: str = ""

    def sees(self, other: Process) -> bool:
        """Whether `other`'s number means the same process here."""
        return bool(self.boot) and (self.boot, self.namespace) == (other.boot, other.namespace)

    def is_after_restart_of(self, other: Process) -> bool:
        """Whether `other` ran on this machine before it was last started."""
        same = bool(self.machine and self.boot and other.boot)
        return same and (self.host, self.machine) == (other.host, other.machine) and self.boot != other.boot


@dataclass(frozen=True)
class Lock:
    """What a holder writes.

    Attributes:
        id: random; a lock is released only by who knows it.
        who: the holder's ARN as AWS STS gives it; `user` is its name on the machine.
        work: the environment's work folder there, which tells what became of its Terraform.
        since, seen: UTC by the holder's clock, ISO 8601: when it took the lock, its last sign of life.
        url: of the CI run, where there is one.
    """

    id: str
    environment: str
    command: str
    who: str
    user: str
    process: Process
    work: str
    since: str
    seen: str
    why: str = ""
    url: str = ""

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2)

    @classmethod
    def from_json(cls, text: str) -> Lock:
        """Fields of a later version are passed over.

        Raises:
            ValueError: it is not a lock; the message says what is wrong.
        """
        document = json.loads(text)
        if not isinstance(document, dict) or not isinstance(document.get("process"), dict):
            raise ValueError("it is not a lock")
        process: Process = _typed(Process, document["process"])
        if not 0 < process.pid < 2**31:
            raise ValueError("its process has no number that there is")
        lock: Lock = _typed(cls, document | {"process": process})
        for value in (lock.since, lock.seen):
            moment(value)
        return lock

    @property
    def held_seconds(self) -> float:
        """From taking it to the last sign of life; both are of one clock."""
        return max(0.0, (moment(self.seen) - moment(self.since)).total_seconds())


@dataclass(frozen=True)
class StateLock:
    """Terraform's own lock on the state (`.tflock`), which has no sign of life.

    Attributes:
        who: user@host, as Terraform writes it.
        created: UTC by that host's clock.
        operation: such as OperationTypeApply.
    """

    id: str
    who: str
    created: datetime
    operation: str

    @classmethod
    def from_json(cls, text: str) -> StateLock:
        """Source: Terraform's statemgr.LockInfo.

        Raises:
            ValueError: it is not one.
        """
        document = json.loads(text)
        values = [document.get(name) for name in ("ID", "Who", "Created")] if isinstance(document, dict) else [None]
        if not all(isinstance(value, str) and value for value in values):
            raise ValueError("it is not a lock of Terraform")
        return cls(document["ID"], document["Who"], moment(document["Created"]), str(document.get("Operation", "")))

    @property
    def host(self) -> str:
        return self.who.partition("@")[2]

    def is_of(self, lock: Lock) -> bool:
        """Whether the Terraform of that command took it."""
        return self.host == lock.process.host and self.created >= moment(lock.since)


class Life(Enum):
    """Whether a lock's holder is at work."""

    LIVE = "live"
    ORPHANED = "orphaned"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Verdict:
    """A judgement, and why.

    Attributes:
        may_succeed: the next command here may take the lock by itself: its process was seen to be gone, and what may be
            left of its Terraform is in that command's own work folder, where the runner follows it to its end.
    """

    life: Life
    why: str
    may_succeed: bool = False


@dataclass(frozen=True)
class Evidence:
    """What can be seen of a lock's holder from here.

    Attributes:
        alive: whether its process runs; None if it can't be seen from here.
        terraform: the Terraform of that command that is still at work, in words; "" if there is none, None if that
            can't be seen from here.
        is_ours: it works in our own work folder.
        silence_seconds: since its last sign of life, by the bucket's clock alone.
        holds_state: its Terraform has the state's lock.
    """

    here: Process
    alive: bool | None
    terraform: str | None
    silence_seconds: float
    holds_state: bool = False
    is_ours: bool = False


def judge(lock: Lock, seen: Evidence) -> Verdict:
    """Whether the holder of an environment's lock is at work."""
    process, silence = lock.process, age(seen.silence_seconds)
    if seen.here.sees(process) and seen.alive is not None:
        return _judge_visible(process, seen)
    if seen.silence_seconds <= FRESH_SECONDS:
        return Verdict(Life.LIVE, f"it gave a sign of life {silence} ago")
    if seen.here.is_after_restart_of(process):
        restarted = f"{process.host} was restarted since, and nothing was heard of it for {silence}"
        return Verdict(Life.ORPHANED, restarted, may_succeed=True)
    unheard = f"nothing was heard of it for {silence} (a sign of life is due every {HEARTBEAT_SECONDS:.0f} s)"
    if seen.silence_seconds <= SILENT_SECONDS:
        return Verdict(Life.UNKNOWN, f"{unheard}; its network may be down")
    if seen.holds_state and seen.silence_seconds <= TERRAFORM_SECONDS:
        return Verdict(Life.UNKNOWN, f"{unheard}; its Terraform holds the state and may be at work without it")
    return Verdict(Life.ORPHANED, unheard)


def _judge_visible(process: Process, seen: Evidence) -> Verdict:
    if seen.alive:
        still = f"process {process.pid} runs on this machine"
        if seen.silence_seconds > FRESH_SECONDS:
            still += f", though nothing was heard of it for {age(seen.silence_seconds)}: it may be suspended"
        return Verdict(Life.LIVE, still)
    ended = f"process {process.pid} of this machine has ended"
    if seen.terraform:
        return Verdict(Life.LIVE, f"{ended}, and its {seen.terraform} is still at work", may_succeed=seen.is_ours)
    if seen.terraform is None:
        return Verdict(Life.UNKNOWN, f"{ended}; whether its Terraform is still at work can't be seen by this user")
    return Verdict(Life.ORPHANED, f"{ended}, and no Terraform of it is at work", may_succeed=True)


@dataclass(frozen=True)
class TerraformRun:
    """What the record of a Terraform run in the work folder tells. Times are UTC."""

    command: str
    pid: int
    is_alive: bool
    started: datetime
    ended: datetime


def judge_state_lock(lock: StateLock, here: Process, user: str, run: TerraformRun | None) -> Verdict:
    """The same for Terraform's own lock, when the environment's lock tells nothing of it."""
    at_home = lock.who == f"{user}@{here.host}"
    if at_home and run and run.is_alive:
        return Verdict(Life.LIVE, f"terraform {run.command} (process {run.pid}) is at work on this machine")
    if at_home and run and run.started <= lock.created.replace(microsecond=0) <= run.ended:
        return Verdict(Life.ORPHANED, f"terraform {run.command} (process {run.pid}), which took it here, has ended")
    return Verdict(Life.UNKNOWN, f"Terraform took it for {lock.who} and gives no sign of life")


GRAVITY = (Life.ORPHANED, Life.UNKNOWN, Life.LIVE)


def graver(one: Verdict, other: Verdict) -> Verdict:
    """Of two judgements that one to act upon: what may be alive counts."""
    return max(one, other, key=lambda verdict: GRAVITY.index(verdict.life))


def moment(text: str) -> datetime:
    """An aware time from ISO 8601. Terraform writes nanoseconds.

    Raises:
        ValueError: it is not one, or has no zone.
    """
    parsed = datetime.fromisoformat(text)
    if parsed.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    try:
        return parsed.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"{text!r} is out of range") from error


def age(seconds: float) -> str:
    """A duration as people say it: 4 s, 12 min, 3 h 05 min, 2 days."""
    whole = max(0, round(seconds))
    if whole < 90:
        return f"{whole} s"
    if whole < 5400:
        return f"{round(whole / 60)} min"
    hours, minutes = divmod(round(whole / 60), 60)
    return f"{hours} h {minutes:02d} min" if hours < 48 else f"{round(hours / 24)} days"


def _typed(kind: Any, values: Mapping[str, Any]) -> Any:
    """A dataclass from a mapping; every field has to be there with its type, unless it has a default."""
    known = {}
    for item in fields(kind):
        if item.name not in values:
            if item.default is MISSING:
                raise ValueError(f"it has no {item.name}")
            continue
        value = values[item.name]
        wanted = {"str": str, "int": int, "Process": Process}[str(item.type)]
        if not isinstance(value, wanted) or isinstance(value, bool):
            raise ValueError(f"its {item.name} is not of type {wanted.__name__}")
        known[item.name] = value
    return kind(**known)
