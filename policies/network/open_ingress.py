"""A security group lets the whole Internet in. Ports of administration and databases are another rule's
(network/open-admin-ports). The setting `open_ports` says which ports may be open to everybody. ICMP tells a
host is there and nothing more."""

from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.ingress import ADMIN_PORTS, open_ingress
from opsctl.policy.rule import Stack

RULE = Rule(
    id="network/open-ingress",
    title="A security group lets the whole Internet in",
    severity=Severity.MEDIUM,
    why=(
        "Every address on the Internet reaches the port; only web servers and load balancers should be found so, on "
        "80 and 443."
    ),
    mend="Name the security groups, prefix lists or address ranges that need it.",
    links=("https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html",),
    tags=(
        "S8",
        "public-access",
    ),
)


def find(stack: Stack) -> Iterator[Finding]:
    public = frozenset(int(port) for port in stack.settings.get("open_ports", (80, 443)))
    for group, at, ports in open_ingress(stack):
        if ports.stop - ports.start == 1 and ports.start in public:
            continue
        if not any(port in ports for port in ADMIN_PORTS):
            yield stack.finding(RULE, group, f"{group.address} is open to everybody on {_said(ports)}.", at=at)


def _said(ports: range) -> str:
    if len(ports) == 1:
        return f"port {ports.start}"
    return f"ports {ports.start} to {ports.stop - 1}"
