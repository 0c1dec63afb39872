"""A database has no automated backups. The provider's default is 0 for aws_db_instance and 1 for Aurora. A replica
has its source's backups. The setting `backup_days` changes what production is asked for."""

from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, is_written, look, number

RULE = Rule(
    id="databases/backups",
    title="A database has no automated backups",
    severity=Severity.HIGH,
    why=(
        "Without them there is no restore to a point in time, no replica, and after a bad migration nothing to go "
        "back to."
    ),
    mend="Set backup_retention_period to 7 days or more (35 at most); production is asked for at least 7.",
    links=("https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_WorkingWithAutomatedBackups.html",),
    tags=(
        "backups",
        "S8",
    ),
)


DAYS_IN_PRODUCTION = 7
DEFAULTS = {"aws_db_instance": 0, "aws_rds_cluster": 1, "aws_docdb_cluster": 1, "aws_neptune_cluster": 1}


def find(stack: Stack) -> Iterator[Finding]:
    least = number(stack.settings.get("backup_days", DAYS_IN_PRODUCTION)) if stack.is_production else 1
    for kind, default in DEFAULTS.items():
        for database in stack.of_type(kind):
            days = number(look(database, "backup_retention_period", default))
            if days is None or days >= (least or 1) or is_written(look(database, "replicate_source_db")):
                continue
            kept = f"keeps backups {days:g} days" if days else "has no automated backups"
            yield stack.finding(
                RULE,
                database,
                f"{database.address} {kept}.",
                at="backup_retention_period",
                severity=Severity.LOW if days else None,
            )
    for cluster in stack.of_type("aws_elasticache_replication_group"):
        if number(look(cluster, "snapshot_retention_limit", 0)) == 0 and stack.settings.get("cache_backups"):
            yield stack.finding(RULE, cluster, f"{cluster.address} has no backups.", at="snapshot_retention_limit")
