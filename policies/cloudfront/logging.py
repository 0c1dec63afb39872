from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, blocks, is_written, look

RULE = Rule(
    id="cloudfront/logging",
    title="A distribution logs no requests",
    severity=Severity.MEDIUM,
    why="Who asked for what at the edge, what was cached and what was refused can't be told afterwards.",
    mend=(
        "Add logging_config with a bucket, or a delivery of standard logs v2 (aws_cloudwatch_log_delivery_source), "
        "or a realtime_log_config_arn."
    ),
    links=("https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/AccessLogs.html",),
    tags=(
        "logging",
        "S8",
    ),
)


def find(stack: Stack) -> Iterator[Finding]:
    for distribution in stack.of_type("aws_cloudfront_distribution"):
        if is_written(look(distribution, "logging_config")) or any(
            is_written(each.get("realtime_log_config_arn")) for each in blocks(distribution, "default_cache_behavior")
        ):
            continue
        if stack.lacks(distribution, "aws_cloudwatch_log_delivery_source", "resource_arn"):
            yield stack.finding(RULE, distribution, f"{distribution.address} logs no requests.", at="logging_config")
