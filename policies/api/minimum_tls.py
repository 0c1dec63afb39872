from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, look

RULE = Rule(
    id="api/minimum-tls",
    title="An API's domain takes old TLS",
    severity=Severity.MEDIUM,
    why="TLS 1.0 and 1.1 are broken and forbidden by PCI DSS since 2018.",
    mend='Set security_policy = "TLS_1_2".',
    links=("https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-custom-domain-tls-version.html",),
    tags=(
        "TLS",
        "S8",
    ),
)


def find(stack: Stack) -> Iterator[Finding]:
    for domain in stack.of_type("aws_api_gateway_domain_name"):
        # API Gateway's default for edge-optimised and regional domains made by Terraform is TLS 1.2.
        if look(domain, "security_policy") == "TLS_1_0":
            yield stack.finding(RULE, domain, f"{domain.address} takes TLS 1.0.", at="security_policy")
