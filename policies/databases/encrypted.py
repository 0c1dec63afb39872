"""A database is not encrypted. What is restored from a snapshot or replicates another database has that one's
encryption, and isn't judged."""

from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.policy.rule import Stack, is_written, look, truth

RULE = Rule(
    id="databases/encrypted",
    title="A database is not encrypted",
    severity=Severity.HIGH,
    why=(
        "Storage, backups, replicas and snapshots lie on disks as they are; it can't be changed later without a "
        "copy of it all."
    ),
    mend="Set storage_encrypted = true (encrypted for Redshift, at_rest_encryption_enabled for ElastiCache).",
    links=(
        "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Overview.Encryption.html",
        "https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_CreateReplicationGroup.html",
    ),
    tags=(
        "encryption",
        "S8",
    ),
)


ATTRIBUTES = {
    "aws_db_instance": "storage_encrypted",
    "aws_rds_cluster": "storage_encrypted",
    "aws_docdb_cluster": "storage_encrypted",
    "aws_neptune_cluster": "storage_encrypted",
    "aws_redshift_cluster": "encrypted",
    "aws_elasticache_replication_group": "at_rest_encryption_enabled",
}
INHERITED = (
    "replicate_source_db",
    "snapshot_identifier",
    "replication_source_identifier",
    "global_replication_group_id",
    "snapshot_name",
)


def find(stack: Stack) -> Iterator[Finding]:
    for kind, attribute in ATTRIBUTES.items():
        for database in stack.of_type(kind):
            inherits = any(is_written(look(database, name)) for name in INHERITED)
            # Aurora Serverless is always encrypted.
            serverless = look(database, "engine_mode") == "serverless"
            # ElastiCache encrypts Valkey unless told otherwise, and Redis only when told.
            default = kind == "aws_elasticache_replication_group" and look(database, "engine", "redis") != "redis"
            if truth(look(database, attribute, default)) is False and not inherits and not serverless:
                yield stack.finding(RULE, database, f"{database.address} isn't encrypted at rest.", at=attribute)
