from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, look, truth

RULE = Rule(
    id="databases/minor-upgrades",
    title="A database gets no minor versions by itself",
    severity=Severity.LOW,
    why="Minor versions carry the security fixes; where nobody installs them, nobody does.",
    mend="Leave auto_minor_version_upgrade at true, with a maintenance window.",
    links=("https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_UpgradeDBInstance.Upgrading.html",),
    tags=("lifecycle",),
)


def find(stack: Stack) -> Iterator[Finding]:
    for database in stack.of_type("aws_db_instance", "aws_rds_cluster_instance"):
        if truth(look(database, "auto_minor_version_upgrade", True)) is False:
            yield stack.finding(
                RULE, database, f"{database.address} gets no minor versions.", at="auto_minor_version_upgrade"
            )
