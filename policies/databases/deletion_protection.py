from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, look, truth

RULE = Rule(
    id="databases/deletion-protection",
    title="A database of production can be deleted by one call",
    severity=Severity.MEDIUM,
    why="A wrong workspace, a changed attribute that forces a replacement, or a click deletes it.",
    mend="Set deletion_protection = true.",
    links=("https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_DeleteInstance.html",),
    tags=(
        "deletion-protection",
        "S8",
    ),
)


KINDS = ("aws_db_instance", "aws_rds_cluster", "aws_docdb_cluster", "aws_neptune_cluster")


def find(stack: Stack) -> Iterator[Finding]:
    if not stack.is_production:
        return
    for database in stack.of_type(*KINDS):
        if truth(look(database, "deletion_protection", False)) is False:
            yield stack.finding(
                RULE, database, f"{database.address} isn't protected from deletion.", at="deletion_protection"
            )
