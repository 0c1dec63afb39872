from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, blocks, listed, look, truth

RULE = Rule(
    id="api/cors-any-origin",
    title="An API answers scripts of every website",
    severity=Severity.MEDIUM,
    why=(
        'With the origin "*" any page that a user visits can read the API\'s answers; with credentials it acts in '
        "the user's name."
    ),
    mend="Name the origins of your own sites.",
    links=(
        "https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html",
        "https://docs.aws.amazon.com/AmazonS3/latest/userguide/cors.html",
    ),
    tags=("public-access",),
)


def find(stack: Stack) -> Iterator[Finding]:
    for api in stack.of_type("aws_apigatewayv2_api"):
        if "*" in listed(look(api, "cors_configuration.allow_origins")):
            yield stack.finding(
                RULE,
                api,
                f"{api.address} lets scripts of every origin in.",
                at="cors_configuration[0].allow_origins",
                severity=_worse(look(api, "cors_configuration.allow_credentials", False)),
            )
    for url in stack.of_type("aws_lambda_function_url"):
        if "*" in listed(look(url, "cors.allow_origins")):
            yield stack.finding(
                RULE,
                url,
                f"{url.address} lets scripts of every origin in.",
                at="cors[0].allow_origins",
                severity=_worse(look(url, "cors.allow_credentials", False)),
            )
    for answer in stack.of_type("aws_api_gateway_integration_response", "aws_api_gateway_gateway_response"):
        headers = look(answer, "response_parameters", {})
        for name, value in headers.items() if isinstance(headers, Mapping) else ():
            if name.lower().endswith("header.access-control-allow-origin") and value == "'*'":
                yield stack.finding(
                    RULE, answer, f"{answer.address} lets scripts of every origin in.", at="response_parameters"
                )
    for cors in stack.of_type("aws_s3_bucket_cors_configuration"):
        for index, rule in enumerate(blocks(cors, "cors_rule")):
            writes = {"PUT", "POST", "DELETE"} & set(map(str, listed(rule.get("allowed_methods"))))
            if writes and "*" in listed(rule.get("allowed_origins")):
                yield stack.finding(
                    RULE,
                    cors,
                    f"{cors.address} lets scripts of every origin write.",
                    at=f"cors_rule[{index}].allowed_origins",
                )


def _worse(credentials: Any) -> Severity:
    return Severity.HIGH if truth(credentials) else Severity.MEDIUM
