from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, is_written, look

RULE = Rule(
    id="s3/encryption-written",
    title="A bucket's encryption is left to S3's default",
    severity=Severity.LOW,
    why=(
        "S3 encrypts every object with its own keys since January 2023. Where it is written down it is reviewed, it "
        "can name a KMS key whose use is logged and can be revoked, and drift shows."
    ),
    mend=(
        'Add an aws_s3_bucket_server_side_encryption_configuration ("aws:kms" with bucket_key_enabled where access '
        'to the key should be separate, else "AES256").'
    ),
    links=("https://docs.aws.amazon.com/AmazonS3/latest/userguide/default-bucket-encryption.html",),
    tags=("encryption",),
)


def find(stack: Stack) -> Iterator[Finding]:
    for bucket in stack.of_type("aws_s3_bucket"):
        if is_written(look(bucket, "server_side_encryption_configuration")):
            continue
        if stack.lacks(bucket, "aws_s3_bucket_server_side_encryption_configuration", "bucket"):
            yield stack.finding(RULE, bucket, f"{bucket.address} doesn't say how its objects are encrypted.")
