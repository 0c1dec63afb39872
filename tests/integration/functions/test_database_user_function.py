"""The function that makes the service's user, against a real MariaDB and moto's Secrets Manager."""

from __future__ import annotations

import importlib
import json
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import pymysql
import pytest
from conftest import CONTEXT, REGION
from moto import mock_aws

from opsctl.local.databases.server import ThrowAway, throw_away

FUNCTION = Path(__file__).parents[3] / "terraform/modules/database/functions/database-user"
EVENT = {"user": "orders_service", "schema": "orders", "authentication": "password"}


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThrowAway]:
    with throw_away(tmp_path_factory.mktemp("server") / "database") as database:
        yield database


@pytest.fixture
def secret(server: ThrowAway, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Secrets Manager; the service's secret has no value yet."""
    for name, value in {
        "AWS_DEFAULT_REGION": REGION, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
        "MASTER_SECRET_ARN": "master", "SERVICE_SECRET_ARN": "service", "DB_HOST": server.server.address,
        "DB_PORT": str(server.server.port), "DB_TLS_CA": str(server.authority_file),
        "POWERTOOLS_SERVICE_NAME": "database-user",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    with mock_aws():
        client = boto3.client("secretsmanager")
        login = {"username": server.login.user, "password": server.login.password}
        client.create_secret(Name="master", SecretString=json.dumps(login))
        client.create_secret(Name="service")
        yield client
    server.server.query("DROP USER IF EXISTS orders_service")


@pytest.fixture
def function(secret: Any) -> Iterator[ModuleType]:
    sys.path.insert(0, str(FUNCTION))
    try:
        yield importlib.import_module("handler")
    finally:
        sys.path.remove(str(FUNCTION))
        for file in FUNCTION.glob("*.py"):
            sys.modules.pop(file.stem, None)


def login(secret: Any) -> dict[str, str]:
    return dict(json.loads(secret.get_secret_value(SecretId="service")["SecretString"]))


def connect(server: ThrowAway, secret: Any, **settings: Any) -> pymysql.connections.Connection[Any]:
    known = login(secret)
    defaults: dict[str, Any] = {
        "host": server.server.address, "port": server.server.port, "database": "orders", "user": known["username"],
        "password": known["password"], "ssl": ssl.create_default_context(cafile=str(server.authority_file)),
    }  # fmt: skip
    return pymysql.connect(**{**defaults, **settings})


def test_the_user_migrates_and_works_on_its_schema_with_the_password_of_its_secret(
    function: ModuleType, server: ThrowAway, secret: Any
) -> None:
    answer = function.handler(EVENT, CONTEXT)
    assert login(secret)["password"] not in json.dumps(answer)
    with connect(server, secret) as connection, connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE orders (id INT PRIMARY KEY, parent INT, FOREIGN KEY (parent) REFERENCES orders(id))"
        )
        cursor.execute("ALTER TABLE orders ADD COLUMN note TEXT, ADD INDEX (note(10))")
        cursor.execute("INSERT INTO orders (id) VALUES (1)")
        cursor.execute("DROP TABLE orders")


def test_a_second_call_changes_nothing(function: ModuleType, server: ThrowAway, secret: Any) -> None:
    function.handler(EVENT, CONTEXT)
    before = login(secret)
    function.handler(EVENT, CONTEXT)
    assert login(secret) == before
    connect(server, secret).close()


def test_a_user_that_lost_its_password_gets_that_of_the_secret_back(
    function: ModuleType, server: ThrowAway, secret: Any
) -> None:
    function.handler(EVENT, CONTEXT)
    server.server.query("SET PASSWORD FOR orders_service@'%' = PASSWORD('other')")
    function.handler(EVENT, CONTEXT)
    connect(server, secret).close()


def test_the_user_is_refused_without_tls(function: ModuleType, server: ThrowAway, secret: Any) -> None:
    function.handler(EVENT, CONTEXT)
    with pytest.raises(pymysql.err.OperationalError, match="Access denied"):
        connect(server, secret, ssl=None, ssl_disabled=True)


@pytest.mark.parametrize("statement", ["SELECT * FROM mysql.user", "CREATE DATABASE other", "CREATE USER other"])
def test_the_user_may_not_leave_its_schema(
    function: ModuleType, server: ThrowAway, secret: Any, statement: str
) -> None:
    function.handler(EVENT, CONTEXT)
    with (
        connect(server, secret) as connection,
        connection.cursor() as cursor,
        pytest.raises(pymysql.err.OperationalError, match="denied"),
    ):
        cursor.execute(statement)


def test_a_server_that_another_authority_vouches_for_gets_no_password(
    function: ModuleType, server: ThrowAway, secret: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = importlib.import_module("store")
    monkeypatch.setattr(store, "AUTHORITY", str(FUNCTION / "rds-roots.pem"))
    with pytest.raises(pymysql.err.OperationalError, match="certificate verify failed"):
        function.handler(EVENT, CONTEXT)
