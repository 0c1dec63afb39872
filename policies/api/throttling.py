from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.hcl import Resource
from opsctl.policy.rule import Stack, is_known, look, number

RULE = Rule(
    id="api/throttling",
    title="An API is not throttled",
    severity=Severity.MEDIUM,
    why=(
        "Without limits of its own one client takes the account's 10,000 requests a second from all APIs in the "
        "region, and what stands behind is flooded at its cost."
    ),
    mend=(
        'Add aws_api_gateway_method_settings for "*/*" with throttling_rate_limit and throttling_burst_limit (HTTP '
        "and WebSocket APIs: default_route_settings)."
    ),
    links=("https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-request-throttling.html",),
    tags=(
        "S8",
        "throttling",
    ),
)


def find(stack: Stack) -> Iterator[Finding]:
    limited = [each for each in stack.of_type("aws_api_gateway_method_settings") if _is_limited(each)]
    stages: dict[str, set[str]] = {}
    for settings in limited:
        for named in stack.named([look(settings, "stage_name"), look(settings, "rest_api_id")]):
            stages.setdefault(named.type, set()).add(named.address)
    untold = any(
        not is_known(look(each, "stage_name")) and not any(stack.named(look(each, "stage_name"))) for each in limited
    )
    for stage in stack.of_type("aws_api_gateway_stage"):
        apis = {each.address for each in stack.named(look(stage, "rest_api_id"), "aws_api_gateway_rest_api")}
        names = {str(look(each, "stage_name")) for each in limited}
        if stage.address in stages.get("aws_api_gateway_stage", ()) or apis & stages.get(
            "aws_api_gateway_rest_api", set()
        ):
            continue
        if not untold and str(look(stage, "stage_name")) not in names:
            yield stack.finding(RULE, stage, f"{stage.address} has no limit of requests.")
    for stage in stack.of_type("aws_apigatewayv2_stage"):
        rate = look(stage, "default_route_settings.throttling_rate_limit", 0)
        if number(rate) == 0:
            yield stack.finding(RULE, stage, f"{stage.address} has no limit of requests.", at="default_route_settings")


def _is_limited(settings: Resource) -> bool:
    rate = look(settings, "settings.throttling_rate_limit", -1)
    path = look(settings, "method_path")
    return (path == "*/*" or not is_known(path)) and (number(rate) is None or (number(rate) or 0) > 0)
