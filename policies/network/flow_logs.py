from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, look

RULE = Rule(
    id="network/flow-logs",
    title="A VPC logs no traffic",
    severity=Severity.MEDIUM,
    why="Who connected to what, and what was refused, can't be told during an attack or an outage.",
    mend="Add an aws_flow_log for the VPC (or for all of its subnets).",
    links=("https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs.html",),
    tags=(
        "logging",
        "S8",
    ),
)


def find(stack: Stack) -> Iterator[Finding]:
    of_subnets = {
        vpc.address
        for log in stack.of_type("aws_flow_log")
        for subnet in stack.named(look(log, "subnet_id"), "aws_subnet")
        for vpc in stack.named(look(subnet, "vpc_id"), "aws_vpc")
    }
    for vpc in stack.of_type("aws_vpc"):
        if stack.lacks(vpc, "aws_flow_log", "vpc_id") and vpc.address not in of_subnets:
            yield stack.finding(RULE, vpc, f"{vpc.address} has no flow log.")
