"""Secrets that Terraform needs as input and can't make itself, since only the AWS provider can be had everywhere."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from opsctl.aws.errors import NotFound
from opsctl.environments.environment import Environment

if TYPE_CHECKING:
    from opsctl.aws.clients import Aws


def origin_secret(environment: Environment, aws: Aws) -> str:
    """The header value by which the API knows that a request came through CloudFront.

    Terraform keeps it in Secrets Manager under `<prefix>/origin-secret`; before the first apply it is made up here
    (256 random bits), so that a plan changes nothing.
    """
    try:
        value: str = aws.call("secretsmanager", "get_secret_value", SecretId=f"{environment.prefix}/origin-secret")[
            "SecretString"
        ]
    except NotFound:
        return secrets.token_urlsafe(32)
    return value
