"""A database can be reached from the Internet. Amazon Redshift's provider default is false since version 6 only,
so a cluster that doesn't say is found."""

from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, look, truth

RULE = Rule(
    id="databases/public",
    title="A database can be reached from the Internet",
    severity=Severity.CRITICAL,
    why="It gets a public address: one rule of a security group, or one leaked password, and everything is out.",
    mend="Set publicly_accessible = false, and put it into private subnets.",
    links=("https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_VPC.WorkingWithRDSInstanceinaVPC.html",),
    tags=(
        "public-access",
        "S8",
    ),
)


DEFAULTS = {
    "aws_db_instance": False,
    "aws_rds_cluster_instance": False,
    "aws_neptune_cluster_instance": False,
    "aws_dms_replication_instance": False,
    "aws_redshift_cluster": True,
    "aws_mq_broker": False,
}


def find(stack: Stack) -> Iterator[Finding]:
    for kind, default in DEFAULTS.items():
        for database in stack.of_type(kind):
            if truth(look(database, "publicly_accessible", default)):
                yield stack.finding(
                    RULE, database, f"{database.address} has a public address.", at="publicly_accessible"
                )
