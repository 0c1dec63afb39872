"""A database takes unencrypted connections. rds.force_ssl is on by default in PostgreSQL 15 and newer. A parameter
group from elsewhere can't be told."""

from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.hcl import Resource
from opsctl.policy.rule import Stack, blocks, is_known, is_written, look, number

RULE = Rule(
    id="databases/tls-required",
    title="A database takes unencrypted connections",
    severity=Severity.MEDIUM,
    why="Passwords and rows cross the network in the clear whenever a client doesn't ask for TLS by itself.",
    mend=(
        'Give it a parameter group with require_secure_transport = "ON" (MySQL, MariaDB) or rds.force_ssl = "1" '
        "(PostgreSQL, SQL Server)."
    ),
    links=(
        "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/mysql-ssl-connections.require-ssl.html",
        "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/PostgreSQL.Concepts.General.SSL.html",
    ),
    tags=(
        "TLS",
        "S8",
    ),
)


PARAMETERS = {"mysql": "require_secure_transport", "mariadb": "require_secure_transport", "postgres": "rds.force_ssl"}
ON = frozenset({"1", "on", "true"})
FORCED_SINCE = 15  # PostgreSQL


def find(stack: Stack) -> Iterator[Finding]:
    for database in stack.of_type("aws_db_instance"):
        engine = look(database, "engine")
        parameter = PARAMETERS.get(engine) if isinstance(engine, str) else None
        if parameter is None or is_written(look(database, "replicate_source_db")):
            continue
        major = number(str(look(database, "engine_version")).split(".")[0])
        by_default = engine == "postgres" and (major is None or major >= FORCED_SINCE)
        name = look(database, "parameter_group_name")
        groups = list(stack.named(name, "aws_db_parameter_group"))
        if is_written(name) and not groups and not str(name).startswith("default."):
            continue
        said = [_said(group, parameter) for group in groups]
        if None in said or (not any(said) and by_default and "off" not in said):
            continue
        if "on" not in said:
            yield stack.finding(
                RULE, database, f"{database.address} doesn't ask for TLS ({parameter}).", at="parameter_group_name"
            )


def _said(group: Resource, parameter: str) -> str | None:
    """ "on", "off", "" where the group doesn't say; None where it can't be told."""
    if not is_known(look(group, "parameter", [])):
        names = [each.get("name") for each in blocks(group, "parameter")]
        if parameter in names or not all(map(is_known, names)) or not names:
            return None
    for each in blocks(group, "parameter"):
        if each.get("name") == parameter:
            value = each.get("value")
            return "on" if str(value).lower() in ON else "off"
    return ""
