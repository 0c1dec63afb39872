from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, look

RULE = Rule(
    id="functions/url-without-auth",
    title="A function's URL answers everybody",
    severity=Severity.HIGH,
    why=(
        "Anybody who finds the URL runs the function at your cost, with its role, with no throttling, firewall or "
        "log of an API in front."
    ),
    mend=(
        'Set authorization_type = "AWS_IAM" (CloudFront signs with an origin access control), or use API Gateway '
        "with an authorizer."
    ),
    links=("https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html",),
    tags=("public-access",),
)


def find(stack: Stack) -> Iterator[Finding]:
    for url in stack.of_type("aws_lambda_function_url"):
        if look(url, "authorization_type") == "NONE":
            yield stack.finding(RULE, url, f"{url.address} asks nobody who they are.", at="authorization_type")
