"""Plans that somebody else has to agree to, and plans that must still mean what they meant when they were looked at.

An approval is a record in the journal, bound to what a plan means (`Plan.meaning`) and not to its file: the plan that
is applied is made afresh, on today's state, and has to mean the same. It is for one apply, and only for a while.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opsctl.environments.approvals.callers import is_shared, person_of
from opsctl.environments.approvals.policy import ApprovalPolicy
from opsctl.environments.environment import Environment
from opsctl.environments.events import Notice
from opsctl.environments.intent import Intent
from opsctl.environments.ports import Ports
from opsctl.errors import Refused
from opsctl.journal import Record

if TYPE_CHECKING:
    from opsctl.terraform import Plan, Terraform
    from opsctl.terraform.plan import Binding

CLOCKS_DIFFER = timedelta(minutes=5)
"""How far ahead an approver's clock may be. AWS itself refuses requests whose clock is more than this off (SigV4)."""
LINES = 20
"""Differences that are told one by one."""


class PlanDiffers(Refused):
    """A plan made now would not do what the saved one says."""

    def __init__(self, file: Path, lines: tuple[str, ...], environment: str) -> None:
        number = len(lines)
        self.lines = lines
        shown = [*lines[:LINES], *([f"and {number - LINES} more"] if number > LINES else [])]
        super().__init__(
            f"{number} thing{'s differ' if number > 1 else ' differs'} from the saved plan. Nothing was applied.",
            where="\n         ".join(shown),
            next=f"Look at it again: opsctl plan {environment} --out {file}",
        )


class ApprovalMissing(Refused):
    """Somebody else has to agree first."""


@dataclass(frozen=True)
class Approval:
    """One person's agreement to what a plan means.

    Attributes:
        sequence: its place in the journal.
        approver, requester: ARNs as STS gives them; the requester made the plan that was looked at.
    """

    sequence: int
    approver: str
    requester: str
    meaning: str
    at: datetime
    expires_at: datetime


# The plan that was looked at


def check_plan_file(environment: Environment, plan_file: Path) -> Binding:
    """Whether a file is a saved plan of this environment, before anything slow begins.

    Raises:
        PlanStale: it says what is wrong with it.
    """
    from opsctl.terraform.failures import PlanStale
    from opsctl.terraform.plan import binding_of

    binding = binding_of(plan_file)
    for made_for, here, meaning in (
        (binding.environment, environment.name, "environment"),
        (binding.origin.account_id, environment.account_id, "account"),
        (binding.origin.region, environment.region, "region"),
    ):
        if made_for != here:
            raise PlanStale(
                f"The plan was made for {meaning} {made_for or '(unknown)'}, not for {here}. Nothing was applied.",
                where=str(plan_file), next=f"Plan again: opsctl plan {environment.name} --out {plan_file}",
            )  # fmt: skip
    return binding


def require_same_plan(ports: Ports, terraform: Terraform, plan: Plan, intent: Intent) -> None:
    """Whether `plan`, made just now, means what `intent.plan_file` means. Nothing to compare without a file.

    Raises:
        PlanDiffers: something else changed since; it says what.
        PlanStale: the file is no saved plan, or one of another environment, account, version or state.
    """
    from opsctl.terraform.failures import PlanStale
    from opsctl.terraform.meaning import differences

    file = intent.plan_file
    if file is None:
        return
    was, now = check_plan_file(ports.environment, file), plan.binding
    for before, today, meaning in (
        (was.terraform_version, now.terraform_version, "with Terraform"),
        (was.provider_version, now.provider_version, "with provider"),
        ("down" if was.destroy else "up", "down" if now.destroy else "up", "for opsctl"),
        # A first apply gives a state its lineage; that this has happened since shows in what the plans mean.
        (was.state_lineage or now.state_lineage, now.state_lineage or was.state_lineage, "on the state of lineage"),
    ):
        if before != today:
            raise PlanStale(
                f"The plan was made {meaning} {before}; here it is {today}. Nothing was applied.",
                where=str(file), next=f"Plan again: opsctl plan {plan.environment} --out {file}",
            )  # fmt: skip
    with ports.stage("compare with the saved plan") as result:
        saved = terraform.show(file)
        lines = tuple(map(terraform.masked, differences(saved, plan)))
        if was.configuration_sha256 != now.configuration_sha256:
            # Where an unknown value will come from is the configuration's to say: no plan shows it.
            lines += ("the configuration: its files or variables are not those of the saved plan",)
        if lines:
            raise PlanDiffers(file, lines, plan.environment)
        result("it means the same")
    if was.state_serial != now.state_serial:
        ports.on_event(
            Notice(f"The state moved on since (serial {was.state_serial} → {now.state_serial}); the plan is the same.")
        )


# Who agreed to it


