from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, look, truth

RULE = Rule(
    id="databases/iam-authentication",
    title="A database takes passwords only",
    severity=Severity.LOW,
    why=(
        "A password is kept somewhere, shared, and seldom changed. With IAM each user has its own role, tokens end "
        "after 15 minutes, and CloudTrail knows who asked."
    ),
    mend=(
        "Set iam_database_authentication_enabled = true and let users log in by AWSAuthenticationPlugin (rds_iam on "
        "PostgreSQL)."
    ),
    links=("https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.html",),
    tags=("S8",),
)


ENGINES = ("mysql", "postgres", "mariadb", "aurora")


def find(stack: Stack) -> Iterator[Finding]:
    for database in stack.of_type("aws_db_instance", "aws_rds_cluster"):
        engine = look(database, "engine")
        if not isinstance(engine, str) or not engine.startswith(ENGINES):
            continue
        if database.type == "aws_db_instance" and engine.startswith("aurora"):
            continue  # its cluster decides
        if truth(look(database, "iam_database_authentication_enabled", False)) is False:
            yield stack.finding(
                RULE, database, f"{database.address} takes passwords only.", at="iam_database_authentication_enabled"
            )
