"""Release an environment's lock: Terraform's and ours as one thing, in just the versions that were judged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from opsctl.environments.intent import UNSAID
from opsctl.environments.locks.lock import Life
from opsctl.environments.locks.locking import (
    Heartbeat,
    Situation,
    key,
    look,
    new_lock,
    record_abandoned,
    release,
    release_state,
)
from opsctl.environments.ports import Ports
from opsctl.environments.records import recorded
from opsctl.errors import Refused

TRIES = 5
"""A live holder renews its lock while we take it by force: then its newest version is taken."""


class UnlockRefused(Refused):
    """The holder is at work, or may be, or somebody said no. Nothing was changed."""


@dataclass(frozen=True)
class Unlocked:
    """What `unlock` did.

    Attributes:
        before: the locks as they were and are no longer; None where the environment was free.
        forced: they were not seen to be orphaned: a person vouched for it.
    """

    environment: str
    before: Situation | None
    forced: bool = False


def unlock(ports: Ports, *, force: bool, approve: Callable[[Situation], bool]) -> Unlocked:
    """Release what a dead command left; what may be at work only by force. Leaves a record, and the dead command's.

    Args:
        force: a person vouches that nothing is at work, and gave the environment's name.
        approve: the question to a person.

    Raises:
        UnlockRefused: nothing was changed.
        AwsError: the bucket can't be reached.
    """
    name = ports.environment.name
    situation = look(ports) if ports.bucket.exists() else None
    if situation is None:
        return Unlocked(name, None)
    forced = situation.verdict.life is not Life.ORPHANED
    if forced and not force:
        follows = situation.own and situation.own.may_succeed
        wait = f"opsctl up {name} (or down) follows it to its end and goes on. " if follows else ""
        raise UnlockRefused(
            f"{name} stays locked by {situation.holder}.",
            where=situation.place,
            next=f"{wait}If you are sure that nothing is at work: opsctl unlock {name} --force --name {name}",
        )
    if not approve(situation):
        raise UnlockRefused(f"{name} stays locked.")
    # With the lock in our own hands nobody comes in before all is released and recorded.
    ours = _take_over(ports, situation, forced=forced)
    try:
        if situation.lock and not forced:
            record_abandoned(ports, situation.lock)
        with recorded(ports, "unlock", {"lock": situation.to_json(), "forced": forced}, under_lock=not forced):
            release_state(ports, situation)
    finally:
        release(ports, ours)
    return Unlocked(name, situation, forced)


def _take_over(ports: Ports, situation: Situation, *, forced: bool) -> Heartbeat:
    mine, now = new_lock(ports, "unlock", UNSAID), situation.found
    for _ in range(TRIES if forced else 1):
        etag = ports.bucket.replace(key(mine.environment), mine.to_json().encode(), now.etag if now else None)
        if etag:
            return Heartbeat(ports, mine, etag, on_lost=lambda: None)
        again = look(ports)
        if not (again and again.lock and situation.lock and again.lock.id == situation.lock.id):
            break
        now = again.found
    raise UnlockRefused(
        f"The lock of {mine.environment} changed meanwhile: its holder gave a sign of life, or somebody else took it.",
        next=f"opsctl status {mine.environment}",
    )
