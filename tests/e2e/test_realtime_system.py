"""The WebSocket API on the real stack: who gets in, what actions do, who is told, and that nobody is left over."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from opsctl.aws import Aws
from opsctl.smoke import SmokeTarget
from opsctl.smoke.realtime import Client, ConnectionEnded, ConnectionRefused, connect

Token = Callable[..., str]


@pytest.fixture(scope="session")
def token(aws: Aws, outputs: dict[str, Any]) -> Token:
    """Tokens signed by the environment's own key, as auth-token would; what they say may be changed."""
    secret = aws.call("secretsmanager", "get_secret_value", SecretId=outputs["auth"]["signing_keys_secret"])
    jwk = json.loads(secret["SecretString"])["keys"][0]["jwk"]
    said = outputs["auth"]["token"]

    def sign(*, seconds: int = 900, begun: int = 0, key: dict[str, Any] | None = None, **claims: Any) -> str:
        now = int(time.time())
        claims = {
            "iss": said["issuer"], "aud": said["audience"], "sub": "ada", "iat": now + begun, "exp": now + seconds,
            "jti": uuid.uuid4().hex, "scope": "photos:write", **claims,
        }  # fmt: skip
        return jwt.encode(
            {"alg": "ES256", "kid": jwk["kid"]}, claims, ECKey.import_key(key or jwk), algorithms=["ES256"]
        )

    return sign


@pytest.fixture
def join(target: SmokeTarget, token: Token) -> Iterator[Callable[[], Client]]:
    """Connected clients, closed at the end."""
    with ExitStack() as open_clients:
        yield lambda: open_clients.enter_context(connect(target, token()))


@pytest.fixture
def rows(aws: Aws, outputs: dict[str, Any]) -> Callable[..., set[str]]:
    """Connection ids that the table has for a topic."""

    def ids(topic: str = "connections") -> set[str]:
        found = aws.call(
            "dynamodb", "query", TableName=outputs["realtime"]["table"]["name"], ConsistentRead=True,
            KeyConditionExpression="topic = :topic", ExpressionAttributeValues={":topic": {"S": topic}},
        )  # fmt: skip
        return {row["connection_id"]["S"] for row in found["Items"]}

    return ids


@pytest.fixture
def without_disconnect(aws: Aws, outputs: dict[str, Any]) -> Iterator[Callable[[], None]]:
    """From its call on nobody runs $disconnect: realtime-connect may have no worker."""
    function = outputs["functions"]["realtime-connect"]["function_name"]
    yield lambda: aws.call("lambda", "put_function_concurrency", FunctionName=function, ReservedConcurrentExecutions=0)
    aws.call("lambda", "delete_function_concurrency", FunctionName=function)


def eventually(seen: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not seen():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.1)


def announce(aws: Aws, outputs: dict[str, Any], photo_id: str) -> None:
    message = {"event": "photo.ready", "photo_id": photo_id, "thumbnail_key": "t", "width": 3, "height": 4}
    aws.call("sns", "publish", TopicArn=outputs["photos"]["topic_arn"], Message=json.dumps(message))


def test_a_client_with_a_token_gets_in_and_is_noted_until_it_leaves(
    target: SmokeTarget, token: Token, rows: Callable[..., set[str]]
) -> None:
    before = rows()
    with connect(target, token()) as client:
        assert client.connection.subprotocol == "opsctl.v1"
        assert client.ask("ping")["type"] == "pong"
        assert len(rows() - before) == 1
    eventually(lambda: rows() <= before)


@pytest.mark.parametrize(
    ("claims", "status"),
    [
        ({"seconds": -60}, 401),  # expired, by more than clocks may differ
        ({"begun": 60}, 401),  # from the future, by more than that
        ({"aud": "somebody else"}, 401),
        ({"key": ECKey.generate_key("P-256").as_dict(private=True)}, 401),
    ],
    ids=["expired", "from the future", "for somebody else", "signed by somebody else"],
)
def test_a_token_that_is_not_good_does_not_get_in(
    target: SmokeTarget, token: Token, claims: dict[str, Any], status: int
) -> None:
    with pytest.raises(ConnectionRefused) as refused, connect(target, token(**claims)):
        pass
    assert refused.value.status == status


@pytest.mark.parametrize("offered", ["", "not.a.token", "a"])
def test_nobody_gets_in_without_a_token(target: SmokeTarget, offered: str) -> None:
    with pytest.raises(ConnectionRefused) as refused, connect(target, offered):
        pass
    assert refused.value.status == 401


