"""A database's password is written in the configuration. A literal, or a variable's default, is found; what comes
from a variable without one, or from Secrets Manager, isn't."""

from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.hcl import symbols_in
from opsctl.policy.rule import Stack, look

RULE = Rule(
    id="databases/password-in-code",
    title="A database's password is written in the configuration",
    severity=Severity.CRITICAL,
    why="Everybody with the repository, the plan or the state has it, and the history keeps it after it is changed.",
    mend=(
        "Set manage_master_user_password = true: RDS makes, keeps and rotates it in Secrets Manager. Or password_wo "
        "with a version."
    ),
    links=("https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-secrets-manager.html",),
    tags=(
        "secrets",
        "S8",
    ),
)


ATTRIBUTES = {
    "aws_db_instance": ("password",),
    "aws_rds_cluster": ("master_password",),
    "aws_docdb_cluster": ("master_password",),
    "aws_redshift_cluster": ("master_password",),
    "aws_elasticache_replication_group": ("auth_token",),
    "aws_directory_service_directory": ("password",),
    "aws_dms_endpoint": ("password",),
}


def find(stack: Stack) -> Iterator[Finding]:
    for kind, names in ATTRIBUTES.items():
        for database in stack.of_type(kind):
            for name in names:
                value = look(database, name)
                if isinstance(value, str) and value and not symbols_in(value):
                    yield stack.finding(
                        RULE, database, f"{database.address} has its {name} in the configuration.", at=name
                    )
