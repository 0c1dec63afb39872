from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, look, number

RULE = Rule(
    id="logs/retention",
    title="Logs are kept, and paid for, without end",
    severity=Severity.MEDIUM,
    why=(
        "A log group without a retention never deletes anything: its cost only grows, and so does what personal "
        "data lies in it."
    ),
    mend="Set retention_in_days.",
    links=("https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/Working-with-log-groups-and-streams.html",),
    tags=(
        "S5",
        "cost",
        "retention",
        "logging",
    ),
)


def find(stack: Stack) -> Iterator[Finding]:
    for group in stack.of_type("aws_cloudwatch_log_group"):
        if number(look(group, "retention_in_days", 0)) == 0:
            yield stack.finding(RULE, group, f"{group.address} keeps its logs for ever.", at="retention_in_days")
