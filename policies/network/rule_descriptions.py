from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, blocks, is_written, look

RULE = Rule(
    id="network/rule-descriptions",
    title="A security group's rule doesn't say what it is for",
    severity=Severity.INFO,
    why="Nobody dares to remove a rule that doesn't say who needs it, so groups only grow.",
    mend="Give the rule a description: who connects, and why.",
    links=("https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html",),
    tags=("network",),
)


def find(stack: Stack) -> Iterator[Finding]:
    for rule in stack.of_type(
        "aws_vpc_security_group_ingress_rule", "aws_vpc_security_group_egress_rule", "aws_security_group_rule"
    ):
        if not is_written(look(rule, "description")):
            yield stack.finding(RULE, rule, f"{rule.address} has no description.")
    for group in stack.of_type("aws_security_group"):
        for name in ("ingress", "egress"):
            for index, block in enumerate(blocks(group, name)):
                if not is_written(block.get("description")):
                    yield stack.finding(
                        RULE,
                        group,
                        f"{group.address}: {name} rule {index + 1} has no description.",
                        at=f"{name}[{index}]",
                    )
