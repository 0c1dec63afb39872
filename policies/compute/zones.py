from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.hcl import Some
from opsctl.policy.rule import Stack, is_known, look

RULE = Rule(
    id="compute/zones",
    title="A group of instances lies in one zone",
    severity=Severity.MEDIUM,
    why="When the zone fails, all of it fails.",
    mend="Give the group subnets of two or more zones.",
    links=("https://docs.aws.amazon.com/autoscaling/ec2/userguide/auto-scaling-benefits.html",),
    tags=(
        "S8",
        "availability",
    ),
)


def find(stack: Stack) -> Iterator[Finding]:
    for group in stack.of_type("aws_autoscaling_group"):
        for attribute in ("vpc_zone_identifier", "availability_zones"):
            named = look(group, attribute)
            if not isinstance(named, list) or not named:
                continue
            subnets = list(stack.named(named, "aws_subnet"))
            # How many a list holds that only the apply, or a variable, makes can't be told.
            if isinstance(named, Some) or not (subnets or is_known(named)):
                continue
            zones = [look(subnet, "availability_zone") for subnet in subnets]
            same = len(subnets) == len(named) and None not in zones and is_known(zones) and len(set(zones)) == 1
            if len(named) == 1 or same:
                yield stack.finding(RULE, group, f"{group.address} lies in one zone.", at=attribute)
