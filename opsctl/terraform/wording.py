"""A plan's figures in people's words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from opsctl.terraform.plan import Action, Change

if TYPE_CHECKING:
    from opsctl.terraform.plan import Plan

DONE_TO = {Action.CREATE: "create", Action.UPDATE: "change", Action.REPLACE: "replace", Action.DELETE: "destroy"}
"""What people call an action, in the order in which figures are told."""


def counted(changes: Iterable[Change]) -> str:
    """Such as "2 to create, 1 to destroy"; "" where nothing is."""
    numbers = Counter(change.action for change in changes)
    return ", ".join(f"{numbers[action]} to {word}" for action, word in DONE_TO.items() if numbers[action])


def summary(plan: Plan) -> str:
    """One line of counts; "No changes." for an empty plan."""
    if counts := counted(plan.changes):
        return f"{counts}."
    return "Only outputs change." if plan.has_changes else "No changes: the environment is as its Terraform says."
