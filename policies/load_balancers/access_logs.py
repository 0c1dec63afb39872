"""A load balancer logs no requests. A network load balancer logs only TLS listeners, so one without any is passed
over; so is a gateway load balancer."""

from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, look, truth

RULE = Rule(
    id="load-balancers/access-logs",
    title="A load balancer logs no requests",
    severity=Severity.LOW,
    why="Which client was answered with which error by which target can't be told afterwards.",
    mend="Add access_logs { bucket = …, enabled = true }.",
    links=("https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html",),
    tags=("logging",),
)


def find(stack: Stack) -> Iterator[Finding]:
    for balancer in stack.of_type("aws_lb", "aws_alb"):
        kind = look(balancer, "load_balancer_type", "application")
        tls = any(
            look(each, "protocol") == "TLS" for each in stack.naming(balancer, "aws_lb_listener", "load_balancer_arn")
        )
        if kind != "application" and not (kind == "network" and tls):
            continue
        if truth(look(balancer, "access_logs.enabled", False)) is False:
            yield stack.finding(RULE, balancer, f"{balancer.address} logs no requests.", at="access_logs[0].enabled")
