"""A network ACL lets the whole Internet to ports of administration. A rule that allows every port and protocol is
AWS's default ACL written down, and no finding."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, blocks, look, number, truth

RULE = Rule(
    id="network/open-network-acl",
    title="A network ACL lets the whole Internet to ports of administration",
    severity=Severity.HIGH,
    why="A network ACL is the second wall behind the security groups; with SSH or RDP open to all it is none.",
    mend="Allow the ranges that need them, or leave these ports to the default deny.",
    links=("https://docs.aws.amazon.com/vpc/latest/userguide/vpc-network-acls.html",),
    tags=(
        "S8",
        "public-access",
    ),
)


PORTS = (22, 3389)


def find(stack: Stack) -> Iterator[Finding]:
    for rule in stack.of_type("aws_network_acl_rule"):
        if truth(look(rule, "egress", False)) is False and _is_open(
            rule.values, "rule_action", ("cidr_block", "ipv6_cidr_block")
        ):
            yield stack.finding(RULE, rule, f"{rule.address} lets everybody to ports of administration.")
    for acl in stack.of_type("aws_network_acl", "aws_default_network_acl"):
        for index, block in enumerate(blocks(acl, "ingress")):
            if _is_open(block, "action", ("cidr_block", "ipv6_cidr_block")):
                yield stack.finding(
                    RULE, acl, f"{acl.address} lets everybody to ports of administration.", at=f"ingress[{index}]"
                )


def _is_open(rule: Mapping[str, Any], action: str, ranges: tuple[str, ...]) -> bool:
    everybody = any(rule.get(name) in ("0.0.0.0/0", "::/0") for name in ranges)
    first, last = number(rule.get("from_port")), number(rule.get("to_port"))
    if rule.get(action) != "allow" or not everybody or first is None or last is None:
        return False
    # Answers to connections from inside come back to 1024 and above, and 3389 is among those.
    return any(first <= port <= last for port in PORTS) and first < 1024 and str(rule.get("protocol")) in ("tcp", "6")
