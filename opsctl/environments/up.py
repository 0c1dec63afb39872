"""Take an environment up.

name → Environment → guards → lock → saved plan → guards → approval → apply → record → settled → proof. Each stage has
one input and one output and can be called alone; nothing before `apply` changes anything, and `apply` takes only the
plan that was approved.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opsctl.environments import planning
from opsctl.environments.approvals.required import approval_of, check_plan_file, require_same_plan
from opsctl.environments.ephemeral.copies import require_time_left
from opsctl.environments.events import Notice
from opsctl.environments.guards import checking as guards
from opsctl.environments.in_flight import require_none_in_flight
from opsctl.environments.intent import UNSAID, Intent
from opsctl.environments.locks.locking import locked, require_held
from opsctl.environments.lost_cloud import LostCloud, StaleState, find_lost_cloud, note_incarnation, start_afresh
from opsctl.environments.ports import Ports
from opsctl.environments.records import addresses, recorded
from opsctl.environments.settling import settle
from opsctl.errors import Refused

if TYPE_CHECKING:
    from opsctl.terraform import Plan, Terraform

Approver = Callable[["Plan"], bool]
AfreshApprover = Callable[[LostCloud], bool]


class NotApproved(Refused):
    """A person looked at the plan and said no."""

    def __init__(self) -> None:
        super().__init__("The plan was not approved; nothing was changed.")


@dataclass(frozen=True)
class Deployment:
    """What `up` did.

    Attributes:
        changed: False when the plan was empty and nothing was applied.
        counts: created, updated, replaced, deleted.
        outputs: the stack's outputs that are not secret.
    """

    environment: str
    changed: bool
    counts: dict[str, int]
    outputs: dict[str, Any]
    seconds: float


def plan_up(ports: Ports, *, afresh: AfreshApprover, out: Path | None = None) -> tuple[Terraform, Plan]:
    """Everything up to the saved plan. `afresh` is asked when the local cloud forgot what the state lists.

    Args:
        out: where to save the plan; None: in the work folder.

    Raises:
        StaleState: it was not agreed to start afresh.
        FunctionsRefused: AWS would not take a function as it is built, or it carries a secret.
    """
    planning.check_files(ports.environment)
    settle_lost_cloud(ports, afresh)
    terraform = planning.prepare(ports)
    plan = planning.make_plan(ports, terraform, out=out)
    planning.check_functions(ports, plan)
    return terraform, plan


def up(ports: Ports, *, approve: Approver, afresh: AfreshApprover, intent: Intent = UNSAID) -> Deployment:
    """Make the environment what its Terraform says, after `approve` agreed to the plan.

    Raises:
        GuardRefused, NotApproved, ApprovalMissing, PlanDiffers, StaleState, EnvironmentLocked: nothing was changed.
        UnfinishedDeploy: likewise; a deploy is half done.
        OpsctlError: as its stage says; the state holds what was made, and the next `up` goes on from there.
    """
    begin = ports.clock.monotonic()
    planning.check_files(ports.environment)
    require_time_left(ports)
    if intent.plan_file:
        check_plan_file(ports.environment, intent.plan_file)
    guards.check_place(ports, "up", intent)
    planning.require_bucket(ports)
    with locked(ports, "up", intent):
        terraform, plan = plan_up(ports, afresh=afresh)
        require_none_in_flight(ports.bucket, ports.environment.name)
        require_same_plan(ports, terraform, plan, intent)
        if plan.has_changes:
            apply(ports, terraform, plan, command="up", approve=approve, intent=intent)
        state = ports.bucket.state()
        if state:
            settle(ports, state.outputs)
    return Deployment(
        environment=ports.environment.name,
        changed=plan.has_changes,
        counts=count(plan),
        outputs=dict(state.outputs) if state else {},
        seconds=ports.clock.monotonic() - begin,
    )


def apply(
    ports: Ports, terraform: Terraform, plan: Plan, *, command: str, approve: Approver, intent: Intent,
    before: Callable[[], None] = lambda: None,
) -> None:  # fmt: skip
    """Apply a plan that passes the guards and is approved, and leave a record, also of a failure.

    Args:
        before: what has to be done once the plan is approved and before it is applied.
    """
    overridden = guards.check_plan(ports, plan, command, intent)
    approval = approval_of(ports, plan)
    if not approve(plan):
        raise NotApproved
    guards.check_time(ports, command, intent)
    details = {
        "plan_sha256": plan.sha256,
        "meaning": plan.meaning,
        "counts": count(plan),
        "changes": addresses(plan),
        "terraform": terraform.binary.version,
        "provider": terraform.provider.version,
        "why": intent.why,
        "overrides": overridden,
        "approval": approval,
    }
    require_held(ports)
    with recorded(ports, command, details, under_lock=True):
        before()
        if plan.created or plan.replaced:
            planning.upload_packages(ports)
        with ports.stage("terraform apply"):
            note_incarnation(ports)
            terraform.apply(plan)


def count(plan: Plan) -> dict[str, int]:
    """How many resources a plan creates, updates, replaces and deletes."""
    return {
        "created": len(plan.created), "updated": len(plan.updated),
        "replaced": len(plan.replaced), "deleted": len(plan.deleted),
    }  # fmt: skip


def settle_lost_cloud(ports: Ports, afresh: AfreshApprover) -> None:
    """Archive what a lost local cloud left behind, if there was one and `afresh` agrees."""
    if not ports.bucket.exists():
        return
    lost = find_lost_cloud(ports)
    if lost is None:
        return
    if not afresh(lost):
        raise StaleState(lost)
    place = start_afresh(ports)
    ports.on_event(Notice(f"The local cloud had been restarted. Its old state is in {place}."))
