from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, is_written, look

RULE = Rule(
    id="databases/logs",
    title="A database's logs stay on the instance",
    severity=Severity.LOW,
    why="Errors and slow queries are on its disk for a few days, and gone with it when it is replaced.",
    mend="Set enabled_cloudwatch_logs_exports (MySQL: error, slowquery; PostgreSQL: postgresql).",
    links=("https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_LogAccess.Procedural.UploadtoCloudWatch.html",),
    tags=(
        "logging",
        "S8",
    ),
)


def find(stack: Stack) -> Iterator[Finding]:
    for database in stack.of_type("aws_db_instance", "aws_rds_cluster", "aws_docdb_cluster"):
        if str(look(database, "engine")).startswith("aurora") and database.type == "aws_db_instance":
            continue  # its cluster exports
        if not is_written(look(database, "enabled_cloudwatch_logs_exports")):
            yield stack.finding(
                RULE, database, f"{database.address} exports no logs.", at="enabled_cloudwatch_logs_exports"
            )
