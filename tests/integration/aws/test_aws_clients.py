"""Calls over real sockets to a scripted server: retries, pages, credentials, and what is never sent."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from opsctl.aws import Access, Aws, CloudUnreachable, CredentialsMissing, NotFound, Throttled

ACCOUNT = "111122223333"


class ScriptedServer(ThreadingHTTPServer):
    """Answers each request with the next of `answers` (status, body); the last one stays."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers, self.requests = [], []
        self.lock = threading.Lock()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        length = int(self.headers.get("Content-Length", 0))
        with self.server.lock:
            self.server.requests.append((dict(self.headers), self.rfile.read(length).decode()))
            status, body = self.server.answers.pop(0) if len(self.server.answers) > 1 else self.server.answers[0]
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with ScriptedServer() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def waits():
    return []


@pytest.fixture
def aws(server, waits):
    return Aws(Access("eu-central-1", ACCOUNT, server.url), sleep=waits.append)


THROTTLED = (400, {"__type": "ThrottlingException", "message": "Rate exceeded"})
BROKEN = (500, {"__type": "InternalServerError", "message": "sorry"})
TABLES = (200, {"TableNames": ["photos"]})


def test_a_throttled_and_a_broken_answer_are_tried_again(server, aws, waits):
    server.answers = [THROTTLED, BROKEN, TABLES]
    assert aws.call("dynamodb", "list_tables")["TableNames"] == ["photos"]
    assert len(server.requests) == 3
    assert len(waits) == 2
    assert all(0 <= wait <= 10 for wait in waits)


def test_throttling_without_end_is_told_after_a_bounded_number_of_tries(server, aws):
    server.answers = [THROTTLED]
    with pytest.raises(Throttled):
        aws.call("dynamodb", "list_tables")
    assert len(server.requests) == 3


def test_real_aws_is_tried_more_often_than_a_loopback_endpoint(server, waits, monkeypatch):
    for name, value in {"AWS_ENDPOINT_URL": server.url, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}.items():
        monkeypatch.setenv(name, value)
    server.answers = [THROTTLED]
    with pytest.raises(Throttled):
        Aws(Access("eu-central-1", ACCOUNT), sleep=waits.append).call("dynamodb", "list_tables")
    assert len(server.requests) == 6


def test_a_refusal_is_not_tried_again(server, aws, waits):
    server.answers = [(400, {"__type": "ResourceNotFoundException", "message": "no table"})]
    with pytest.raises(NotFound) as caught:
        aws.call("dynamodb", "describe_table", TableName="photos")
    assert (len(server.requests), waits) == (1, [])
    assert caught.value.where == "dynamodb.describe_table in eu-central-1"


def test_a_listing_goes_on_over_all_its_pages_and_through_throttling(server, aws):
    server.answers = [
        (200, {"TableNames": ["ann", "bob"], "LastEvaluatedTableName": "bob"}),
        THROTTLED,
        (200, {"TableNames": ["cid"]}),
    ]
    assert list(aws.pages("dynamodb", "list_tables", "TableNames")) == ["ann", "bob", "cid"]
    assert json.loads(server.requests[-1][1]) == {"ExclusiveStartTableName": "bob"}


def test_a_listing_without_pages_is_one_call(server, aws):
    server.answers = [(200, {"Table": {"AttributeDefinitions": [{"AttributeName": "photo_id"}]}})]
    names = aws.pages("dynamodb", "describe_table", "Table.AttributeDefinitions[].AttributeName", TableName="photos")
    assert list(names) == ["photo_id"]


def test_a_local_call_takes_nothing_from_the_callers_aws_settings(server, monkeypatch, tmp_path, waits):
    config = tmp_path / "config"
    config.write_text("[default]\nregion = us-west-2\n")
    for name, value in {
        "AWS_PROFILE": "of-another-account",
        "AWS_CONFIG_FILE": str(config),
        "AWS_ACCESS_KEY_ID": "AKIAREALREALREALREAL",
        "AWS_SECRET_ACCESS_KEY": "real",
        "AWS_SESSION_TOKEN": "real-token",
        "AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:1",
        "AWS_MAX_ATTEMPTS": "9",
        "HTTP_PROXY": "http://127.0.0.1:1",
        "http_proxy": "http://127.0.0.1:1",
    }.items():
        monkeypatch.setenv(name, value)
    server.answers = [TABLES]
    Aws(Access("eu-central-1", ACCOUNT, server.url), sleep=waits.append).call("dynamodb", "list_tables")
    [(headers, _)] = server.requests
    assert f"Credential={ACCOUNT}/" in headers["Authorization"]
    assert "/eu-central-1/dynamodb/" in headers["Authorization"]
    assert not any("token" in name.lower() for name in headers)
    assert "opsctl/" in headers["User-Agent"]


def test_a_cloud_that_is_gone_is_told_at_once_and_named(server, waits):
    with ScriptedServer() as gone:
        url = gone.url
    with pytest.raises(CloudUnreachable) as caught:
        Aws(Access("eu-central-1", ACCOUNT, url), sleep=waits.append).caller_identity()
    assert caught.value.next == "opsctl local start"
    assert len(waits) == 2


def test_a_profile_that_does_not_exist_is_named(monkeypatch):
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    with pytest.raises(CredentialsMissing) as caught:
        Aws(Access("eu-central-1", ACCOUNT, profile="no-such-profile")).caller_identity()
    assert "no-such-profile" in caught.value.what


def test_credentials_that_are_nowhere_are_told(monkeypatch, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(CredentialsMissing) as caught:
        Aws(Access("eu-central-1", ACCOUNT)).caller_identity()
    assert "aws sso login" in caught.value.next


def test_clients_are_made_once_although_many_threads_ask(aws):
    clients = aws.map(lambda _: aws.client("dynamodb"), range(16), concurrency=16)
    assert len({id(client) for client in clients}) == 1
    assert aws.client("dynamodb", region="us-east-1") is not clients[0]


def test_map_keeps_the_order_and_the_bound(aws):
    running, most, lock = 0, 0, threading.Lock()

    def work(number):
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.02)
        with lock:
            running -= 1
        return number * 10

    assert aws.map(work, range(6), concurrency=2) == [0, 10, 20, 30, 40, 50]
    assert most == 2


def test_map_tells_the_first_failure(aws):
    def work(number):
        raise ValueError(number)

    with pytest.raises(ValueError, match="0"):
        aws.map(work, [0, 1], concurrency=1)
