"""Which connections security groups let through, as plain data.

A connection needs a rule on each side: an egress rule of one of the source's groups and an ingress rule of one of the
target's. Groups only allow, so the answer is an or over all rules; answers flow back by themselves (they are stateful).
Source: VPC user guide, "Security groups"
(https://docs.aws.amazon.com/vpc/latest/userguide/vpc-security-groups.html).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

ALL_PROTOCOLS = "-1"
ALL_PORTS = (0, 65535)


@dataclass(frozen=True)
class Rule:
    """One rule; the other end is a group, or an address in one of `networks` (CIDR; a prefix list has several).

    Attributes:
        protocol: "tcp", or ALL_PROTOCOLS.
        ports: the target's port, first and last.
    """

    protocol: str
    ports: tuple[int, int] = ALL_PORTS
    group: str = ""
    networks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Source:
    """Who connects. Without groups (a person at this machine, a load balancer made without any) nothing holds it back.

    Attributes:
        address: its own in the VPC; what CIDR rules see.
        groups: ids of the security groups that it wears.
    """

    address: str
    groups: frozenset[str] = frozenset()
    egress: tuple[Rule, ...] = ()


@dataclass(frozen=True)
class Target:
    """Who is connected to. Without groups (a load balancer made without any) everybody may."""

    address: str
    groups: frozenset[str] = frozenset()
    ingress: tuple[Rule, ...] = ()


OUTSIDE = Source("127.0.0.1")
"""A process of this machine that is no part of the cloud. It wears no group: only a CIDR rule can let it in."""


def allows(source: Source, target: Target, port: int) -> bool:
    """Whether security groups let `source` open a TCP connection to `port` of `target`."""
    leaves = not source.groups or _any_matches(source.egress, port, target.groups, target.address)
    return leaves and (not target.groups or _any_matches(target.ingress, port, source.groups, source.address))


def _any_matches(rules: Iterable[Rule], port: int, groups: frozenset[str], address: str) -> bool:
    return any(
        rule.protocol in ("tcp", ALL_PROTOCOLS)
        and rule.ports[0] <= port <= rule.ports[1]
        and (rule.group in groups or any(ip_address(address) in ip_network(cidr, False) for cidr in rule.networks))
        for rule in rules
    )
