"""A load balancer takes unencrypted requests from the Internet. A load balancer inside a VPC is judged as medium;
a network load balancer's TCP may carry TLS itself, so only port 80 counts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from opsctl.findings import Finding, Rule, Severity
from opsctl.hcl import Resource
from opsctl.policy.rule import Stack, blocks, is_known, look, number, truth

RULE = Rule(
    id="load-balancers/https",
    title="A load balancer takes unencrypted requests from the Internet",
    severity=Severity.HIGH,
    why="Passwords and cookies cross the network in the clear.",
    mend="Redirect the HTTP listener to HTTPS, and listen by HTTPS (network load balancers: TLS).",
    links=("https://docs.aws.amazon.com/elasticloadbalancing/latest/application/create-https-listener.html",),
    tags=(
        "TLS",
        "S8",
    ),
)


def find(stack: Stack) -> Iterator[Finding]:
    for listener in stack.of_type("aws_lb_listener", "aws_alb_listener"):
        protocol = look(listener, "protocol")
        plain = protocol == "HTTP" or (protocol == "TCP" and number(look(listener, "port")) == 80)
        # A listener before Lambda@VPC link or another load balancer of our own is inside.
        if plain and not _redirects(listener):
            balancers = list(stack.named(look(listener, "load_balancer_arn"), "aws_lb", "aws_alb"))
            inside = any(truth(look(each, "internal", False)) for each in balancers)
            if inside and protocol == "TCP":
                continue
            yield stack.finding(
                RULE,
                listener,
                f"{listener.address} takes unencrypted requests.",
                at="protocol",
                severity=Severity.MEDIUM if inside else None,
            )


def _redirects(listener: Resource) -> bool:
    actions = blocks(listener, "default_action")
    return any(
        action.get("type") == "fixed-response" or _is_https(look(action, "redirect.protocol"))
        for action in actions
        if action.get("type") in ("redirect", "fixed-response")
    ) or not is_known(look(listener, "default_action.type"))


def _is_https(protocol: Any) -> bool:
    """What isn't written, or "#{protocol}", is the request's own: HTTP."""
    return protocol == "HTTPS" or not is_known(protocol)
