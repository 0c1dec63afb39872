"""Whether two callers are the same person, as far as AWS says.

STS GetCallerIdentity tells an ARN. Of an assumed role it ends in a session name that the caller chose, so two sessions
of one role may be one person, and count as one here. Roles of IAM Identity Center (AWSReservedSSO_…) are the exception:
there the service sets the session name to the user's, whichever permission set is used. Source: AWS IAM user guide,
"IAM identifiers"; IAM Identity Center user guide, "Referencing permission sets in resource policies".

What no ARN tells: that an IAM user and a role are used by the same person. A role that may approve must be open to
those who may, and to nobody else (`sts:RoleSessionName` and `sts:SourceIdentity` conditions in its trust policy).
"""

from __future__ import annotations

import re

ASSUMED_ROLE = re.compile(
    r"arn:(?P<partition>[^:]+):sts::(?P<account>\d*):assumed-role/(?P<role>[^/]+)/(?P<session>.+)"
)
IDENTITY_CENTER = "AWSReservedSSO_"


def person_of(arn: str) -> str:
    """What stands for the person behind an ARN: equal for two callers who are, or may be, the same."""
    match = ASSUMED_ROLE.fullmatch(arn)
    if match is None:
        return arn
    if match["role"].startswith(IDENTITY_CENTER):
        return f"identity-center:{match['session'].lower()}"
    return f"role:{match['account']}:{match['role']}"


def is_shared(arn: str) -> bool:
    """Whether several people may stand behind an ARN and can't be told apart: sessions of a role, the root user."""
    return person_of(arn).startswith("role:") or arn.endswith(":root")
