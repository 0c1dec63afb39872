from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, is_written, look

RULE = Rule(
    id="compute/health-check",
    title="A group behind a load balancer doesn't ask it who is healthy",
    severity=Severity.MEDIUM,
    why=(
        "With the EC2 check an instance whose application hangs stays; the load balancer sends it nothing, and the "
        "group doesn't replace it."
    ),
    mend='Set health_check_type = "ELB" and a health_check_grace_period.',
    links=("https://docs.aws.amazon.com/autoscaling/ec2/userguide/health-checks-overview.html",),
    tags=(
        "S8",
        "availability",
    ),
)


def find(stack: Stack) -> Iterator[Finding]:
    for group in stack.of_type("aws_autoscaling_group"):
        behind = any(
            is_written(look(group, name)) for name in ("target_group_arns", "load_balancers", "traffic_source")
        )
        behind = behind or bool(stack.naming(group, "aws_autoscaling_attachment", "autoscaling_group_name"))
        if behind and look(group, "health_check_type", "EC2") == "EC2":
            yield stack.finding(
                RULE, group, f"{group.address} keeps instances that its load balancer gave up.", at="health_check_type"
            )
