"""What an account needs once, before its first environment: the bucket of the Terraform states."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from opsctl.environments.ports import Ports
from opsctl.errors import OpsctlError

ONCE_PER_ACCOUNT = (
    "A hosted zone of the parent domain (parent_zone_name), if the environment's name is to be delegated.",
    "The service-linked roles for Elastic Load Balancing, Auto Scaling and RDS (AWS makes them on first use).",
    "A confirmed e-mail address for alerts (alert_email): AWS sends the confirmation after the first `up`.",
    "Quotas: 1 NAT gateway address per zone, 1 VPC, 2 web ACLs, 1 distribution for each environment.",
)
"""Things that opsctl does not make: they belong to the account, not to an environment."""


class NotBootstrapped(OpsctlError):
    """The account has no state bucket."""

    def __init__(self, ports: Ports) -> None:
        super().__init__(
            f"Account {ports.environment.account_id} has no bucket for Terraform's state yet.",
            where=f"s3://{ports.bucket.name}",
            next=f"opsctl bootstrap {ports.environment.name}",
        )


@dataclass(frozen=True)
class Bootstrapped:
    """The state bucket, whether it was made just now, and what else the account needs once."""

    bucket: str
    created: bool
    also_needed: tuple[str, ...] = ONCE_PER_ACCOUNT


def bootstrap(ports: Ports) -> Bootstrapped:
    """Make the state bucket (versioned, encrypted, private, TLS only), or set an existing one right. Idempotent."""
    name, aws = ports.bucket.name, ports.aws
    created = not ports.bucket.exists()
    if created:
        location = {"LocationConstraint": ports.environment.region}
        settings: dict[str, Any] = {"Bucket": name}
        # us-east-1 is the one region that S3 refuses as a location. Source: S3 API reference, CreateBucket.
        if ports.environment.region != "us-east-1":
            settings["CreateBucketConfiguration"] = location
        aws.call("s3", "create_bucket", **settings)
    aws.call("s3", "put_bucket_versioning", Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    aws.call(
        "s3", "put_bucket_encryption", Bucket=name, ServerSideEncryptionConfiguration={
            "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}, "BucketKeyEnabled": True}]
        },
    )  # fmt: skip
    aws.call(
        "s3", "put_public_access_block", Bucket=name, PublicAccessBlockConfiguration={
            "BlockPublicAcls": True, "IgnorePublicAcls": True, "BlockPublicPolicy": True, "RestrictPublicBuckets": True
        },
    )  # fmt: skip
    aws.call("s3", "put_bucket_policy", Bucket=name, Policy=json.dumps(tls_only_policy(name)))
    return Bootstrapped(name, created)


def tls_only_policy(bucket: str) -> dict[str, object]:
    """A bucket policy that denies plain HTTP. Source: AWS Config rule s3-bucket-ssl-requests-only."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "DenyPlainHttp",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:*",
                "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            }
        ],
    }
