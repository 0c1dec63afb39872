from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, is_written, listed, look, statements

RULE = Rule(
    id="s3/tls-only",
    title="A bucket answers over unencrypted HTTP",
    severity=Severity.MEDIUM,
    why=(
        "S3 serves plain HTTP unless the bucket's policy refuses it; signed requests and data then cross the "
        "network in the clear."
    ),
    mend=(
        'Add a statement to the bucket policy that denies s3:* to everybody where aws:SecureTransport is "false", '
        "on the bucket and its objects."
    ),
    links=("https://docs.aws.amazon.com/AmazonS3/latest/userguide/security-best-practices.html",),
    tags=("TLS",),
)


def find(stack: Stack) -> Iterator[Finding]:
    for bucket in stack.of_type("aws_s3_bucket"):
        policies = [look(policy, "policy") for policy in stack.naming(bucket, "aws_s3_bucket_policy", "bucket")]
        if is_written(look(bucket, "policy")):
            policies.append(look(bucket, "policy"))
        elif not policies and not stack.lacks(bucket, "aws_s3_bucket_policy", "bucket"):
            continue  # one is for a bucket that can't be told
        read = [statements(policy) for policy in policies]
        if None in read or any(_refuses_http(each) for document in read for each in document or ()):
            continue
        yield stack.finding(RULE, bucket, f"{bucket.address} takes unencrypted requests.")


def _refuses_http(statement: Mapping[str, Any]) -> bool:
    """Denies where SecureTransport is false, or denies too old TLS, which plain HTTP lacks as well."""
    if statement.get("Effect") != "Deny":
        return False
    for operator, keys in (statement.get("Condition") or {}).items():
        for key, value in keys.items() if isinstance(keys, Mapping) else ():
            values = [str(each).lower() for each in listed(value)]
            if key.lower() == "aws:securetransport" and operator.lower().startswith("bool") and values == ["false"]:
                return True
    return False
