from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, look

RULE = Rule(
    id="functions/tracing",
    title="A function is not traced",
    severity=Severity.MEDIUM,
    why=(
        "Where a request lost its time, or which call failed, can't be seen across services; X-Ray's default, "
        "PassThrough, traces only what a caller already sampled."
    ),
    mend='Set tracing_config { mode = "Active" } and give the role xray:PutTraceSegments and xray:PutTelemetryRecords.',
    links=("https://docs.aws.amazon.com/lambda/latest/dg/services-xray.html",),
    tags=(
        "S5",
        "tracing",
    ),
)


def find(stack: Stack) -> Iterator[Finding]:
    for function in stack.of_type("aws_lambda_function"):
        if look(function, "tracing_config.mode", "PassThrough") == "PassThrough":
            yield stack.finding(RULE, function, f"{function.address} isn't traced.", at="tracing_config[0].mode")
