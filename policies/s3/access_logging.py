from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.hcl import Resource
from opsctl.policy.rule import Stack, is_written, look, texts_in

RULE = Rule(
    id="s3/access-logging",
    title="Nobody knows who read a bucket",
    severity=Severity.LOW,
    why=(
        "Without server access logs, or CloudTrail data events, nobody can tell afterwards what was read or "
        "deleted, and by whom."
    ),
    mend=(
        "Add an aws_s3_bucket_logging, or a trail with data events for the bucket. The bucket that takes the logs "
        "needs none."
    ),
    links=("https://docs.aws.amazon.com/AmazonS3/latest/userguide/logging-with-S3.html",),
    tags=("logging",),
)


def find(stack: Stack) -> Iterator[Finding]:
    if any(_logs_objects(trail) for trail in stack.of_type("aws_cloudtrail")):
        return
    targets = _log_buckets(stack)
    for bucket in stack.of_type("aws_s3_bucket"):
        if bucket.address in targets or is_written(look(bucket, "logging")):
            continue
        if stack.lacks(bucket, "aws_s3_bucket_logging", "bucket"):
            yield stack.finding(RULE, bucket, f"{bucket.address} logs no access.")


def _logs_objects(trail: Resource) -> bool:
    return "AWS::S3::Object" in set(texts_in([trail.get("event_selector"), trail.get("advanced_event_selector")]))


def _log_buckets(stack: Stack) -> set[str]:
    """Buckets that logs are written to: a log of the log would never end."""
    sinks = (
        ("aws_s3_bucket_logging", "target_bucket"),
        ("aws_cloudtrail", "s3_bucket_name"),
        ("aws_lb", "access_logs.bucket"),
        ("aws_cloudfront_distribution", "logging_config.bucket"),
        ("aws_flow_log", "log_destination"),
        ("aws_config_delivery_channel", "s3_bucket_name"),
        ("aws_cloudwatch_log_delivery_destination", "delivery_destination_configuration.destination_resource_arn"),
        ("aws_wafv2_web_acl_logging_configuration", "log_destination_configs"),
    )
    return {
        bucket.address
        for kind, path in sinks
        for user in stack.of_type(kind)
        for bucket in stack.named(look(user, path), "aws_s3_bucket")
    }
