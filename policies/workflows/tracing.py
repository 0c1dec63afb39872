from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, look, truth

RULE = Rule(
    id="workflows/tracing",
    title="A state machine is not traced",
    severity=Severity.LOW,
    why=(
        "Its part of a request is missing from the trace: how long it waited in which state can't be seen beside "
        "the functions' own times."
    ),
    mend="Add tracing_configuration { enabled = true } and the role's X-Ray permissions.",
    links=("https://docs.aws.amazon.com/step-functions/latest/dg/concepts-xray-tracing.html",),
    tags=(
        "S5",
        "tracing",
    ),
)


def find(stack: Stack) -> Iterator[Finding]:
    for machine in stack.of_type("aws_sfn_state_machine"):
        if truth(look(machine, "tracing_configuration.enabled", False)) is False:
            yield stack.finding(
                RULE, machine, f"{machine.address} isn't traced.", at="tracing_configuration[0].enabled"
            )
