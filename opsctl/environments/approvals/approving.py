"""Agree to a plan: look at it, say yes, leave a record that an apply of the same plan may use once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from opsctl.environments import planning
from opsctl.environments.approvals.required import Approval, command_for_a_colleague, policy_of, same, shared
from opsctl.environments.ports import Ports
from opsctl.environments.records import recorded
from opsctl.environments.up import AfreshApprover, NotApproved, plan_up
from opsctl.errors import Refused

if TYPE_CHECKING:
    from opsctl.terraform import Plan


class OwnPlan(Refused):
    """Who made the plan may not be the one who approves it."""


def approve(
    ports: Ports, *, ask: Callable[[Plan], bool], afresh: AfreshApprover, plan_file: Path | None = None,
    destroy: bool = False, minutes: int = 60, why: str = "",
) -> Approval:  # fmt: skip
    """Record that the caller agrees to what a plan means. The caller is who AWS STS says, not who they say.

    Args:
        ask: shows the plan to the caller and says whether they agree.
        plan_file: somebody's saved plan; None makes one of this checkout, for `up` or (`destroy`) for `down`.
        minutes: how long it holds; the environment may ask for less.

    Raises:
        PlanStale: the file is no saved plan, or another environment's.
        OwnPlan: the caller made it, and the environment asks for somebody else.
        NotApproved: the caller said no.
    """
    policy, me = policy_of(ports), ports.identity.arn
    if plan_file:
        plan = planning.saved_plan(ports, plan_file)
    elif destroy:
        _, plan = planning.plan_down(ports)
    else:
        _, plan = plan_up(ports, afresh=afresh)
    requester = plan.binding.origin.made_by if plan_file else ""
    if not plan.has_changes:
        raise Refused("The plan changes nothing: there is nothing to approve.")
    if policy.required and policy.other_than_requester and same(me, requester):
        raise OwnPlan(
            f"{plan.environment} asks for the approval of somebody else than who made the plan ({requester}).",
            where=shared(me), next=command_for_a_colleague(plan),
        )  # fmt: skip
    if not ask(plan):
        raise NotApproved
    now = ports.clock.now()
    expires_at = now + timedelta(minutes=min(minutes, policy.minutes) if policy.required else minutes)
    details = {
        "meaning": plan.meaning,
        "requester": requester,
        "expires_at": expires_at.isoformat(timespec="seconds"),
        "why": why,
    }
    with recorded(ports, "approve", details):
        pass
    return Approval(0, me, requester, plan.meaning, now, expires_at)
