from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, is_written, look, truth

RULE = Rule(
    id="databases/final-snapshot",
    title="A database is deleted without a last snapshot",
    severity=Severity.MEDIUM,
    why="A destroy, or a change that replaces it, deletes the data and after that its automated backups.",
    mend="Set skip_final_snapshot = false and final_snapshot_identifier.",
    links=("https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_DeleteInstance.html",),
    tags=(
        "backups",
        "deletion-protection",
    ),
)


KINDS = ("aws_db_instance", "aws_rds_cluster", "aws_docdb_cluster", "aws_neptune_cluster", "aws_redshift_cluster")


def find(stack: Stack) -> Iterator[Finding]:
    if not stack.is_production:
        return
    for database in stack.of_type(*KINDS):
        # An Aurora instance's and a replica's data are in the cluster and the source.
        if is_written(look(database, "replicate_source_db")):
            continue
        if truth(look(database, "skip_final_snapshot", False)):
            yield stack.finding(
                RULE, database, f"{database.address} leaves no last snapshot.", at="skip_final_snapshot"
            )
