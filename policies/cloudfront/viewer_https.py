from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, blocks

RULE = Rule(
    id="cloudfront/viewer-https",
    title="A distribution serves unencrypted HTTP",
    severity=Severity.HIGH,
    why="Pages, cookies and tokens cross the network in the clear, and whoever is in between can change them.",
    mend='Set viewer_protocol_policy = "redirect-to-https" or "https-only" on every cache behaviour.',
    links=(
        "https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-https-viewers-to-cloudfront.html",
    ),
    tags=(
        "TLS",
        "S2",
        "S8",
    ),
)


def find(stack: Stack) -> Iterator[Finding]:
    for distribution in stack.of_type("aws_cloudfront_distribution"):
        for name in ("default_cache_behavior", "ordered_cache_behavior"):
            for index, behaviour in enumerate(blocks(distribution, name)):
                if behaviour.get("viewer_protocol_policy") == "allow-all":
                    yield stack.finding(
                        RULE,
                        distribution,
                        f"{distribution.address} serves HTTP for {behaviour.get('path_pattern') or '*'}.",
                        at=f"{name}[{index}].viewer_protocol_policy",
                    )
