from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, is_known, listed, look

RULE = Rule(
    id="api/firewall",
    title="A public API has no web application firewall",
    severity=Severity.MEDIUM,
    why="Injections, scrapers and floods reach the functions, which pay for each one of them.",
    mend="Associate an aws_wafv2_web_acl with the stage (HTTP APIs: with the CloudFront distribution before it).",
    links=("https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-control-access-aws-waf.html",),
    tags=(
        "S8",
        "WAF",
    ),
)


def find(stack: Stack) -> Iterator[Finding]:
    for stage in stack.of_type("aws_api_gateway_stage"):
        if not stack.lacks(stage, "aws_wafv2_web_acl_association", "resource_arn"):
            continue
        apis = list(stack.named(look(stage, "rest_api_id"), "aws_api_gateway_rest_api"))
        if any(not is_known(look(api, "endpoint_configuration.types", [])) for api in apis):
            continue
        if not any("PRIVATE" in listed(look(api, "endpoint_configuration.types", [])) for api in apis):
            yield stack.finding(RULE, stage, f"{stage.address} has no web application firewall.")
