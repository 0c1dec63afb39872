from __future__ import annotations

import re
from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, look

RULE = Rule(
    id="compute/old-generation",
    title="An instance type is of an old generation",
    severity=Severity.LOW,
    why=(
        "Newer generations do the same work for less: m7g costs about 15 % less than m5 and does more; the oldest "
        "get no capacity in new zones."
    ),
    mend="Move to the current generation of the family (Graviton where the software runs on it).",
    links=("https://aws.amazon.com/ec2/previous-generation/",),
    tags=("cost",),
)


OLD = re.compile(
    r"^(?:db\.|cache\.)?(?:[ct]1|t2|m[1-4]|c[1-4]|r3|r4|i2|i3|d2|g2|g3s?|p2|p3|x1e?|z1d|h1|hs1|cr1|cc2|cg1)\."
)
TYPES = (
    ("aws_instance", "instance_type"),
    ("aws_launch_template", "instance_type"),
    ("aws_launch_configuration", "instance_type"),
    ("aws_db_instance", "instance_class"),
    ("aws_rds_cluster_instance", "instance_class"),
    ("aws_elasticache_cluster", "node_type"),
    ("aws_elasticache_replication_group", "node_type"),
)


def find(stack: Stack) -> Iterator[Finding]:
    for kind, attribute in TYPES:
        for host in stack.of_type(kind):
            size = look(host, attribute)
            if isinstance(size, str) and OLD.match(size):
                yield stack.finding(RULE, host, f"{host.address} is a {size}, of an old generation.", at=attribute)
