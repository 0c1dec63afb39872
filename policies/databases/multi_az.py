from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, is_written, look, truth

RULE = Rule(
    id="databases/multi-az",
    title="A database of production lives in one zone",
    severity=Severity.MEDIUM,
    why="A failed host, a failed zone or a patch means minutes to hours without the database, and a restore at worst.",
    mend="Set multi_az = true (Aurora: a second cluster instance).",
    links=("https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Concepts.MultiAZ.html",),
    tags=(
        "availability",
        "S8",
    ),
)


def find(stack: Stack) -> Iterator[Finding]:
    if not stack.is_production:
        return
    for database in stack.of_type("aws_db_instance"):
        if is_written(look(database, "replicate_source_db")) or str(look(database, "engine")).startswith("aurora"):
            continue
        if truth(look(database, "multi_az", False)) is False:
            yield stack.finding(RULE, database, f"{database.address} lives in one zone.", at="multi_az")
    for cache in stack.of_type("aws_elasticache_replication_group"):
        if truth(look(cache, "automatic_failover_enabled", False)) is False:
            yield stack.finding(
                RULE, cache, f"{cache.address} has no failover.", at="automatic_failover_enabled", severity=Severity.LOW
            )
