from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, look, truth

RULE = Rule(
    id="load-balancers/invalid-headers",
    title="A load balancer passes malformed headers on",
    severity=Severity.LOW,
    why="Headers that the load balancer and the server read differently are how requests are smuggled past checks.",
    mend="Set drop_invalid_header_fields = true.",
    links=("https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-load-balancer-attributes.html",),
    tags=("S8",),
)


def find(stack: Stack) -> Iterator[Finding]:
    for balancer in stack.of_type("aws_lb", "aws_alb"):
        if look(balancer, "load_balancer_type", "application") != "application":
            continue
        if truth(look(balancer, "drop_invalid_header_fields", False)) is False:
            yield stack.finding(
                RULE, balancer, f"{balancer.address} passes malformed headers on.", at="drop_invalid_header_fields"
            )
