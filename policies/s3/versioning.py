from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, look, truth

RULE = Rule(
    id="s3/versioning",
    title="A bucket keeps no versions",
    severity=Severity.MEDIUM,
    why="What is overwritten or deleted by mistake, by a bug or by ransomware is gone.",
    mend='Add aws_s3_bucket_versioning with status "Enabled", and a lifecycle rule that ends old versions.',
    links=("https://docs.aws.amazon.com/AmazonS3/latest/userguide/Versioning.html",),
    tags=("backups",),
)


def find(stack: Stack) -> Iterator[Finding]:
    for bucket in stack.of_type("aws_s3_bucket"):
        if truth(look(bucket, "versioning.enabled", False)) is not False:
            continue
        if stack.lacks(bucket, "aws_s3_bucket_versioning", "bucket"):
            yield stack.finding(RULE, bucket, f"{bucket.address} keeps no versions.")
    for versioning in stack.of_type("aws_s3_bucket_versioning"):
        status = look(versioning, "versioning_configuration.status")
        if status in ("Suspended", "Disabled"):
            yield stack.finding(
                RULE, versioning, f"{versioning.address} is {status}.", at="versioning_configuration[0].status"
            )
