"""Take ephemeral environments away when their time is over. What to do is decided first, and shown; then it is done.

A failure doesn't stop the rest: its environment stays registered, so that the next reaping tries again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from opsctl.config import Config
from opsctl.environments.down import down
from opsctl.environments.environment import Environment
from opsctl.environments.ephemeral.copies import copy_of, forget, registry_of
from opsctl.environments.ephemeral.registration import Registration
from opsctl.environments.intent import Intent
from opsctl.environments.overview import Overview
from opsctl.environments.ports import Ports
from opsctl.errors import Interrupted, OpsctlError, Refused, UsageError
from opsctl.exit_codes import ExitCode


class Fate(Enum):
    """What a reaping does with an ephemeral environment."""

    REAP = "reap"
    KEEP = "keep"
    SKIP = "skip"


@dataclass(frozen=True)
class Decision:
    """What is done with one, and why, in people's words."""

    registration: Registration
    fate: Fate
    why: str


@dataclass(frozen=True)
class Reaped:
    """What came out for one: nothing in `error` when it is gone."""

    environment: str
    error: OpsctlError | None = None


@dataclass(frozen=True)
class Reaping:
    """What a whole reaping did.

    Attributes:
        skipped: expired, but somebody is at work on them.
    """

    reaped: tuple[Reaped, ...]
    skipped: tuple[Decision, ...]

    @property
    def failed(self) -> tuple[Reaped, ...]:
        return tuple(one for one in self.reaped if one.error)

    @property
    def exit_code(self) -> ExitCode:
        """That of the worst: a failure, then what was refused, then what is locked."""
        codes = {one.error.exit_code for one in self.reaped if one.error} | {ExitCode.LOCKED for _ in self.skipped}
        for worst in (ExitCode.FAILED, ExitCode.USAGE, ExitCode.REFUSED, ExitCode.LOCKED):
            if worst in codes:
                return worst
        return max(codes, default=ExitCode.DONE)


def decide(overviews: Sequence[Overview], *, now: datetime, only: Collection[str] = ()) -> list[Decision]:
    """What to do with each ephemeral environment.

    Args:
        only: these, and they need not have expired; empty: all that have.

    Raises:
        UsageError: a name in `only` is no ephemeral environment.
    """
    ephemeral = {found.environment: found for found in overviews if found.registration}
    if unknown := sorted(set(only) - set(ephemeral)):
        raise UsageError(
            f"{unknown[0]!r} is no ephemeral environment.",
            next=f"There are: {', '.join(sorted(ephemeral)) or 'none'}. Others are taken down by opsctl down.",
        )
    return [_decide(found, found.registration, now, only) for found in ephemeral.values() if found.registration]


def _decide(found: Overview, registration: Registration, now: datetime, only: Collection[str]) -> Decision:
    if found.environment in only:
        due, why = True, "you named it"
    elif only:
        due, why = False, "you did not name it"
    else:
        due = registration.left(now) <= timedelta()
        why = f"{'expired' if due else 'has time until'} {registration.expires:%Y-%m-%d %H:%M} UTC"
    # A lock that nobody holds any more is taken over by `down`.
    if due and found.phase == "busy":
        who = (found.lock or {}).get("who") or "somebody"
        return Decision(registration, Fate.SKIP, f"{why}, but is locked by {who}")
    return Decision(registration, Fate.REAP if due else Fate.KEEP, why)


def reap(
    config: Config, decisions: Sequence[Decision], *, reach: Callable[[Environment], Ports],
    on_next: Callable[[Decision], None], on_done: Callable[[Reaped], None],
) -> Reaping:  # fmt: skip
    """Take down what is to be, one after the other, so that what each says stays together.

    Args:
        reach: connects to an environment's cloud; starts the local one if need be.

    Raises:
        Interrupted: the rest is left as it is.
    """
    reaped = []
    for decision in decisions:
        if decision.fate is Fate.REAP:
            on_next(decision)
            reaped.append(_reap_one(config, decision, reach))
            on_done(reaped[-1])
    return Reaping(tuple(reaped), tuple(decision for decision in decisions if decision.fate is Fate.SKIP))


def _reap_one(config: Config, decision: Decision, reach: Callable[[Environment], Ports]) -> Reaped:
    name = decision.registration.name
    try:
        environment = copy_of(config, decision.registration)
        ports = reach(environment)
        registry = registry_of(environment, ports)
        found = registry.read(name)
        if found is not None and found.expires != decision.registration.expires:
            raise Refused(f"{name} was given more time meanwhile.", next=f"opsctl env show {name}")
        # Whoever finds it half gone and unregistered would not know what it was: the registration goes last.
        down(
            ports, approve=lambda plan: True, afresh=lambda lost: True, intent=Intent(f"reaped: {decision.why}"),
            at_last=lambda: registry.remove(name),
        )  # fmt: skip
        forget(config, name)
    except Interrupted:
        raise
    except OpsctlError as error:
        return Reaped(name, error)
    return Reaped(name)
