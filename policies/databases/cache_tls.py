from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, is_written, look, truth

RULE = Rule(
    id="databases/cache-tls",
    title="A cache takes unencrypted connections",
    severity=Severity.MEDIUM,
    why="Sessions, tokens and whatever else is cached cross the network in the clear.",
    mend="Set transit_encryption_enabled = true.",
    links=("https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/in-transit-encryption.html",),
    tags=("TLS",),
)


def find(stack: Stack) -> Iterator[Finding]:
    for cache in stack.of_type("aws_elasticache_replication_group"):
        if truth(look(cache, "transit_encryption_enabled", False)) is False and not is_written(
            look(cache, "global_replication_group_id")
        ):
            yield stack.finding(
                RULE, cache, f"{cache.address} takes unencrypted connections.", at="transit_encryption_enabled"
            )
