"""The form of a technique: which permissions together make somebody more than they were given, and through what."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from itertools import product


class Through(Enum):
    """What an escalation goes through; decides what is looked for in the estate."""

    SELF = "own permissions"  # what the principal itself may do
    ANYTHING = "something new"  # a principal that is made on the spot: no target needed
    GROUP = "a group"
    USER = "a user"
    ROLE = "a role, whoever it trusts"
    TRUST = "a role that trusts the principal"
    PASSED = "a role that trusts a service"
    CARRIER = "something that runs as a role"
    ELSEWHERE = "something that no Terraform plan shows"  # Identity Center, root of a member account


@dataclass(frozen=True)
class Technique:
    """One way, with its variants.

    Attributes:
        id: of its rule, without "escalation/".
        needs: any of these sets of actions suffices; the first action of each is the decisive one, aimed at the target.
        services: that the passed role must trust (any of them), and what iam:PassedToService then is.
        carriers: kinds of `estate.Carrier` that it takes over.
        loosely: kinds that it takes over too and whose ARNs the permission doesn't name (the instances of a group);
            they count where the permission has a wildcard.
        seen_only: counts only where a plan shows the target. Without that the permission alone says too little: it is
            in everyday use, or AWS asks for more unless a fitting target is there.
        step: what happens, a verb in the third person; "{target}" is the role, user or carrier.
        page: of AWS's documentation that says so.
    """

    id: str
    title: str
    through: Through
    needs: tuple[tuple[str, ...], ...]
    step: str
    services: tuple[str, ...] = ()
    carriers: tuple[str, ...] = ()
    loosely: tuple[str, ...] = ()
    seen_only: bool = False
    page: str = ""


def variants(*needs: str) -> tuple[tuple[str, ...], ...]:
    """Every need must be met, "A | B + C" by A or by B and C together.

    >>> variants("lambda:CreateFunction", "lambda:InvokeFunction | lambda:AddPermission")
    (('lambda:CreateFunction', 'lambda:InvokeFunction'), ('lambda:CreateFunction', 'lambda:AddPermission'))
    """
    choices = [[tuple(part.split(" + ")) for part in need.split(" | ")] for need in needs]
    return tuple(tuple(action for part in chosen for action in part) for chosen in product(*choices))
