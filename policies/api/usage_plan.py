from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, is_written, look, truth

RULE = Rule(
    id="api/usage-plan",
    title="A method asks for API keys that no usage plan holds",
    severity=Severity.MEDIUM,
    why=(
        "API Gateway refuses every call to a method with api_key_required until a usage plan joins keys and stage: "
        "everybody gets 403."
    ),
    mend="Add aws_api_gateway_usage_plan for the stage, with throttle and quota, and aws_api_gateway_usage_plan_key.",
    links=("https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-api-usage-plans.html",),
    tags=(
        "S8",
        "throttling",
    ),
)


def find(stack: Stack) -> Iterator[Finding]:
    if any(stack.of_type("aws_api_gateway_usage_plan")):
        for plan in stack.of_type("aws_api_gateway_usage_plan"):
            if not is_written(look(plan, "throttle_settings")) and not is_written(look(plan, "quota_settings")):
                yield stack.finding(RULE, plan, f"{plan.address} limits nothing.", severity=Severity.LOW)
        return
    for method in stack.of_type("aws_api_gateway_method"):
        if truth(look(method, "api_key_required", False)):
            yield stack.finding(RULE, method, f"{method.address} can be called by nobody.", at="api_key_required")
