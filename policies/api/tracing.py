from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, look, truth

RULE = Rule(
    id="api/tracing",
    title="An API's requests are not traced",
    severity=Severity.LOW,
    why="A trace that begins in the function lacks the time that the client waited before it.",
    mend="Set xray_tracing_enabled = true on the stage.",
    links=("https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-xray.html",),
    tags=(
        "S5",
        "tracing",
    ),
)


def find(stack: Stack) -> Iterator[Finding]:
    for stage in stack.of_type("aws_api_gateway_stage"):
        if truth(look(stage, "xray_tracing_enabled", False)) is False:
            yield stack.finding(RULE, stage, f"{stage.address} isn't traced.", at="xray_tracing_enabled")
