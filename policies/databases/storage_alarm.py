"""Nobody is told when a database's disk fills up. Aurora's storage grows by itself."""

from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, look

RULE = Rule(
    id="databases/storage-alarm",
    title="Nobody is told when a database's disk fills up",
    severity=Severity.MEDIUM,
    why=(
        "A full disk stops the database: storage-full is one of the most frequent causes of outages that were seen "
        "coming."
    ),
    mend=(
        "Set an alarm on FreeStorageSpace with the dimension DBInstanceIdentifier; max_allocated_storage lets it grow."
    ),
    links=("https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/monitoring-cloudwatch.html",),
    tags=(
        "alarms",
        "S8",
    ),
)


def find(stack: Stack) -> Iterator[Finding]:
    for database in stack.of_type("aws_db_instance"):
        if str(look(database, "engine")).startswith("aurora"):
            continue
        if stack.lacks_alarm(database, "DBInstanceIdentifier", ("FreeStorageSpace",)):
            yield stack.finding(RULE, database, f"{database.address} has no alarm on its free storage.")
