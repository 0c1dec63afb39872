"""The one way to AWS: who we are there (`Access`), and clients that retry, page and speak our errors (`Aws`)."""

from opsctl.aws.access import Access
from opsctl.aws.clients import Aws, Identity, check_account
from opsctl.aws.errors import (
    AccessDenied,
    AwsError,
    CloudUnreachable,
    CredentialsExpired,
    CredentialsMissing,
    NotFound,
    Throttled,
    WrongAccount,
)

__all__ = [
    "Access",
    "AccessDenied",
    "Aws",
    "AwsError",
    "CloudUnreachable",
    "CredentialsExpired",
    "CredentialsMissing",
    "Identity",
    "NotFound",
    "Throttled",
    "WrongAccount",
    "check_account",
]
