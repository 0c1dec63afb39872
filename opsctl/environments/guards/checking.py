"""What an environment's own configuration forbids, decided before anything is planned and again before an apply.

facts → violations (`guard_rules`, pure) → refused, all at once, or overridden by name and with a reason. An override
that nothing asked for is an error, so those of an `Intent` that got past both checks were all used.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from opsctl.environments.git import read_repository
from opsctl.environments.guards.gates import CHECKS, judge_gates
from opsctl.environments.guards.rules import (
    NOT_OVERRIDABLE,
    PLACE_GUARDS,
    PLAN_GUARDS,
    Guards,
    Place,
    Violation,
    judge_place,
    judge_plan,
)
from opsctl.environments.intent import UNSAID, Intent
from opsctl.environments.ports import Ports
from opsctl.errors import Refused, UsageError, did_you_mean

if TYPE_CHECKING:
    from opsctl.environments.environment import Environment
    from opsctl.terraform import Plan

INDENT = "\n         "


class GuardRefused(Refused):
    """Guards of the environment object. `violations` are all of them."""

    def __init__(self, environment: str, command: str, violations: Sequence[Violation]) -> None:
        self.violations = tuple(violations)
        names = ", ".join(dict.fromkeys(violation.guard for violation in violations))
        overrides = " ".join(dict.fromkeys(violation.override for violation in violations if violation.overridable))
        ways = [f"{violation.next}." for violation in violations]
        if overrides:
            ways.append(f"Or, recorded with your reason: opsctl {command} {environment} {overrides}")
        super().__init__(
            f"{environment} refuses this {command} ({names}); nothing was changed.",
            where=INDENT.join(
                f"{violation.what} [opsctl.toml: environments -> {environment} -> {violation.where}]"
                for violation in violations
            ),
            next=INDENT.join(dict.fromkeys(ways)),
        )


class OverrideRefused(UsageError):
    """An override names no guard, one that holds always, or one that does not object."""


def check_place(ports: Ports, command: str, intent: Intent) -> None:
    """Whether `command` may begin here and now: account, region, branch, working tree, freeze windows, reason.

    Raises:
        GuardRefused, OverrideRefused: nothing was changed.
    """
    check_overrides(ports.environment, intent)
    violations = _place_violations(ports, intent)
    _require_needed([guard.name for guard in PLACE_GUARDS], violations, intent)
    _refuse(ports, command, violations, intent)


def check_plan(ports: Ports, plan: Plan, command: str, intent: Intent) -> dict[str, str]:
    """Whether this plan may be applied: protected resources, number of destroys, required gates. The place is looked at
    again: waiting for a lock takes time, and a working tree may be changed meanwhile.

    Returns:
        The overrides that were used (guard → reason), those of `check_place` among them, for the record.

    Raises:
        GuardRefused, OverrideRefused: nothing was changed.
    """
    found = _plan_violations(ports, plan, command)
    _require_needed([*(guard.name for guard in PLAN_GUARDS), *CHECKS], found, intent)
    _refuse(ports, command, _place_violations(ports, intent) + found, intent)
    return dict(intent.overrides)


def check_time(ports: Ports, command: str, intent: Intent) -> None:
    """Whether no freeze window has begun while a person was asked.

    Raises:
        GuardRefused: nothing was changed.
    """
    freeze = Guards(freeze=ports.environment.guards.freeze)
    _refuse(ports, command, judge_place(freeze, place_of(ports, freeze, intent)), intent)


def objections(ports: Ports, plan: Plan) -> tuple[Violation, ...]:
    """What this plan's `up` or `down` would meet now, were nothing said beside the command."""
    return _place_violations(ports, UNSAID) + _plan_violations(ports, plan, "down" if plan.binding.destroy else "up")


def _place_violations(ports: Ports, intent: Intent) -> tuple[Violation, ...]:
    guards = ports.environment.guards
    return judge_place(guards, place_of(ports, guards, intent))


def _plan_violations(ports: Ports, plan: Plan, command: str) -> tuple[Violation, ...]:
    guards = ports.environment.guards
    gates = judge_gates(ports, plan, guards.gates) if command == "up" else ()
    return judge_plan(guards, (*plan.deleted, *plan.replaced), command) + gates


def place_of(ports: Ports, guards: Guards, intent: Intent) -> Place:
    """The facts that `guards` judge. git is asked only where one of them needs it."""
    environment = ports.environment
    return Place(
        account_id=environment.account_id,
        region=environment.region,
        identity_account_id=ports.identity.account_id,
        identity_arn=ports.identity.arn,
        repository=read_repository(environment.stack) if guards.branches or guards.clean_tree else None,
        now=ports.clock.now(),
        why=intent.why,
    )


def check_overrides(environment: Environment, intent: Intent) -> None:
    """Raises OverrideRefused when one names a guard that the environment doesn't have, or that holds always."""
    known = [name for name in environment.guards.names if name not in NOT_OVERRIDABLE]
    listing = f"Can be overridden in {environment.name}: {', '.join(known) or 'nothing'}."
    for name in intent.overrides:
        if name in environment.guards.names and name in NOT_OVERRIDABLE:
            raise OverrideRefused(f"{name} can't be overridden: {NOT_OVERRIDABLE[name]}.", next=listing)
        if name not in known:
            raise OverrideRefused(f"{environment.name} has no guard {name!r}.{did_you_mean(name, known)}", next=listing)


def _require_needed(names: Iterable[str], violations: Sequence[Violation], intent: Intent) -> None:
    """An override out of habit, or one that was meant for another guard, is not to pass in silence."""
    objecting = {violation.guard for violation in violations}
    for name in names:
        if name in intent.overrides and name not in objecting:
            raise OverrideRefused(
                f"--override {name} is not needed: that guard does not object.",
                next=f"Leave it out; what objects: {', '.join(sorted(objecting)) or 'nothing'}.",
            )


def _refuse(ports: Ports, command: str, violations: Sequence[Violation], intent: Intent) -> None:
    if left := [violation for violation in violations if violation.guard not in intent.overrides]:
        raise GuardRefused(ports.environment.name, command, left)
