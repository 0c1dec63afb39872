"""A table of production can be deleted by one call. A table whose items expire (ttl) is told at severity info."""

from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, look, truth

RULE = Rule(
    id="tables/deletion-protection",
    title="A table of production can be deleted by one call",
    severity=Severity.MEDIUM,
    why="A wrong workspace, a renamed resource or a console click deletes the table and its data within seconds.",
    mend="Set deletion_protection_enabled = true.",
    links=("https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/WorkingWithTables.Basics.html",),
    tags=("deletion-protection",),
)


def find(stack: Stack) -> Iterator[Finding]:
    if not stack.is_production:
        return
    for table in stack.of_type("aws_dynamodb_table"):
        if truth(look(table, "deletion_protection_enabled", False)) is False:
            yield stack.finding(
                RULE,
                table,
                f"{table.address} isn't protected from deletion.",
                at="deletion_protection_enabled",
                severity=Severity.INFO if truth(look(table, "ttl.enabled", False)) else None,
            )
