"""A distribution has no default root object. Only where the default behaviour's origin is a bucket; an API answers
"/" itself."""

from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, blocks, is_written, look

RULE = Rule(
    id="cloudfront/default-root-object",
    title="A distribution has no default root object",
    severity=Severity.LOW,
    why=(
        'A request for "/" goes to the bucket as a listing: the visitor gets an XML error or, where the policy is '
        "too wide, the names of all objects."
    ),
    mend='Set default_root_object = "index.html".',
    links=("https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/DefaultRootObject.html",),
    tags=("S2",),
)


def find(stack: Stack) -> Iterator[Finding]:
    for distribution in stack.of_type("aws_cloudfront_distribution"):
        if is_written(look(distribution, "default_root_object")):
            continue
        default = look(distribution, "default_cache_behavior.target_origin_id")
        functions = look(distribution, "default_cache_behavior.function_association")
        for origin in blocks(distribution, "origin"):
            from_bucket = any(stack.named(origin.get("domain_name"), "aws_s3_bucket")) or is_written(
                origin.get("s3_origin_config")
            )
            if origin.get("origin_id") == default and from_bucket and not is_written(functions):
                yield stack.finding(
                    RULE,
                    distribution,
                    f"{distribution.address} answers / with its bucket's listing.",
                    at="default_root_object",
                )
