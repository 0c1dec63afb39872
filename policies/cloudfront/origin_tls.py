from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, blocks, listed

RULE = Rule(
    id="cloudfront/origin-tls",
    title="A distribution talks to its origin in the clear, or by old TLS",
    severity=Severity.MEDIUM,
    why=(
        "What was encrypted to the edge then crosses the Internet unencrypted to the origin, the secret header that "
        "proves CloudFront included."
    ),
    mend='Set origin_protocol_policy = "https-only" and origin_ssl_protocols = ["TLSv1.2"].',
    links=(
        "https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-https-cloudfront-to-custom-origin.html",
    ),
    tags=(
        "TLS",
        "S8",
    ),
)


OLD = frozenset({"SSLv3", "TLSv1", "TLSv1.1"})


def find(stack: Stack) -> Iterator[Finding]:
    for distribution in stack.of_type("aws_cloudfront_distribution"):
        for index, origin in enumerate(blocks(distribution, "origin")):
            for config in blocks(origin, "custom_origin_config"):
                at = f"origin[{index}].custom_origin_config[0]"
                website = ".s3-website" in str(origin.get("domain_name"))  # it has no HTTPS
                if config.get("origin_protocol_policy") in ("http-only", "match-viewer") and not website:
                    yield stack.finding(
                        RULE,
                        distribution,
                        f"{distribution.address} calls {_name(origin)} over HTTP.",
                        at=f"{at}.origin_protocol_policy",
                    )
                elif old := OLD & set(map(str, listed(config.get("origin_ssl_protocols")))):
                    yield stack.finding(
                        RULE,
                        distribution,
                        f"{distribution.address} calls {_name(origin)} over {', '.join(sorted(old))}.",
                        at=f"{at}.origin_ssl_protocols",
                    )


def _name(origin: Mapping[str, Any]) -> str:
    return f"its origin {origin.get('origin_id') or origin.get('domain_name')}"
