"""A table can't be restored to a point in time. A table whose items expire (ttl) holds what passes, such as
connections or idempotency keys; there it is said at severity info."""

from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, look, truth

RULE = Rule(
    id="tables/point-in-time-recovery",
    title="A table can't be restored to a point in time",
    severity=Severity.MEDIUM,
    why=(
        "A bad deploy or a script that deletes the wrong items can't be undone. Point-in-time recovery restores to "
        "any second of the last 35 days."
    ),
    mend="Add point_in_time_recovery { enabled = true }.",
    links=("https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Point-in-time-recovery.html",),
    tags=("backups",),
)


def find(stack: Stack) -> Iterator[Finding]:
    for table in stack.of_type("aws_dynamodb_table"):
        if truth(look(table, "point_in_time_recovery.enabled", False)) is False:
            yield stack.finding(
                RULE,
                table,
                f"{table.address} has no point-in-time recovery.",
                at="point_in_time_recovery[0].enabled",
                severity=Severity.INFO if truth(look(table, "ttl.enabled", False)) else None,
            )
