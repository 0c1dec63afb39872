"""What the API's sign-in needs of the cloud: rotations, authorizers, a stage's cache, functions that survive errors."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from local_clouds import ACCOUNT, REGION, Client, zipped

from opsctl.auth import User, add_user, list_users, remove_user
from opsctl.auth.users import NoSuchUser
from opsctl.aws import Access, Aws
from opsctl.local import Running

ROLE = f"arn:aws:iam::{ACCOUNT}:role/a-function"

ROTATION = """
import json, os, boto3

secrets = boto3.client("secretsmanager")

def handler(event, context):
    secret, version, step = event["SecretId"], event["ClientRequestToken"], event["Step"]
    described = secrets.describe_secret(SecretId=secret)
    boto3.client("sqs").send_message(
        QueueUrl=os.environ["STEPS"],
        MessageBody=json.dumps([step, described["VersionIdsToStages"].get(version)]),
    )
    if step == os.environ.get("FAILS"):
        raise ValueError("no")
    if step == "createSecret":
        secrets.put_secret_value(SecretId=secret, ClientRequestToken=version, SecretString=version,
                                 VersionStages=["AWSPENDING"])
    if step == "finishSecret":
        before = [v for v, labels in described["VersionIdsToStages"].items() if "AWSCURRENT" in labels]
        secrets.update_secret_version_stage(SecretId=secret, VersionStage="AWSCURRENT", MoveToVersionId=version,
                                            **({"RemoveFromVersionId": before[0]} if before else {}))
"""

AUTHORIZER = """
calls = 0

def handler(event, context):
    global calls
    calls += 1
    until, _, paths = event["authorizationToken"].partition("|")
    if until == "no":
        raise Exception("Unauthorized")
    stage = "/".join(event["methodArn"].split("/")[:2])
    statement = {"Action": "execute-api:Invoke", "Effect": "Allow",
                 "Resource": [f"{stage}/{path}" for path in paths.split()]}
    if until:
        statement["Condition"] = {"DateLessThan": {"aws:CurrentTime": until}}
    return {"principalId": "ada", "context": {"calls": calls},
            "policyDocument": {"Version": "2012-10-17", "Statement": [statement]}}
"""

ECHO = """
import json

def handler(event, context):
    return {"statusCode": 200, "body": json.dumps(event["requestContext"]["authorizer"])}
"""


def make_function(client: Client, name: str, code: str, **variables: str) -> str:
    made = client("lambda").create_function(
        FunctionName=f"{name}-{uuid.uuid4().hex[:6]}", Runtime="python3.11", Role=ROLE, Handler="handler.handler",
        Code={"ZipFile": zipped(code)}, Environment={"Variables": variables}, Timeout=10,
    )  # fmt: skip
    return str(made["FunctionArn"])


def wait_for(condition: Callable[[], Any]) -> Any:
    """What `condition` gives once it gives something; at most 20 s."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError("it did not come true")


@pytest.fixture
def steps(client: Client) -> Any:
    """A queue that a rotation function tells its steps; gives the next few, with the version's labels at that time."""
    sqs = client("sqs")
    queue = sqs.create_queue(QueueName=f"steps-{uuid.uuid4().hex[:6]}")["QueueUrl"]

    def next_steps(count: int) -> list[Any]:
        found: list[Any] = []

        def receive() -> bool:
            answer = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=1, WaitTimeSeconds=1)
            for message in answer.get("Messages", []):
                found.append(json.loads(message["Body"]))
                sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
            return len(found) >= count

        wait_for(receive)
        return found

    next_steps.queue = queue  # type: ignore[attr-defined]
    return next_steps


def current(secrets: Any, name: str) -> str | None:
    try:
        return str(secrets.get_secret_value(SecretId=name)["SecretString"])
    except secrets.exceptions.ResourceNotFoundException:
        return None


