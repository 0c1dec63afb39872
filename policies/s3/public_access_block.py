"""A bucket does not block public access. Since April 2023 S3 blocks for buckets that are created anew; Terraform
shows it only where it is written, and only that outlives somebody's click."""

from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, look, truth

RULE = Rule(
    id="s3/public-access-block",
    title="A bucket does not block public access",
    severity=Severity.HIGH,
    why=(
        "One policy or ACL, written later and elsewhere, can open the bucket to everybody. The four blocks stop "
        "that whatever it says."
    ),
    mend="Add an aws_s3_bucket_public_access_block for the bucket with all four settings true.",
    links=("https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html",),
    tags=(
        "S2",
        "public-access",
    ),
)


BLOCKS = ("block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets")


def find(stack: Stack) -> Iterator[Finding]:
    whole_account = any(
        all(truth(look(account, name, False)) for name in BLOCKS)
        for account in stack.of_type("aws_s3_account_public_access_block")
    )
    for bucket in stack.of_type("aws_s3_bucket"):
        if not whole_account and stack.lacks(bucket, "aws_s3_bucket_public_access_block", "bucket"):
            yield stack.finding(RULE, bucket, f"{bucket.address} has no public access block.")
    for block in stack.of_type("aws_s3_bucket_public_access_block", "aws_s3_account_public_access_block"):
        for name in BLOCKS:
            if truth(look(block, name, False)) is False:
                yield stack.finding(RULE, block, f"{block.address} leaves {name} off.", at=name)
