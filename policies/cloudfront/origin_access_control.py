from __future__ import annotations

import re
from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, blocks, is_written, look

RULE = Rule(
    id="cloudfront/origin-access-control",
    title="A distribution reads its bucket by the old identity, or the bucket is open",
    severity=Severity.MEDIUM,
    why=(
        "Origin access identities can't read buckets encrypted by KMS, sign by the old way and are not in newer "
        "regions; without either, the bucket must be open to all for CloudFront to read it."
    ),
    mend=(
        'Use aws_cloudfront_origin_access_control with signing_behavior "always", and a bucket policy that lets the '
        "service in with aws:SourceArn."
    ),
    links=(
        "https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-restricting-access-to-s3.html",
    ),
    tags=(
        "S2",
        "public-access",
    ),
)


def find(stack: Stack) -> Iterator[Finding]:
    for identity in stack.of_type("aws_cloudfront_origin_access_identity"):
        yield stack.finding(RULE, identity, f"{identity.address} is an origin access identity.")
    for distribution in stack.of_type("aws_cloudfront_distribution"):
        for index, origin in enumerate(blocks(distribution, "origin")):
            if is_written(origin.get("origin_access_control_id")) or is_written(origin.get("custom_origin_config")):
                continue
            old = is_written(look(origin, "s3_origin_config.origin_access_identity"))
            name = origin.get("domain_name")
            from_bucket = any(stack.named(name, "aws_s3_bucket")) or re.search(
                r"\.s3[.-][\w.-]*amazonaws\.com$", str(name)
            )
            if from_bucket and not old:
                yield stack.finding(
                    RULE,
                    distribution,
                    f"{distribution.address} reads a bucket without an origin access control.",
                    at=f"origin[{index}].domain_name",
                )
