"""The three functions of modules/auth against moto's DynamoDB, Secrets Manager and Systems Manager."""

from __future__ import annotations

import importlib
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import pytest
from conftest import CONTEXT, REGION
from moto import mock_aws

from opsctl.auth import hash_password

FUNCTIONS = Path(__file__).parents[3] / "terraform/modules/auth/functions"
STAGE = f"arn:aws:execute-api:{REGION}:111122223333:abc123/v1"
PASSWORD = "correct horse battery"
HASH = hash_password(PASSWORD)
SETTINGS = {
    "AWS_DEFAULT_REGION": REGION,
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "USERS_TABLE": "users",
    "KEYS_SECRET": "keys",
    "JWKS_PARAMETER": "/published-keys",
    "ISSUER": "https://t.example.com",
    "AUDIENCE": "t-api",
    "TOKEN_SECONDS": "900",
    "PUBLICATION_SECONDS": "600",
    "POWERTOOLS_SERVICE_NAME": "auth",
}


@dataclass
class Auth:
    """What the functions work on."""

    users: Any
    secrets: Any
    parameters: Any

    def add(self, username: str, *scopes: str) -> None:
        self.users.put_item(Item={"username": username, "password_hash": HASH, "scopes": set(scopes)})

    def failures(self, username: str) -> int:
        return int(self.users.get_item(Key={"username": f"failures#{username}"}).get("Item", {}).get("count", 0))

    def fail(self, username: str, count: int) -> None:
        self.users.put_item(Item={"username": f"failures#{username}", "count": count, "last_at": int(time.time())})

    def published(self) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = json.loads(
            self.parameters.get_parameter(Name="/published-keys")["Parameter"]["Value"]
        )["keys"]
        return listed

    def labels(self) -> dict[str, list[str]]:
        return dict(self.secrets.describe_secret(SecretId="keys").get("VersionIdsToStages") or {})


@pytest.fixture
def auth(monkeypatch: pytest.MonkeyPatch) -> Iterator[Auth]:
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        users = boto3.resource("dynamodb").create_table(
            TableName="users", BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "username", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "username", "AttributeType": "S"}],
        )  # fmt: skip
        secrets, parameters = boto3.client("secretsmanager"), boto3.client("ssm")
        secrets.create_secret(Name="keys")
        parameters.put_parameter(Name="/published-keys", Type="String", Value='{"keys": []}')
        yield Auth(users, secrets, parameters)


def load(function: str) -> ModuleType:
    """As Lambda loads it: each function has a `handler` and a `store`, and none may find the other's."""
    folder = FUNCTIONS / function
    sys.path.insert(0, str(folder))
    try:
        return importlib.import_module("handler")
    finally:
        sys.path.remove(str(folder))
        for file in folder.glob("*.py"):
            sys.modules.pop(file.stem, None)


def logged(caplog: pytest.LogCaptureFixture) -> str:
    """Everything that our functions logged, with all fields."""
    return str([vars(record) for record in caplog.records if record.name == "auth"])


Rotate = Callable[..., None]


@pytest.fixture
def rotate(auth: Auth) -> Rotate:
    function = load("auth-rotation")

    def rotate(version: str, *steps: str) -> None:
        """Steps of a rotation as Secrets Manager asks for them."""
        for step in steps or ("createSecret", "setSecret", "testSecret", "finishSecret"):
            function.handler({"SecretId": "keys", "ClientRequestToken": version.ljust(36, "0"), "Step": step}, CONTEXT)

    return rotate


@pytest.fixture
def sign_in(auth: Auth) -> Callable[..., tuple[int, Any, dict[str, str]]]:
    function = load("auth-token")

    def sign_in(
        username: str = "ada", password: str = PASSWORD, *, body: str | None = None, path: str = "token"
    ) -> Any:
        answer = function.handler(
            {
                "httpMethod": "GET" if path == "jwks" else "POST", "path": f"/auth/{path}", "resource": f"/auth/{path}",
                "headers": {}, "multiValueHeaders": {}, "queryStringParameters": None,
                "requestContext": {"requestId": "a-request", "stage": "v1"}, "isBase64Encoded": False,
                "body": json.dumps({"username": username, "password": password}) if body is None else body,
            },
            CONTEXT,
        )  # fmt: skip
        headers = {name: values[0] for name, values in answer["multiValueHeaders"].items()}
        return answer["statusCode"], json.loads(answer["body"]), headers

    return sign_in


@pytest.fixture
def authorize(auth: Auth) -> Callable[[str], dict[str, Any]]:
    function = load("auth-authorizer")
    return lambda token: function.handler(
        {"type": "TOKEN", "authorizationToken": f"Bearer {token}", "methodArn": f"{STAGE}/GET/orders"}, CONTEXT
    )


def test_who_signs_in_is_let_in_to_what_the_scopes_say(
    auth: Auth, rotate: Rotate, sign_in: Any, authorize: Any
) -> None:
    rotate("a")
    auth.add("ada", "orders:read", "photos:write")
    status, given, headers = sign_in()
    assert (status, headers["Cache-Control"]) == (200, "no-store")
    assert (given["token_type"], given["expires_in"], given["scope"]) == ("Bearer", 900, "orders:read photos:write")
    answer = authorize(given["access_token"])
    assert answer["context"] == {"sub": "ada", "scope": "orders:read photos:write"}
    [statement] = answer["policyDocument"]["Statement"]
    assert {f"{STAGE}/GET/orders", f"{STAGE}/POST/photos"} <= set(statement["Resource"])


