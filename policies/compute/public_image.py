from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, listed, look

RULE = Rule(
    id="compute/public-image",
    title="An image or snapshot is shared with everybody",
    severity=Severity.CRITICAL,
    why="Every AWS account can start it, and read what was left on its disk: keys, histories, data.",
    mend="Share it with named accounts or your organization.",
    links=(
        "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/sharingamis-intro.html",
        "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ShareSnapshot.html",
    ),
    tags=("public-access",),
)


def find(stack: Stack) -> Iterator[Finding]:
    for permission in stack.of_type("aws_ami_launch_permission"):
        if look(permission, "group") == "all":
            yield stack.finding(RULE, permission, f"{permission.address} shares an image with everybody.", at="group")
    for snapshot in stack.of_type("aws_db_snapshot", "aws_db_cluster_snapshot", "aws_db_snapshot_copy"):
        for name in ("shared_accounts",):
            if "all" in listed(look(snapshot, name)):
                yield stack.finding(RULE, snapshot, f"{snapshot.address} is shared with everybody.", at=name)
    for block in stack.of_type("aws_ebs_snapshot_block_public_access"):
        if look(block, "state") == "unblocked":
            yield stack.finding(
                RULE,
                block,
                f"{block.address} lets snapshots be shared with everybody.",
                at="state",
                severity=Severity.HIGH,
            )