def approval_of(ports: Ports, plan: Plan) -> dict[str, Any]:
    """The approvals that cover `plan`, as the record of its apply shows them; {} where the environment asks for none.

    Raises:
        ApprovalMissing: it asks for more than there are; why others don't count is said.
    """
    policy = policy_of(ports)
    if not policy.required or not plan.has_changes:
        return {}
    found, refused = judge(ports, plan.meaning, policy)
    people: dict[str, Approval] = {}
    for approval in found:
        people.setdefault(person_of(approval.approver), approval)
    if len(people) < policy.required:
        others = " by somebody else" if policy.other_than_requester else ""
        kept = [f"counts: {_words(approval)}" for approval in people.values()]
        raise ApprovalMissing(
            f"{plan.environment} asks for {policy.required} approval{'s' * (policy.required > 1)}{others}; "
            f"this plan has {len(people) or 'none'}. Nothing was applied.",
            where="\n         ".join([*kept, *refused]),
            next=f"{command_for_a_colleague(plan)}; then run this again within {policy.minutes} minutes.",
        )
    used = list(people.values())[: policy.required]
    return {
        "meaning": plan.meaning,
        "by": [approval.approver for approval in used],
        "records": [approval.sequence for approval in used],
    }


def judge(ports: Ports, meaning: str, policy: ApprovalPolicy) -> tuple[list[Approval], list[str]]:
    """Approvals of `meaning` that hold now, the newest first; and why others of the same meaning don't, in words."""
    now, me = ports.clock.now(), ports.identity.arn
    used: set[int] = set()
    found, refused = [], []
    for record in _recent(ports, now - timedelta(minutes=policy.minutes) - CLOCKS_DIFFER):
        used |= _used_by(record)
        approval = _parsed(record)
        if approval is None or approval.meaning != meaning:
            continue
        expires_at = min(approval.expires_at, approval.at + timedelta(minutes=policy.minutes))
        own = policy.other_than_requester and (
            (same(approval.approver, me) and me) or (same(approval.approver, approval.requester) and approval.requester)
        )
        reason = (
            f"was used by an earlier apply (record {approval.sequence})" if approval.sequence in used
            else f"expired at {expires_at:%H:%M} UTC" if now >= expires_at
            else "is from the future: a clock is wrong" if approval.at > now + CLOCKS_DIFFER
            else f"is the requester's own ({'; '.join(filter(None, (str(own), shared(str(own)))))})" if own
            else ""
        )  # fmt: skip
        if reason:
            refused.append(f"does not count: {_words(approval)} {reason}")
        else:
            found.append(approval)
    return found, refused


def policy_of(ports: Ports) -> ApprovalPolicy:
    """What the environment asks for."""
    return ports.environment.guards.approvals


def same(one: str, other: str) -> bool:
    """Whether two ARNs are, or may be, one person's."""
    return person_of(one) == person_of(other)


def command_for_a_colleague(plan: Plan) -> str:
    """What somebody else has to run, word for word."""
    destroy = " --destroy" if plan.binding.destroy else ""
    return (
        f"A colleague runs at the same commit: opsctl approve {plan.environment}{destroy} (or, with copies of the plan "
        f"and its .json: opsctl approve {plan.environment} --plan {plan.file})"
    )


def _recent(ports: Ports, since: datetime) -> Iterator[Record]:
    """Records not older than `since`, the newest first.

    Raises:
        ApprovalMissing: one of them is gone, was edited, or does not follow the one before it.
    """
    follower: Record | None = None
    for record in ports.journal.newest():
        broken = not isinstance(record, Record) or is_edited(record) or (follower and follower.previous != record.hash)
        if broken:
            raise ApprovalMissing(
                f"Record {record.sequence} of the journal is broken, so no approval in it can be trusted.",
                next=f"opsctl history {ports.environment.name} --verify",
            )
        assert isinstance(record, Record)
        if _time(record.entry.at) < since:
            return
        follower = record
        yield record


def is_edited(record: Record) -> bool:
    from opsctl.journal.record import edited

    return bool(edited(record.to_json()))


def _parsed(record: Record) -> Approval | None:
    entry = record.entry
    if (entry.command, entry.result) != ("approve", "done"):
        return None
    try:
        return Approval(
            record.sequence, entry.who, str(entry.details["requester"]), str(entry.details["meaning"]),
            _time(entry.at), _time(str(entry.details["expires_at"])),
        )  # fmt: skip
    except (KeyError, ValueError):
        return None


def _used_by(record: Record) -> set[int]:
    """Approvals that an apply used up, however it ended: what it left half done is another plan."""
    approval = record.entry.details.get("approval")
    numbers = approval.get("records") if isinstance(approval, dict) else None
    return {number for number in numbers if isinstance(number, int)} if isinstance(numbers, list) else set()


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _words(approval: Approval) -> str:
    return f"{approval.approver} at {approval.at:%H:%M} UTC"


def shared(arn: str) -> str:
    """Why an ARN may stand for somebody else than it seems; "" where it does not."""
    return "sessions of one role count as one person: callers choose their names themselves" if is_shared(arn) else ""