@pytest.mark.parametrize("claims", [{"seconds": -4}, {"begun": 4}], ids=["expired just now", "begins in a moment"])
def test_clocks_may_differ_by_a_few_seconds(target: SmokeTarget, token: Token, claims: dict[str, Any]) -> None:
    with connect(target, token(**claims)):
        pass


def test_members_of_a_room_hear_each_other_and_nobody_else_does(join: Callable[[], Client]) -> None:
    room = f"room-{uuid.uuid4().hex[:12]}"
    ada, bob, eve = join(), join(), join()
    for member in (ada, bob):
        assert member.ask("subscribe", topic=room) | {"id": ""} == {"type": "subscribed", "topic": room, "id": ""}
    assert ada.ask("send", topic=room, message="hello")["reached"] == 1
    assert bob.await_message(type="message") == {"type": "message", "topic": room, "from": "ada", "message": "hello"}
    assert eve.ask("send", topic=room, message="let me in")["code"] == "not_subscribed"
    assert bob.ask("unsubscribe", topic=room)["type"] == "unsubscribed"
    assert ada.ask("send", topic=room, message="anybody?")["reached"] == 0
    with pytest.raises(TimeoutError):
        bob.await_message(type="message", within_seconds=0.5)


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ('{"action": "dance"}', "unknown_action"),
        ('{"action": ["subscribe"]}', "unknown_action"),
        ('{"action": "$disconnect"}', "unknown_action"),
        ("hello", "not_json"),
        ('{"action": "subscribe", "topic": "connections"}', "bad_topic"),
        ('{"action": "send", "topic": "photos", "message": "x"}', "bad_topic"),
    ],
)
def test_what_can_not_be_done_is_answered_with_a_clear_error_and_the_connection_stays(
    join: Callable[[], Client], sent: str, code: str
) -> None:
    client = join()
    client.send(sent)
    assert client.await_message(type="error")["code"] == code
    assert client.ask("ping")["type"] == "pong"


def test_a_message_that_is_too_large_ends_the_connection_with_1009(
    join: Callable[[], Client], rows: Callable[..., set[str]]
) -> None:
    before = rows()
    client = join()
    client.send("x" * 33 * 1024)
    with pytest.raises(ConnectionEnded) as ended:
        client.await_message(type="error")
    assert ended.value.code == 1009
    eventually(lambda: rows() <= before)


def test_a_photo_announced_twice_reaches_each_subscriber_once(
    join: Callable[[], Client], aws: Aws, outputs: dict[str, Any]
) -> None:
    clients = [join() for _ in range(3)]
    for client in clients[:2]:
        client.ask("subscribe", topic="photos")
    photo_id = f"test-{uuid.uuid4().hex}"
    for _ in range(2):
        announce(aws, outputs, photo_id)
    for client in clients[:2]:
        told = client.await_message(type="announcement", id=f"photo.ready/{photo_id}")
        assert told["photo"] == {"photo_id": photo_id, "thumbnail_key": "t", "width": 3, "height": 4}
    # A last one, so that the second delivery of the first had its time.
    announce(aws, outputs, last := f"test-{uuid.uuid4().hex}")
    for client in clients[:2]:
        client.await_message(type="announcement", id=f"photo.ready/{last}")
        with pytest.raises(TimeoutError):
            client.await_message(type="announcement", id=f"photo.ready/{photo_id}", within_seconds=1)
    with pytest.raises(TimeoutError):
        clients[2].await_message(type="announcement", within_seconds=0)


def test_a_connection_that_died_without_a_word_is_removed_when_it_is_told_something(
    target: SmokeTarget, token: Token, rows: Callable[..., set[str]], aws: Aws, outputs: dict[str, Any],
    without_disconnect: Callable[[], None],
) -> None:  # fmt: skip
    before = rows()
    with connect(target, token()) as client:
        client.ask("subscribe", topic="photos")
        [dead] = rows() - before
        without_disconnect()
    time.sleep(0.5)
    assert dead in rows("photos"), "nobody was to hear of its end"
    announce(aws, outputs, f"test-{uuid.uuid4().hex}")
    eventually(lambda: dead not in rows() | rows("photos"))


