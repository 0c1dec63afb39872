"""The calls to Secrets Manager and to MySQL."""

from __future__ import annotations

import json
import os
import ssl
from collections.abc import Iterable, Mapping
from pathlib import Path

import boto3
import pymysql
from users import Statement

MASTER_SECRET_ARN = os.environ["MASTER_SECRET_ARN"]
SERVICE_SECRET_ARN = os.environ["SERVICE_SECRET_ARN"]  # empty: IAM
# Empty or missing on AWS: RDS's own roots, which lie beside this file. The local cloud names its authority.
AUTHORITY = os.environ.get("DB_TLS_CA") or str(Path(__file__).with_name("rds-roots.pem"))

_secrets = boto3.client("secretsmanager")


def read_login(secret_arn: str) -> dict[str, str] | None:
    """{"username", "password"} of a secret; None while it has no value."""
    try:
        value = _secrets.get_secret_value(SecretId=secret_arn).get("SecretString")
    except _secrets.exceptions.ResourceNotFoundException:
        return None
    return dict(json.loads(value)) if value else None


def write_login(secret_arn: str, login: Mapping[str, str]) -> None:
    _secrets.put_secret_value(SecretId=secret_arn, SecretString=json.dumps(login))


def run(statements: Iterable[Statement], login: Mapping[str, str]) -> None:
    """Run statements as the master user, over TLS that was verified."""
    connection = pymysql.connect(
        host=os.environ["DB_HOST"], port=int(os.environ["DB_PORT"]), user=login["username"], password=login["password"],
        ssl=ssl.create_default_context(cafile=AUTHORITY), connect_timeout=10, read_timeout=20, write_timeout=20,
    )  # fmt: skip
    with connection, connection.cursor() as cursor:
        for sql, values in statements:
            cursor.execute(sql, values)
