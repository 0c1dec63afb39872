from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, look

RULE = Rule(
    id="workflows/logging",
    title="A state machine logs nothing",
    severity=Severity.MEDIUM,
    why=(
        "An Express workflow keeps no history at all, a Standard one 90 days of it: without logs nobody can tell "
        "which state failed and with which input."
    ),
    mend='Add logging_configuration { level = "ERROR" (Express: "ALL"), log_destination = "<group arn>:*" }.',
    links=("https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html",),
    tags=(
        "S5",
        "S10",
        "S11",
        "logging",
    ),
)


def find(stack: Stack) -> Iterator[Finding]:
    for machine in stack.of_type("aws_sfn_state_machine"):
        if look(machine, "logging_configuration.level", "OFF") == "OFF":
            yield stack.finding(RULE, machine, f"{machine.address} logs nothing.", at="logging_configuration[0].level")
