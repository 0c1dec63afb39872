from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, is_written, listed, look

RULE = Rule(
    id="s3/old-versions",
    title="Old versions of objects are kept and paid for without end",
    severity=Severity.LOW,
    why="In a versioned bucket a delete frees nothing: each overwritten object stays at the full price.",
    mend="Add a lifecycle rule with noncurrent_version_expiration (or noncurrent_version_transition).",
    links=("https://docs.aws.amazon.com/AmazonS3/latest/userguide/lifecycle-configuration-examples.html",),
    tags=(
        "cost",
        "retention",
    ),
)


def find(stack: Stack) -> Iterator[Finding]:
    for versioning in stack.of_type("aws_s3_bucket_versioning"):
        if look(versioning, "versioning_configuration.status") != "Enabled":
            continue
        for bucket in stack.named(look(versioning, "bucket"), "aws_s3_bucket"):
            lifecycles = stack.naming(bucket, "aws_s3_bucket_lifecycle_configuration", "bucket")
            rules = [rule for each in lifecycles for rule in listed(look(each, "rule"))]
            rules += listed(look(bucket, "lifecycle_rule"))
            if not rules and not stack.lacks(bucket, "aws_s3_bucket_lifecycle_configuration", "bucket"):
                continue
            if not any(_ends_versions(rule) for rule in rules):
                yield stack.finding(RULE, bucket, f"{bucket.address} keeps every old version for ever.")


def _ends_versions(rule: Any) -> bool:
    if not isinstance(rule, Mapping):
        return True  # can't be told
    return rule.get("status") != "Disabled" and any(
        is_written(rule.get(name)) for name in ("noncurrent_version_expiration", "noncurrent_version_transition")
    )