def test_a_rotation_calls_the_function_for_each_of_its_four_steps(client: Client, steps: Any) -> None:
    secrets = client("secretsmanager")
    function = make_function(client, "rotation", ROTATION, STEPS=steps.queue)
    secrets.create_secret(Name="rotated", SecretString="old")
    token = str(uuid.uuid4())
    secrets.rotate_secret(
        SecretId="rotated", RotationLambdaARN=function, ClientRequestToken=token,
        RotationRules={"AutomaticallyAfterDays": 30},
    )  # fmt: skip
    assert steps(4) == [[step, ["AWSPENDING"]] for step in ("createSecret", "setSecret", "testSecret", "finishSecret")]
    wait_for(lambda: current(secrets, "rotated") == token)
    assert secrets.get_secret_value(SecretId="rotated", VersionStage="AWSPREVIOUS")["SecretString"] == "old"
    described = secrets.describe_secret(SecretId="rotated")
    assert (described["RotationEnabled"], described["RotationLambdaARN"]) == (True, function)


def test_a_step_that_fails_ends_the_rotation_and_the_next_one_begins_it_again(client: Client, steps: Any) -> None:
    secrets = client("secretsmanager")
    function = make_function(client, "rotation", ROTATION, STEPS=steps.queue, FAILS="testSecret")
    secrets.create_secret(Name="failing", SecretString="old")
    secrets.rotate_secret(SecretId="failing", RotationLambdaARN=function)
    assert [step for step, _ in steps(3)] == ["createSecret", "setSecret", "testSecret"]
    assert current(secrets, "failing") == "old"
    with pytest.raises(secrets.exceptions.InvalidRequestException, match="previous rotation isn't complete"):
        secrets.rotate_secret(SecretId="failing")
    assert [step for step, _ in steps(3)] == ["createSecret", "setSecret", "testSecret"]


def test_a_secret_without_a_value_gets_its_first_one_by_a_rotation(client: Client, steps: Any) -> None:
    secrets = client("secretsmanager")
    function = make_function(client, "rotation", ROTATION, STEPS=steps.queue)
    secrets.create_secret(Name="empty")
    assert current(secrets, "empty") is None
    assert secrets.describe_secret(SecretId="empty").get("VersionIdsToStages", {}) == {}
    token = str(uuid.uuid4())
    secrets.rotate_secret(SecretId="empty", RotationLambdaARN=function, ClientRequestToken=token)
    wait_for(lambda: current(secrets, "empty") == token)


def test_a_rotation_can_be_called_off_and_needs_a_function(client: Client) -> None:
    secrets = client("secretsmanager")
    secrets.create_secret(Name="still", SecretString="old")
    with pytest.raises(secrets.exceptions.InvalidRequestException):
        secrets.rotate_secret(SecretId="still")
    function = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:nobody"
    secrets.rotate_secret(SecretId="still", RotationLambdaARN=function, RotateImmediately=False)
    assert secrets.describe_secret(SecretId="still")["RotationEnabled"]
    secrets.cancel_rotate_secret(SecretId="still")
    assert not secrets.describe_secret(SecretId="still")["RotationEnabled"]
    assert current(secrets, "still") == "old"


class GuardedApi:
    """GET and POST /things behind a TOKEN authorizer that does as its token says: `<until>|<METHOD/path> …`."""

    def __init__(self, client: Client, running: Running) -> None:
        self.gateway, self._endpoint = client("apigateway"), running.endpoint_url
        made = self.gateway.create_rest_api(name="guarded")
        self.id = made["id"]
        resource = self.gateway.create_resource(restApiId=self.id, parentId=made["rootResourceId"], pathPart="things")
        uri = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{{}}/invocations"
        authorizer = self.gateway.create_authorizer(
            restApiId=self.id, name="token", type="TOKEN", identitySource="method.request.header.Authorization",
            authorizerUri=uri.format(make_function(client, "authorizer", AUTHORIZER)),
            authorizerResultTtlInSeconds=300,
        )  # fmt: skip
        echo = make_function(client, "echo", ECHO)
        for method in ("GET", "POST"):
            where = {"restApiId": self.id, "resourceId": resource["id"], "httpMethod": method}
            self.gateway.put_method(**where, authorizationType="CUSTOM", authorizerId=authorizer["id"])
            self.gateway.put_integration(**where, type="AWS_PROXY", integrationHttpMethod="POST", uri=uri.format(echo))
        self.gateway.create_deployment(restApiId=self.id, stageName="v1")

    def call(self, method: str, token: str | None) -> tuple[int, Any]:
        request = urllib.request.Request(
            f"{self._endpoint}/_aws/execute-api/{self.id}/v1/things", method=method,
            headers={"Authorization": token} if token else {},
        )  # fmt: skip
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)


