from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, look, number

RULE = Rule(
    id="keys/deletion-window",
    title="A key of production is deleted within days",
    severity=Severity.LOW,
    why=(
        "What a deleted key encrypted is lost for ever; the waiting time is when somebody notices that it is still "
        "needed."
    ),
    mend="Set deletion_window_in_days to 30 in production.",
    links=("https://docs.aws.amazon.com/kms/latest/developerguide/deleting-keys.html",),
    tags=("deletion-protection",),
)


LEAST_DAYS = 14


def find(stack: Stack) -> Iterator[Finding]:
    if not stack.is_production:
        return
    for key in stack.of_type("aws_kms_key"):
        days = number(look(key, "deletion_window_in_days", 30))
        if days is not None and days < LEAST_DAYS:
            yield stack.finding(
                RULE, key, f"{key.address} is deleted after {days:g} days.", at="deletion_window_in_days"
            )
