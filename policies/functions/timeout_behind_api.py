from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, look, number

RULE = Rule(
    id="functions/timeout-behind-api",
    title="A function may take longer than the API that waits for it",
    severity=Severity.MEDIUM,
    why=(
        "API Gateway answers 504 after 29 seconds (HTTP APIs: 30) while the function works on, is paid for, and has "
        "effects that the client doesn't know of."
    ),
    mend="Set the function's timeout below the integration's, or take the work off by a queue and answer 202.",
    links=("https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html",),
    tags=("timeouts",),
)


INTEGRATIONS = (
    ("aws_api_gateway_integration", "uri", "timeout_milliseconds", 29_000),
    ("aws_apigatewayv2_integration", "integration_uri", "timeout_milliseconds", 30_000),
)


def find(stack: Stack) -> Iterator[Finding]:
    seen = set()
    for kind, uri, attribute, default_ms in INTEGRATIONS:
        for integration in stack.of_type(kind):
            waits_ms = number(look(integration, attribute, default_ms))
            for function in stack.functions(look(integration, uri)):
                takes = number(look(function, "timeout", 3))
                if (
                    waits_ms is None
                    or takes is None
                    or takes * 1000 <= max(waits_ms, 30_000)
                    or function.address in seen
                ):
                    continue
                seen.add(function.address)
                yield stack.finding(
                    RULE,
                    function,
                    f"{function.address} may take {takes:g} s; {integration.address} waits {waits_ms / 1000:g} s.",
                    at="timeout",
                )
