from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, look, number

RULE = Rule(
    id="secrets/recovery-window",
    title="A secret of production is deleted at once",
    severity=Severity.LOW,
    why="A mistaken destroy takes the only copy of a password or key with it.",
    mend="Leave recovery_window_in_days at 30, or 7 at least.",
    links=("https://docs.aws.amazon.com/secretsmanager/latest/userguide/manage_delete-secret.html",),
    tags=(
        "deletion-protection",
        "secrets",
    ),
)


def find(stack: Stack) -> Iterator[Finding]:
    if not stack.is_production:
        return
    for secret in stack.of_type("aws_secretsmanager_secret"):
        if number(look(secret, "recovery_window_in_days", 30)) == 0:
            yield stack.finding(RULE, secret, f"{secret.address} is deleted at once.", at="recovery_window_in_days")
