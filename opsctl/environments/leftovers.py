"""What is left of an environment after `down`, by its tags: what should not be there, and what can't be gone yet."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from opsctl.aws.errors import NotFound

if TYPE_CHECKING:
    from opsctl.aws.clients import Aws
    from opsctl.environments.environment import Environment

EDGE_REGION = "us-east-1"
"""CloudFront's certificate, web ACL and tags live there, whatever the environment's region."""


@dataclass(frozen=True)
class Leftovers:
    """ARNs by what they mean.

    Attributes:
        forgotten: should be gone, and isn't.
        remainders: (ARN, when or why it goes) of what AWS keeps for a while.
    """

    forgotten: tuple[str, ...] = ()
    remainders: tuple[tuple[str, str], ...] = ()


def find_leftovers(environment: Environment, aws: Aws) -> Leftovers:
    """Everything that still carries the environment's tags, in its own region and in the edge's."""
    arns: set[str] = set()
    filters = [
        {"Key": "Project", "Values": [environment.project]},
        {"Key": "Environment", "Values": [environment.name]},
    ]
    for region in sorted({environment.region, EDGE_REGION}):
        listing = "ResourceTagMappingList[].ResourceARN"
        arns |= set(aws.pages("resourcegroupstaggingapi", "get_resources", listing, region=region, TagFilters=filters))
    return classify((arn, _why_it_stays(arn, aws)) for arn in sorted(arns))


def classify(found: Iterable[tuple[str, str | None]]) -> Leftovers:
    """Split (ARN, why it stays or None) into what was forgotten and what only remains."""
    found = list(found)
    return Leftovers(
        forgotten=tuple(arn for arn, why in found if why is None),
        remainders=tuple((arn, why) for arn, why in found if why is not None),
    )


GONE = "gone already; the tagging service lists it for a while"
TERMINATED = "terminated; EC2 shows it for about an hour"
"""Source: Amazon EC2 user guide, "Terminate Amazon EC2 instances"."""


def _why_it_stays(arn: str, aws: Aws) -> str | None:
    """Why a tagged resource is still listed after a destroy, for the kinds that AWS keeps; None for any other."""
    service, region, _, resource = arn.split(":", 5)[2:]
    if service == "kms" and resource.startswith("key/"):
        try:
            key = aws.call("kms", "describe_key", region=region, KeyId=arn)["KeyMetadata"]
        except NotFound:
            return GONE
        if key["KeyState"] == "PendingDeletion":
            return f"key pending deletion until {key['DeletionDate']:%Y-%m-%d}"
    if service == "ec2" and resource.startswith("instance/"):
        try:
            found = aws.call("ec2", "describe_instances", region=region, InstanceIds=[resource.partition("/")[2]])
        except NotFound:
            return GONE
        states = [instance["State"]["Name"] for held in found["Reservations"] for instance in held["Instances"]]
        if set(states) <= {"shutting-down", "terminated"}:
            return TERMINATED
    if service == "rds" and resource.startswith(("snapshot:", "auto-backup:")):
        return "the database's last backup: delete it by hand when nobody needs it"
    if service == "secretsmanager":
        try:
            secret = aws.call("secretsmanager", "describe_secret", region=region, SecretId=arn)
        except NotFound:
            return GONE
        if secret.get("DeletedDate"):
            return "secret scheduled for deletion"
    return None
