"""What an environment's own configuration forbids, decided before anything is planned and again before an apply."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opsctl.environments.intent import Intent
from opsctl.environments.ports import Ports

if TYPE_CHECKING:
    from opsctl.terraform import Plan


def check_place(ports: Ports, command: str, intent: Intent) -> None:
    """Whether `command` may begin here and now: account, region, branch, working tree, freeze windows.

    Raises:
        GuardRefused: nothing was changed.
    """


def check_plan(ports: Ports, plan: Plan, command: str, intent: Intent) -> dict[str, str]:
    """Whether this plan may be applied: protected resources, number of destroys, required gates.

    Returns:
        The overrides that were used (guard → reason), for the record.

    Raises:
        GuardRefused: nothing was changed.
    """
    return {}
