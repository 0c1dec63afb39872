from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, look, truth

RULE = Rule(
    id="load-balancers/deletion-protection",
    title="A load balancer of production can be deleted by one call",
    severity=Severity.LOW,
    why=(
        "A replaced load balancer has another name and address: everything that points at it is down until DNS follows."
    ),
    mend="Set enable_deletion_protection = true.",
    links=("https://docs.aws.amazon.com/elasticloadbalancing/latest/application/application-load-balancers.html",),
    tags=("deletion-protection",),
)


def find(stack: Stack) -> Iterator[Finding]:
    if not stack.is_production:
        return
    for balancer in stack.of_type("aws_lb", "aws_alb"):
        if truth(look(balancer, "enable_deletion_protection", False)) is False:
            yield stack.finding(
                RULE, balancer, f"{balancer.address} isn't protected from deletion.", at="enable_deletion_protection"
            )
