"""The call to Systems Manager that the authorizer makes."""

from __future__ import annotations

import json
import os
from typing import Any

import boto3
from botocore.config import Config

JWKS_PARAMETER = os.environ["JWKS_PARAMETER"]

# Short: somebody waits for it, and what was read before serves in the meantime.
_parameters = boto3.client("ssm", config=Config(connect_timeout=1, read_timeout=2, retries={"total_max_attempts": 2}))


def published_keys() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(_parameters.get_parameter(Name=JWKS_PARAMETER)["Parameter"]["Value"])
    return document
