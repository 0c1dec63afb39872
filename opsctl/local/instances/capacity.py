"""How many instances a group starts and ends, and which: decisions without a cloud.

Source: Amazon EC2 Auto Scaling user guide, "Control which instances terminate" and "Instance distribution"
(https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-instance-termination.html).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Member:
    """An instance that serves in a group.

    Attributes:
        subnet: where it is; a group spreads over its subnets.
        template_version: of the launch template that it was made from.
        protected: from being chosen when the group shrinks.
    """

    id: str
    subnet: str
    launched: datetime
    template_version: int = 0
    protected: bool = False


Order = Callable[[Member], Any]
_OLDEST: Order = lambda member: member.launched  # noqa: E731
_OLDEST_TEMPLATE: Order = lambda member: member.template_version  # noqa: E731
POLICIES: dict[str, Order] = {
    "OldestInstance": _OLDEST,
    "NewestInstance": lambda member: -member.launched.timestamp(),
    "OldestLaunchTemplate": _OLDEST_TEMPLATE,
    "OldestLaunchConfiguration": _OLDEST_TEMPLATE,
    "Default": _OLDEST_TEMPLATE,
}
"""Termination policies by name: what to end first. Others (ClosestToNextInstanceHour …) decide nothing here."""


def subnets_of_new(members: Iterable[Member], subnets: Sequence[str], count: int) -> list[str]:
    """The subnets of `count` new instances, so that no subnet gets ahead of the others."""
    load = Counter(dict.fromkeys(subnets, 0))
    load.update(member.subnet for member in members if member.subnet in load)
    chosen = []
    for _ in range(count):
        subnet = min(subnets, key=lambda name: load[name])
        load[subnet] += 1
        chosen.append(subnet)
    return chosen


def surplus(members: Iterable[Member], count: int, policies: Sequence[str]) -> list[Member]:
    """The `count` members to end: of the fullest subnet first, then as the policies say. Protected ones stay."""
    left = list(members)
    orders = [POLICIES[name] for name in policies if name in POLICIES] or [POLICIES["Default"]]
    chosen: list[Member] = []
    while len(chosen) < count and (free := [member for member in left if not member.protected]):
        load = Counter(member.subnet for member in left)
        chosen.append(min(free, key=lambda member: (-load[member.subnet], *(order(member) for order in orders))))
        left.remove(chosen[-1])
    return chosen
