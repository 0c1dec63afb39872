from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, is_written, look

RULE = Rule(
    id="api/access-logs",
    title="An API logs no requests",
    severity=Severity.MEDIUM,
    why=(
        "Who called what, from where and with which answer can't be told: no forensics, no correlation id, no view "
        "of slow paths."
    ),
    mend="Add access_log_settings with a log group and a JSON format to the stage.",
    links=("https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html",),
    tags=(
        "S5",
        "logging",
    ),
)


def find(stack: Stack) -> Iterator[Finding]:
    for stage in stack.of_type("aws_api_gateway_stage", "aws_apigatewayv2_stage"):
        if not is_written(look(stage, "access_log_settings")):
            yield stack.finding(RULE, stage, f"{stage.address} logs no requests.", at="access_log_settings")
