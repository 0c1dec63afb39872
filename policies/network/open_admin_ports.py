from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.ingress import ADMIN_PORTS, open_ingress
from opsctl.policy.rule import Stack

RULE = Rule(
    id="network/open-admin-ports",
    title="A port of administration or of a database is open to the whole Internet",
    severity=Severity.CRITICAL,
    why=(
        "SSH, RDP and databases on the Internet are found within minutes and tried with lists of passwords and "
        "every new vulnerability."
    ),
    mend=(
        "Take the rule out; reach hosts by Session Manager, and databases from security groups of those that use them."
    ),
    links=(
        "https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html",
        "https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager.html",
    ),
    tags=(
        "S8",
        "public-access",
    ),
)


def find(stack: Stack) -> Iterator[Finding]:
    for group, at, ports in open_ingress(stack):
        open_ports = [f"{port} ({name})" for port, name in ADMIN_PORTS.items() if port in ports]
        if open_ports:
            what = (
                ", ".join(open_ports) if len(open_ports) <= 3 else f"{len(ports):,} ports, {open_ports[0]} among them"
            )
            yield stack.finding(RULE, group, f"{group.address} is open to everybody on {what}.", at=at)
