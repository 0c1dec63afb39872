from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, look, truth

RULE = Rule(
    id="tables/cache-encrypted",
    title="A DynamoDB accelerator isn't encrypted at rest",
    severity=Severity.MEDIUM,
    why=(
        "DAX writes cached items and its logs to disk. Unlike a table, a cluster is encrypted only when it is asked "
        "for, and can't be later."
    ),
    mend="Add server_side_encryption { enabled = true }; the cluster is replaced.",
    links=("https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/DAXEncryptionAtRest.html",),
    tags=("encryption",),
)


def find(stack: Stack) -> Iterator[Finding]:
    for cluster in stack.of_type("aws_dax_cluster"):
        if truth(look(cluster, "server_side_encryption.enabled", False)) is False:
            yield stack.finding(
                RULE, cluster, f"{cluster.address} isn't encrypted at rest.", at="server_side_encryption[0].enabled"
            )
