from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, look, truth

RULE = Rule(
    id="s3/force-destroy",
    title="A bucket of production is deleted with all that is in it",
    severity=Severity.MEDIUM,
    why=(
        "force_destroy empties the bucket, old versions included, when Terraform destroys or replaces it: one wrong "
        "plan, and no way back."
    ),
    mend="Set force_destroy = false in production.",
    links=(
        "https://docs.aws.amazon.com/AmazonS3/latest/userguide/delete-bucket.html",
        "https://registry.terraform.io/providers/hashicorp/aws/latest/docs/resources/s3_bucket",
    ),
    tags=("deletion-protection",),
)


def find(stack: Stack) -> Iterator[Finding]:
    if not stack.is_production:
        return
    for bucket in stack.of_type("aws_s3_bucket"):
        if truth(look(bucket, "force_destroy", False)):
            yield stack.finding(RULE, bucket, f"{bucket.address} is destroyed with its objects.", at="force_destroy")