def test_the_sweep_removes_by_its_schedule_who_died_and_who_has_expired_and_leaves_the_others(
    target: SmokeTarget, token: Token, rows: Callable[..., set[str]], aws: Aws, outputs: dict[str, Any],
    join: Callable[[], Client], without_disconnect: Callable[[], None],
) -> None:  # fmt: skip
    before, table = rows(), outputs["realtime"]["table"]["name"]
    with connect(target, token()) as client:
        client.ask("subscribe", topic="photos")
        [dead] = rows() - before
        living, overdue = join(), None
        [alive] = rows() - before - {dead}
        overdue = join()
        [late] = rows() - before - {dead, alive}
        without_disconnect()
    for connection, changed, value in (
        (dead, "connected_at", int(time.time()) - 60),
        (alive, "connected_at", int(time.time()) - 60),
        (late, "expires_at", int(time.time()) - 1),
    ):
        aws.call(
            "dynamodb", "update_item", TableName=table, UpdateExpression="SET #changed = :value",
            Key={"topic": {"S": "connections"}, "connection_id": {"S": connection}},
            ExpressionAttributeNames={"#changed": changed}, ExpressionAttributeValues={":value": {"N": str(value)}},
        )  # fmt: skip
    run_once(aws, outputs["realtime"]["schedules"]["realtime-sweep"])
    eventually(lambda: not {dead, late} & (rows() | rows("photos")))
    assert alive in rows()
    assert living.ask("ping")["type"] == "pong"
    with pytest.raises(ConnectionEnded):
        overdue.await_message(type="nothing")


def run_once(aws: Aws, schedule: dict[str, str]) -> None:
    """A schedule like this one, in a moment and once."""
    found = aws.call("scheduler", "get_schedule", Name=schedule["name"], GroupName=schedule["group"])
    aws.call(
        "scheduler", "create_schedule", Name=f"once-{uuid.uuid4().hex[:8]}", GroupName=schedule["group"],
        ScheduleExpression=f"at({datetime.now(UTC) + timedelta(seconds=2):%Y-%m-%dT%H:%M:%S})",
        FlexibleTimeWindow={"Mode": "OFF"}, Target=found["Target"], ActionAfterCompletion="DELETE",
    )  # fmt: skip


def test_no_log_holds_a_token(target: SmokeTarget, token: Token, aws: Aws, outputs: dict[str, Any]) -> None:
    secret = token(sub=f"user-{uuid.uuid4().hex}")
    correlation_id = uuid.uuid4().hex
    with connect(target, secret) as client:
        client.ask("ping", correlation_id=correlation_id)
    groups = [outputs["functions"][f"realtime-{name}"]["log_group"] for name in ("authorizer", "connect", "messages")]
    groups.append(outputs["realtime"]["access_log_group"])

    def lines() -> list[str]:
        return [
            event["message"]
            for group in groups
            for event in aws.call("logs", "filter_log_events", logGroupName=group)["events"]
        ]

    eventually(lambda: any(correlation_id in line for line in lines()))
    eventually(lambda: any('"route":"ping"' in line for line in lines()))
    signature = secret.rpartition(".")[2]
    assert not [line for line in lines() if signature in line]


@pytest.mark.parametrize("change", ["created", "updated", "deleted"])
def test_a_push_is_noted_with_branch_commit_and_who(aws: Aws, outputs: dict[str, Any], change: str) -> None:
    """CodeCommit's trigger fires repository-notice. Commits by the API; a branch of the test's own."""
    name, branch = outputs["repository"]["repository"]["name"], f"test-{uuid.uuid4().hex[:8]}"
    table = outputs["repository"]["tables"]["pushes"]["name"]

    def commit(to: str, **parent: str) -> str:
        file = {"filePath": f"{branch}.txt", "fileContent": uuid.uuid4().bytes}
        made = aws.call("codecommit", "create_commit", repositoryName=name, branchName=to, putFiles=[file], **parent)
        return str(made["commitId"])

    heads = aws.call("codecommit", "list_branches", repositoryName=name)["branches"]
    if "main" in heads:
        found = aws.call("codecommit", "get_branch", repositoryName=name, branchName="main")
        first = str(found["branch"]["commitId"])
    else:
        first = commit("main")
    aws.call("codecommit", "create_branch", repositoryName=name, branchName=branch, commitId=first)
    last = first
    if change == "updated":
        last = commit(branch, parentCommitId=first)
    if change in ("updated", "deleted"):
        aws.call("codecommit", "delete_branch", repositoryName=name, branchName=branch)

    def noted() -> list[dict[str, Any]]:
        found = aws.call(
            "dynamodb", "query", TableName=table, KeyConditionExpression="branch = :branch",
            ExpressionAttributeValues={":branch": {"S": branch}},
        )["Items"]  # fmt: skip
        return [row for row in found if row["what"]["S"] == change]

    eventually(noted)
    [row] = noted()
    assert row["commit_id"]["S"] == last
    assert row["who"]["S"].startswith("arn:aws:iam::")
    if change == "created":
        aws.call("codecommit", "delete_branch", repositoryName=name, branchName=branch)
