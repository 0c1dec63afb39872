"""What has to be secret and stay the same from one command to the next, and is made up here once.

One seed of 256 random bits lies at `<env>/seed` in the state bucket, beside the state, which holds the same secrets:
whoever may read the one may read the other.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from typing import TYPE_CHECKING

from opsctl.aws.errors import NotFound
from opsctl.environments.environment import Environment
from opsctl.environments.state_bucket import StateBucket
from opsctl.terraform.masking import secrets_in_state

if TYPE_CHECKING:
    from opsctl.aws.clients import Aws


def origin_secret(environment: Environment, aws: Aws) -> str:
    """The header value by which the API knows that a request came through CloudFront.

    Terraform keeps it in Secrets Manager under `<prefix>/origin-secret`, where it may be changed. Before the first
    apply it is drawn from the seed, so that two plans mean the same.
    """
    try:
        value: str = aws.call("secretsmanager", "get_secret_value", SecretId=f"{environment.prefix}/origin-secret")[
            "SecretString"
        ]
    except NotFound:
        return base64.urlsafe_b64encode(_drawn(environment, aws, "origin secret")).rstrip(b"=").decode()
    return value


def meaning_key(environment: Environment, aws: Aws) -> bytes:
    """What values in a plan are hashed with (see `opsctl.terraform.meaning`)."""
    return _drawn(environment, aws, "meaning of plans")


def _drawn(environment: Environment, aws: Aws, purpose: str) -> bytes:
    return hmac.new(_seed(environment, aws), purpose.encode(), hashlib.sha256).digest()


def _seed(environment: Environment, aws: Aws) -> bytes:
    """The environment's seed. Of two commands that make it up at once, both take the one that came first."""
    bucket, key = StateBucket(environment, aws), f"{environment.name}/seed"
    kept = bucket.read(key)
    if kept is None:
        made = secrets.token_bytes(32)
        bucket.create(key, made)
        kept = bucket.read(key) or made
    return kept


def secrets_in_the_state(environment: Environment, aws: Aws) -> set[str]:
    """What the environment's state calls sensitive: values that a provider may quote and nobody else here knows.

    A state that can't be read gives nothing here; whoever needs it says what is wrong with it.
    """
    body = StateBucket(environment, aws).read(environment.state_key)
    try:
        return secrets_in_state(body) if body else set()
    except (ValueError, KeyError, TypeError):
        return set()
