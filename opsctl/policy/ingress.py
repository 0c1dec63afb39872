"""Which ports security groups open to the whole Internet, however the rule is written."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Any

from opsctl.hcl import Resource
from opsctl.policy.rule import Stack, blocks, listed, look, number

ADMIN_PORTS: Mapping[int, str] = {
    22: "SSH", 23: "Telnet", 135: "RPC", 445: "SMB", 1433: "SQL Server", 1521: "Oracle", 2049: "NFS", 2375: "Docker",
    2376: "Docker", 2379: "etcd", 3306: "MySQL", 3389: "RDP", 5432: "PostgreSQL", 5439: "Redshift", 5601: "Kibana",
    5900: "VNC", 5984: "CouchDB", 6379: "Redis", 6443: "Kubernetes", 7000: "Cassandra", 8020: "Hadoop",
    9042: "Cassandra", 9092: "Kafka", 9200: "Elasticsearch", 9300: "Elasticsearch", 10250: "kubelet",
    11211: "Memcached", 27017: "MongoDB", 50070: "Hadoop",
}  # fmt: skip
RULES = (
    ("aws_security_group_rule", ("cidr_blocks", "ipv6_cidr_blocks"), "protocol"),
    ("aws_vpc_security_group_ingress_rule", ("cidr_ipv4", "cidr_ipv6"), "ip_protocol"),
)
EVERY_PORT = range(65536)
WIDEST_PREFIX = 8
"""Ranges wider than this hold so much of the Internet that they stand for all of it ("0.0.0.0/1" twice)."""


def open_ingress(stack: Stack) -> Iterator[tuple[Resource, str, range]]:
    """Each rule that lets everybody in: its resource, the attribute with the range, and the ports (TCP and UDP)."""
    for group in stack.of_type("aws_security_group", "aws_default_security_group"):
        for index, block in enumerate(blocks(group, "ingress")):
            for name in ("cidr_blocks", "ipv6_cidr_blocks"):
                if is_everybody(block.get(name)) and (ports := _ports(block, "protocol")):
                    yield group, f"ingress[{index}].{name}", ports
    for kind, names, protocol in RULES:
        for rule in stack.of_type(kind):
            for name in names:
                inward = look(rule, "type", "ingress") == "ingress" and is_everybody(rule.get(name))
                if inward and (ports := _ports(rule.values, protocol)):
                    yield rule, name, ports


def is_everybody(ranges: Any) -> bool:
    """Whether one of the ranges is (nearly) all of the Internet: 0.0.0.0/0, ::/0, 128.0.0.0/1."""
    for text in listed(ranges):
        try:
            network = ipaddress.ip_network(text, strict=False) if isinstance(text, str) else None
        except ValueError:
            continue
        if network is not None and network.prefixlen < WIDEST_PREFIX and not network.is_private:
            return True
    return False


def _ports(rule: Mapping[str, Any], protocol: str) -> range:
    """The ports that it opens; none for ICMP and where they can't be told."""
    kind = str(rule.get(protocol)).lower()
    if kind in ("-1", "all"):
        return EVERY_PORT
    first, last = number(rule.get("from_port")), number(rule.get("to_port"))
    if kind not in ("tcp", "udp", "6", "17") or first is None or last is None:
        return range(0)
    return range(int(first), int(last) + 1)
