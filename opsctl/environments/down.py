"""Destroy an environment, and prove that nothing is left of it.

state → destroy plan → approval → empty the buckets → apply → look for leftovers by tag → record. Only the plan that was
approved is applied; what the cloud keeps for a while (a key pending deletion) is listed, not hidden.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from opsctl.environments import planning
from opsctl.environments.emptying import empty_bucket
from opsctl.environments.guards import checking as guards
from opsctl.environments.in_flight import InFlightStore
from opsctl.environments.intent import UNSAID, Intent
from opsctl.environments.leftovers import Leftovers, find_leftovers
from opsctl.environments.locks.locking import locked
from opsctl.environments.lost_cloud import forget_incarnation
from opsctl.environments.occupants import occupants
from opsctl.environments.ports import Ports
from opsctl.environments.up import AfreshApprover, Approver, apply, settle_lost_cloud
from opsctl.errors import OpsctlError

TAGGING_LAG_SECONDS = 120
"""GetResources is eventually consistent. Source: Resource Groups Tagging API reference; the figure is our choice."""


@dataclass(frozen=True)
class Removal:
    """What `down` did.

    Attributes:
        deleted: resources that Terraform destroyed; 0 when there was nothing.
        emptied: objects and versions removed from the environment's buckets.
        stopped: processes of the local cloud that were ended; it ends with its last environment.
        kept_for: environments for whose sake it goes on.
    """

    environment: str
    deleted: int
    emptied: int
    leftovers: Leftovers
    stopped: int
    seconds: float
    kept_for: tuple[str, ...] = ()


class SomethingLeft(OpsctlError):
    """The destroy succeeded and tagged resources are still there."""

    def __init__(self, environment: str, leftovers: Leftovers) -> None:
        super().__init__(
            f"{len(leftovers.forgotten)} resources of {environment} are still there.",
            where="\n         ".join(leftovers.forgotten),
            next="Delete them by hand: Terraform no longer knows them.",
        )


def down(
    ports: Ports, *, approve: Approver, afresh: AfreshApprover, intent: Intent = UNSAID,
    at_last: Callable[[], None] = lambda: None,
) -> Removal:  # fmt: skip
    """Destroy the environment after `approve` agreed to the plan.

    Args:
        at_last: what has to be done once nothing is left, and before a local cloud ends with it.

    Raises:
        GuardRefused, NotApproved, ApprovalMissing, EnvironmentLocked: nothing was changed.
        SomethingLeft: after the destroy, something still carries the environment's tags.
    """
    begin = ports.clock.monotonic()
    deleted, emptied = 0, [0]
    guards.check_place(ports, "down", intent)
    with locked(ports, "down", intent):
        settle_lost_cloud(ports, afresh)
        state = ports.bucket.state() if ports.bucket.exists() else None
        if state and state.resources:
            buckets = [name for kind, name in state.ids if kind == "aws_s3_bucket"]
            terraform = planning.prepare(ports, destroy=True)
            plan = planning.make_plan(ports, terraform, destroy=True)
            apply(
                ports, terraform, plan, command="down", approve=approve, intent=intent,
                before=lambda: emptied.append(empty(ports, buckets)),
            )  # fmt: skip
            deleted = len(plan.deleted)
            InFlightStore(ports.bucket, ports.environment.name).clear()
            forget_incarnation(ports)
    with ports.stage("look for leftovers") as result:
        leftovers = settled_leftovers(ports)
        result("none" if not leftovers.forgotten else f"{len(leftovers.forgotten)} found")
    if leftovers.forgotten:
        raise SomethingLeft(ports.environment.name, leftovers)
    at_last()
    stopped, kept_for = stop_if_empty(ports)
    seconds = ports.clock.monotonic() - begin
    return Removal(ports.environment.name, deleted, sum(emptied), leftovers, stopped, seconds, kept_for)


def stop_if_empty(ports: Ports) -> tuple[int, tuple[str, ...]]:
    """Stop the local cloud if nobody has anything in it: (processes ended, the environments that keep it running)."""
    if ports.cloud is None:
        return 0, ()
    others = tuple(other.environment for other in occupants(ports.cloud.state_folder, incarnation=ports.incarnation))
    return (0, others) if others else (ports.cloud.stop().processes, ())


def empty(ports: Ports, buckets: list[str]) -> int:
    """Remove every object and version, and say how many."""
    with ports.stage("empty the buckets") as result:
        emptied = sum(ports.aws.map(lambda bucket: empty_bucket(ports.aws, bucket), buckets))
        result(f"{emptied} objects in {len(buckets)} buckets")
    return emptied


def settled_leftovers(ports: Ports) -> Leftovers:
    """What is left, after the tagging service had time to notice: it lists what was deleted for a while."""
    deadline = ports.clock.monotonic() + (0 if ports.environment.is_local else TAGGING_LAG_SECONDS)
    while True:
        leftovers = find_leftovers(ports.environment, ports.aws)
        if not leftovers.forgotten or ports.clock.monotonic() >= deadline:
            return leftovers
        ports.clock.sleep(10)