def test_the_wrong_password_and_the_unknown_user_are_answered_alike_and_counted(
    auth: Auth, rotate: Rotate, sign_in: Any, caplog: pytest.LogCaptureFixture
) -> None:
    rotate("a")
    auth.add("ada", "orders:read")
    wrong, nobody = sign_in(password="opensesame!!"), sign_in("opensesame-user", "opensesame!!")
    assert wrong == nobody
    assert wrong[:2] == (401, {"message": "Wrong user name or password.", "request_id": "a-request"})
    assert (auth.failures("ada"), auth.failures("opensesame-user")) == (1, 1)
    assert sign_in()[0] == 200
    assert auth.failures("ada") == 0
    assert "refused" in logged(caplog)
    assert "opensesame" not in logged(caplog)
    assert PASSWORD not in logged(caplog)


def test_who_guesses_must_wait_even_with_the_right_password(auth: Auth, rotate: Rotate, sign_in: Any) -> None:
    rotate("a")
    auth.add("ada", "orders:read")
    auth.fail("ada", 12)
    status, _, headers = sign_in()
    assert status == 429
    assert 120 < int(headers["Retry-After"]) <= 128
    assert auth.failures("ada") == 12


def test_nobody_signs_in_before_there_is_a_key_and_then_at_once(auth: Auth, rotate: Rotate, sign_in: Any) -> None:
    auth.add("ada", "orders:read")
    status, _, headers = sign_in()
    assert (status, headers["Retry-After"]) == (503, "5")
    rotate("a")
    assert sign_in()[0] == 200


def test_a_request_that_is_none_is_refused(auth: Auth, sign_in: Any) -> None:
    for body in ["", "{", "[]", '{"username": "ada"}', '{"username": "a#b", "password": "x"}']:
        assert sign_in(body=body)[0] == 400, body


def test_the_published_keys_are_shown_to_everybody(auth: Auth, rotate: Rotate, sign_in: Any) -> None:
    rotate("a")
    status, shown, headers = sign_in(path="jwks")
    assert (status, shown["keys"], headers["Cache-Control"]) == (200, auth.published(), "public, max-age=300")
    assert "d" not in shown["keys"][0]


def test_after_a_rotation_old_tokens_are_good_and_the_new_key_waits(
    auth: Auth, rotate: Rotate, sign_in: Any, authorize: Any
) -> None:
    auth.add("ada", "orders:read")
    rotate("a")
    before = sign_in()[1]["access_token"]
    rotate("b")
    after = sign_in()[1]["access_token"]
    assert len(auth.published()) == 2
    assert before.split(".")[0] == after.split(".")[0]
    for token in (before, after):
        assert authorize(token)["principalId"] == "ada"


def test_a_rotation_publishes_first_and_may_be_repeated_step_by_step(auth: Auth, rotate: Rotate) -> None:
    rotate("a")
    rotate("b", "createSecret", "createSecret", "setSecret")
    assert auth.labels()["b".ljust(36, "0")] == ["AWSPENDING"]
    published = auth.published()
    assert len(published) == 2
    rotate("b", "setSecret", "testSecret", "finishSecret", "finishSecret", "createSecret")
    assert "AWSCURRENT" in auth.labels()["b".ljust(36, "0")]
    assert auth.published() == published


def test_a_version_that_nobody_rotates_to_is_refused(auth: Auth, rotate: Rotate) -> None:
    with pytest.raises(ValueError, match="not the one that is being rotated to"):
        rotate("c", "setSecret")


def test_a_key_that_is_not_published_does_not_come_into_use(auth: Auth, rotate: Rotate) -> None:
    rotate("a")
    with pytest.raises(Exception, match=r".+") as failure:
        rotate("b", "createSecret", "testSecret")
    assert type(failure.value).__name__ == "NotPublished"
    assert "AWSCURRENT" in auth.labels()["a".ljust(36, "0")]


def test_a_token_that_is_none_is_unauthorized_and_not_in_the_logs(
    auth: Auth, rotate: Rotate, authorize: Any, caplog: pytest.LogCaptureFixture
) -> None:
    rotate("a")
    for token in ("aaa.bbb.ccc", "", "eyJhbGciOiJub25lIn0.e30."):
        with pytest.raises(Exception, match=r"^Unauthorized$"):
            authorize(token)
        assert "refused" in logged(caplog)
        assert token == "" or token not in logged(caplog)


def test_without_any_key_nobody_is_let_in_nor_told_to_sign_in_again(auth: Auth, authorize: Any) -> None:
    auth.parameters.delete_parameter(Name="/published-keys")
    unknown = "eyJhbGciOiJFUzI1NiIsImtpZCI6IngifQ.e30.AAAA"
    with pytest.raises(Exception, match="ParameterNotFound"):
        authorize(unknown)
