from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.machines import judged
from opsctl.policy.rule import Stack

RULE = Rule(
    id="workflows/glue-function",
    title="A state machine runs a function for what it can do itself",
    severity=Severity.LOW,
    why=(
        "A function that only publishes, sends, writes an item or starts something is code to test, patch and pay "
        "for; Step Functions calls over 200 services directly, with its own retries."
    ),
    mend=(
        "Use the service's integration (arn:aws:states:::sns:publish, dynamodb:putItem, aws-sdk:…); where the "
        "function does more, say so in the state's Comment."
    ),
    links=("https://docs.aws.amazon.com/step-functions/latest/dg/integrate-services.html",),
    tags=("S5",),
)


def find(stack: Stack) -> Iterator[Finding]:
    for machine, sentence in judged(stack, "glue"):
        yield stack.finding(RULE, machine, sentence, at="definition")
