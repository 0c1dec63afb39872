from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, blocks, look, truth

RULE = Rule(
    id="s3/bucket-key",
    title="Each object of a bucket costs a request to KMS",
    severity=Severity.LOW,
    why=(
        "With SSE-KMS and no bucket key, S3 asks KMS for every object that is read or written; a bucket key lowers "
        "these costs by up to 99 % and keeps below KMS's request quota."
    ),
    mend="Set bucket_key_enabled = true in the rule.",
    links=("https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-key.html",),
    tags=(
        "cost",
        "encryption",
    ),
)


def find(stack: Stack) -> Iterator[Finding]:
    for bucket in stack.of_type("aws_s3_bucket_server_side_encryption_configuration"):
        for index, rule in enumerate(blocks(bucket, "rule")):
            algorithm = look(rule, "apply_server_side_encryption_by_default.sse_algorithm")
            if algorithm == "aws:kms" and truth(look(rule, "bucket_key_enabled", False)) is False:
                yield stack.finding(
                    RULE,
                    bucket,
                    f"{bucket.address} uses SSE-KMS without a bucket key.",
                    at=f"rule[{index}].bucket_key_enabled",
                )
