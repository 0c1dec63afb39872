from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, blocks, look

RULE = Rule(
    id="s3/public-acl",
    title="A bucket's ACL opens it to everybody",
    severity=Severity.CRITICAL,
    why="Everybody on the Internet, or everybody with any AWS account, can list, read or write its objects.",
    mend='Use acl "private" and a bucket policy, or CloudFront with an origin access control.',
    links=("https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html",),
    tags=(
        "S2",
        "public-access",
    ),
)


OPEN = frozenset({"public-read", "public-read-write", "authenticated-read"})
GROUPS = ("global/AllUsers", "global/AuthenticatedUsers")


def find(stack: Stack) -> Iterator[Finding]:
    for owner in stack.of_type("aws_s3_bucket", "aws_s3_bucket_acl", "aws_s3_object"):
        if (acl := look(owner, "acl")) in OPEN:
            yield stack.finding(RULE, owner, f"{owner.address} has the ACL {acl}.", at="acl")
        grants = [*blocks(owner, "grant"), *blocks(owner, "access_control_policy.grant.grantee")]
        if any(str(grant.get("uri", "")).endswith(GROUPS) for grant in grants):
            yield stack.finding(RULE, owner, f"{owner.address} grants access to everybody.")
