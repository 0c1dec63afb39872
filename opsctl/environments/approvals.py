"""Plans that somebody else has to agree to, and plans that must still mean what they meant when they were looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opsctl.environments.intent import Intent
from opsctl.environments.ports import Ports

if TYPE_CHECKING:
    from opsctl.terraform import Plan, Terraform


def require_same_plan(ports: Ports, terraform: Terraform, plan: Plan, intent: Intent) -> None:
    """Whether `plan`, made just now, means what `intent.plan_file` means.

    Raises:
        PlanDiffers: something else changed since; it says what.
        PlanStale: the file is no saved plan, or one of another environment, account or version.
    """


def approval_of(ports: Ports, plan: Plan) -> dict[str, Any]:
    """The approval that covers `plan`, as its record shows it; {} where the environment asks for none.

    Raises:
        ApprovalMissing: it asks for one, and there is none, or it has expired, or its approver is the requester.
    """
    return {}
