from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack

RULE = Rule(
    id="network/default-vpc",
    title="The default VPC is used",
    severity=Severity.MEDIUM,
    why=(
        "Each of its subnets is public and gives public addresses, and whatever is started without thought lands in it."
    ),
    mend="Make a VPC with private subnets.",
    links=("https://docs.aws.amazon.com/vpc/latest/userguide/default-vpc.html",),
    tags=("public-access",),
)


def find(stack: Stack) -> Iterator[Finding]:
    for resource in stack.of_type("aws_default_vpc", "aws_default_subnet"):
        yield stack.finding(RULE, resource, f"{resource.address} is the account's default network.")
