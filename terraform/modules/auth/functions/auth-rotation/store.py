"""The calls to Secrets Manager and Systems Manager that a rotation makes."""

from __future__ import annotations

import json
import os
from typing import Any

import boto3

JWKS_PARAMETER = os.environ["JWKS_PARAMETER"]

_secrets = boto3.client("secretsmanager")
_parameters = boto3.client("ssm")


def stages(secret_id: str) -> dict[str, list[str]]:
    """The labels of each version."""
    described = _secrets.describe_secret(SecretId=secret_id)
    return dict(described.get("VersionIdsToStages") or {})


def read(secret_id: str, **version: str) -> dict[str, Any] | None:
    """The document of a version (`VersionId`, `VersionStage`); None if there is none yet."""
    try:
        text = _secrets.get_secret_value(SecretId=secret_id, **version).get("SecretString")
    except _secrets.exceptions.ResourceNotFoundException:
        return None
    return json.loads(text) if text else None


def put_pending(secret_id: str, version_id: str, document: dict[str, Any]) -> None:
    _secrets.put_secret_value(
        SecretId=secret_id, ClientRequestToken=version_id, SecretString=json.dumps(document),
        VersionStages=["AWSPENDING"],
    )  # fmt: skip


def make_current(secret_id: str, version_id: str) -> None:
    """Move the label AWSCURRENT to a version, wherever it is now."""
    now_at = [version for version, labels in stages(secret_id).items() if "AWSCURRENT" in labels]
    if version_id in now_at:
        return
    _secrets.update_secret_version_stage(
        SecretId=secret_id, VersionStage="AWSCURRENT", MoveToVersionId=version_id,
        **({"RemoveFromVersionId": now_at[0]} if now_at else {}),
    )  # fmt: skip


def publish(jwks: dict[str, Any]) -> None:
    _parameters.put_parameter(Name=JWKS_PARAMETER, Value=json.dumps(jwks, separators=(",", ":")), Overwrite=True)


def published() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(_parameters.get_parameter(Name=JWKS_PARAMETER)["Parameter"]["Value"])
    return document
