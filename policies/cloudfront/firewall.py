from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, is_written, look

RULE = Rule(
    id="cloudfront/firewall",
    title="A distribution has no web application firewall",
    severity=Severity.MEDIUM,
    why="Injections and floods pass the edge and reach what stands behind, at your cost.",
    mend="Set web_acl_id to an aws_wafv2_web_acl of scope CLOUDFRONT.",
    links=("https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/distribution-web-awswaf.html",),
    tags=(
        "S8",
        "WAF",
    ),
)


def find(stack: Stack) -> Iterator[Finding]:
    for distribution in stack.of_type("aws_cloudfront_distribution"):
        if not is_written(look(distribution, "web_acl_id")):
            yield stack.finding(
                RULE, distribution, f"{distribution.address} has no web application firewall.", at="web_acl_id"
            )