@pytest.fixture(scope="module")
def guarded(client: Client, running: Running) -> GuardedApi:
    return GuardedApi(client, running)


def in_seconds(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_an_answer_is_kept_by_its_token_and_judged_anew_for_each_method(guarded: GuardedApi) -> None:
    token = f"{in_seconds(60)}|GET/things"
    first, again = guarded.call("GET", token), guarded.call("GET", token)
    assert (first[0], again[0]) == (200, 200)
    assert first[1]["calls"] == again[1]["calls"]
    assert guarded.call("POST", token)[0] == 403
    both = f"{in_seconds(60)}|GET/things POST/things"
    assert [guarded.call(method, both)[0] for method in ("POST", "GET")] == [200, 200]


def test_a_policy_that_is_kept_ends_when_it_says(guarded: GuardedApi) -> None:
    token = f"{in_seconds(3)}|GET/things"
    assert guarded.call("GET", token)[0] == 200
    wait_for(lambda: guarded.call("GET", token)[0] == 403)


def test_401_is_for_who_shows_nothing_good_and_403_for_who_may_not(guarded: GuardedApi) -> None:
    assert guarded.call("GET", None)[0] == 401
    assert guarded.call("GET", "no")[0] == 401
    assert guarded.call("GET", "|GET/others")[0] == 403


def test_a_function_that_raised_stays_warm(guarded: GuardedApi) -> None:
    _, before = guarded.call("GET", f"{in_seconds(60)}|GET/things POST/a")
    assert guarded.call("GET", "no")[0] == 401
    _, after = guarded.call("GET", f"{in_seconds(60)}|GET/things POST/b")
    assert int(after["calls"]) == int(before["calls"]) + 2


def test_a_stage_says_how_its_cache_is_doing(guarded: GuardedApi) -> None:
    where = {"restApiId": guarded.id, "stageName": "v1"}
    assert guarded.gateway.get_stage(**where)["cacheClusterStatus"] == "NOT_AVAILABLE"
    guarded.gateway.update_stage(
        **where,
        patchOperations=[
            {"op": "replace", "path": "/cacheClusterEnabled", "value": "true"},
            {"op": "replace", "path": "/cacheClusterSize", "value": "0.5"},
        ],
    )
    assert guarded.gateway.get_stage(**where)["cacheClusterStatus"] == "AVAILABLE"
    assert guarded.gateway.get_stages(restApiId=guarded.id)["item"][0]["cacheClusterStatus"] == "AVAILABLE"


def test_users_are_made_changed_listed_and_removed(client: Client, running: Running) -> None:
    aws = Aws(Access(REGION, ACCOUNT, running.endpoint_url))
    dynamodb = client("dynamodb")
    dynamodb.create_table(
        TableName="users", BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "username", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "username", "AttributeType": "S"}],
    )  # fmt: skip
    dynamodb.put_item(TableName="users", Item={"username": {"S": "failures#ada"}, "count": {"N": "9"}})
    add_user(aws, "users", "bob", "correct horse battery", ["orders:read"])
    add_user(aws, "users", "ada", "correct horse battery", ["orders:read"])
    add_user(aws, "users", "ada", "another horse battery", ["photos:write", "orders:read"])
    assert list_users(aws, "users") == [User("ada", ("orders:read", "photos:write")), User("bob", ("orders:read",))]
    assert "Item" not in dynamodb.get_item(TableName="users", Key={"username": {"S": "failures#ada"}})
    remove_user(aws, "users", "ada")
    assert list_users(aws, "users") == [User("bob", ("orders:read",))]
    with pytest.raises(NoSuchUser):
        remove_user(aws, "users", "ada")
