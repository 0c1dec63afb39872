from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, is_written, listed, look

RULE = Rule(
    id="s3/incomplete-uploads",
    title="Parts of uploads that were never finished are kept and paid for",
    severity=Severity.LOW,
    why=(
        "A multipart upload that breaks off leaves its parts in the bucket, unseen in listings, at the full price, "
        "for ever."
    ),
    mend="Add a lifecycle rule with abort_incomplete_multipart_upload { days_after_initiation = 7 }.",
    links=("https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpu-abort-incomplete-mpu-lifecycle-config.html",),
    tags=("cost",),
)


def find(stack: Stack) -> Iterator[Finding]:
    for bucket in stack.of_type("aws_s3_bucket"):
        lifecycles = stack.naming(bucket, "aws_s3_bucket_lifecycle_configuration", "bucket")
        rules = [rule for each in lifecycles for rule in listed(look(each, "rule"))] + listed(
            look(bucket, "lifecycle_rule")
        )
        if not rules and not stack.lacks(bucket, "aws_s3_bucket_lifecycle_configuration", "bucket"):
            continue
        if not any(_ends_uploads(rule) for rule in rules):
            yield stack.finding(RULE, bucket, f"{bucket.address} keeps the parts of broken uploads for ever.")


def _ends_uploads(rule: Any) -> bool:
    if not isinstance(rule, Mapping):
        return True  # can't be told
    return rule.get("status") != "Disabled" and any(
        is_written(rule.get(name))
        for name in ("abort_incomplete_multipart_upload", "abort_incomplete_multipart_upload_days")
    )
