from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, look

RULE = Rule(
    id="load-balancers/unhealthy-hosts-alarm",
    title="Nobody is told when a load balancer's targets are unhealthy",
    severity=Severity.MEDIUM,
    why="The last healthy target carries everything until it fails, too; the first sign is then the customers'.",
    mend="Set an alarm on UnHealthyHostCount or HealthyHostCount with the dimension TargetGroup.",
    links=(
        "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html",
    ),
    tags=(
        "alarms",
        "S8",
    ),
)


METRICS = ("UnHealthyHostCount", "HealthyHostCount", "UnHealthyStateRouting", "HealthyStateRouting")


def find(stack: Stack) -> Iterator[Finding]:
    for group in stack.of_type("aws_lb_target_group", "aws_alb_target_group"):
        # A function is no host; its own alarms tell.
        if look(group, "target_type") != "lambda" and stack.lacks_alarm(group, "TargetGroup", METRICS):
            yield stack.finding(RULE, group, f"{group.address} has no alarm on unhealthy targets.")
