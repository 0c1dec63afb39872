"""The default security group lets something through. A VPC whose default group isn't in the configuration keeps
AWS's rules; that is said at severity info."""

from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, blocks

RULE = Rule(
    id="network/default-security-group",
    title="The default security group lets something through",
    severity=Severity.MEDIUM,
    why=(
        "What is made without a security group gets the default one; with rules in it, it talks to everything else "
        "that forgot."
    ),
    mend="Add aws_default_security_group without any rule for each VPC.",
    links=("https://docs.aws.amazon.com/vpc/latest/userguide/default-security-group.html",),
    tags=("network",),
)


def find(stack: Stack) -> Iterator[Finding]:
    for group in stack.of_type("aws_default_security_group"):
        for name in ("ingress", "egress"):
            if blocks(group, name):
                yield stack.finding(RULE, group, f"{group.address} has {name} rules.", at=name)
    for vpc in stack.of_type("aws_vpc"):
        if stack.lacks(vpc, "aws_default_security_group", "vpc_id"):
            yield stack.finding(
                RULE, vpc, f"{vpc.address} keeps the rules of its default security group.", severity=Severity.INFO
            )
