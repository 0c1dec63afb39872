"""The service's jar as opsctl builds it with the real Maven, and as a process: beside a MariaDB that comes and goes."""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlparse

import pytest

from opsctl.builds.service_jar import ServiceBuildFailed, build_service_jar
from opsctl.local.databases.server import throw_away

APP = Path(__file__).parents[3] / "terraform" / "modules" / "service" / "app"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "opsctl"
PATIENCE_SECONDS = 30
ORDER = {"customer": "Ada", "items": [{"sku": "A-1", "quantity": 2, "unit_price_cents": 250}]}
TOKEN_PROBE = """
import opsctl.service.*; import opsctl.service.store.*; import java.util.*;
public class Probe {
    public static void main(String[] arguments) {
        var settings = Settings.from(System.getenv());
        System.out.print(AwsCredentials.of(settings).get().password());
    }
}
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("build")


@pytest.fixture(scope="module")
def jar(place):
    return build_service_jar(APP, into=place / "first", cache=place / "first-cache")


def test_two_builds_of_the_same_sources_are_the_same_bytes(jar, place):
    copy = place / "elsewhere" / "app"
    shutil.copytree(APP, copy, ignore=shutil.ignore_patterns("target"))
    for number, file in enumerate(sorted(copy.rglob("*"))):
        os.utime(file, (1_000_000_000 + number, 1_000_000_000 + number))
    before = os.umask(0o077)
    try:
        again = build_service_jar(copy, into=place / "second", cache=place / "second-cache")
    finally:
        os.umask(before)
    assert not jar.cached
    assert not again.cached
    assert again.sha256 == jar.sha256


def test_an_error_in_the_sources_is_shown_with_its_file_and_line(place):
    copy = place / "broken"
    shutil.copytree(APP, copy, ignore=shutil.ignore_patterns("target"))
    main = copy / "src/main/java/opsctl/service/Main.java"
    main.write_text(main.read_text().replace("LOG.info(", "LOG.inform("))
    with pytest.raises(ServiceBuildFailed, match="don't compile") as caught:
        build_service_jar(copy, into=place / "into", cache=place / "broken-cache")
    assert f"{main}:[" in caught.value.where
    assert "cannot find symbol" in caught.value.where


def settings(**more):
    base = {"AWS_REGION": "eu-central-1", "DB_HOST": "127.0.0.1", "DB_PORT": "1", "DB_NAME": "orders", "DB_USER": "ada",
            "SERVICE_PORT": "8080", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}  # fmt: skip
    return dict(os.environ) | base | {name: str(value) for name, value in more.items()}


def test_the_jar_holds_what_makes_sign_in_tokens(jar, place):
    """Most of the RDS library is left out of it: what is left must be enough."""
    (place / "Probe.java").write_text(TOKEN_PROBE)
    done = subprocess.run(
        ["java", "-XX:TieredStopAtLevel=1", "-cp", jar.path, "Probe.java"],
        cwd=place, env=settings(DB_HOST="db.example.com"), capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.stdout.startswith("db.example.com:1/?"), done.stderr
    assert "DBUser=ada" in done.stdout
    assert "X-Amz-Signature=" in done.stdout


def test_a_wrong_environment_is_told_and_ends_the_process(jar):
    done = subprocess.run(
        ["java", "-XX:TieredStopAtLevel=1", "-jar", jar.path],
        env=settings(DB_HOST="", SERVICE_PORT="http"), capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2
    message = json.loads(done.stdout)["message"]
    assert "DB_HOST is missing; SERVICE_PORT must be a port" in message


@pytest.fixture(scope="module")
def database(place):
    with throw_away(place / "database", cache=CACHE) as server:
        yield server


@pytest.fixture(scope="module")
def secrets(database):
    """A Secrets Manager that knows one secret. Gives its URL."""
    secret = json.dumps({"username": database.login.user, "password": database.login.password})

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            body = json.dumps({"SecretString": secret}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class Service:
    def __init__(self, jar, log, **environment):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.log = log
        with open(log, "wb") as output:
            self.process = subprocess.Popen(
                ["java", "-Xmx128m", "-XX:TieredStopAtLevel=1", "-jar", jar],
                env=settings(SERVICE_PORT=self.port, **environment), stdout=output, stderr=output,
            )  # fmt: skip

    def send(self, method, path, body=None, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path, json.dumps(body) if body else None, headers)
            response = connection.getresponse()
            return response.status, dict(response.getheaders()), response.read().decode()
        finally:
            connection.close()

    def wait_for(self, status, path):
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            try:
                answer = self.send("GET", path)
                if answer[0] == status:
                    return answer
            except OSError:
                pass
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.05)
        raise AssertionError(f"{path} never answered {status}\n{self.log.read_text()}")

    def lines(self):
        return [json.loads(line) for line in self.log.read_text().splitlines()]


@pytest.fixture(scope="module")
def service(jar, database, secrets, place):
    """The service, started while its database was away."""
    database.server.stop()
    url = urlparse(database.jdbc_url.removeprefix("jdbc:"))
    running = Service(
        jar.path, place / "service.log", DB_PORT=url.port, DB_SECRET_ARN="arn:aws:secretsmanager:x:1:secret:s",
        DB_TLS_CA=database.authority_file, AWS_ENDPOINT_URL=secrets,
    )  # fmt: skip
    try:
        yield running
    finally:
        running.process.kill()
        running.process.wait()


def test_without_its_database_the_service_lives_and_with_it_it_becomes_ready(service, database):
    service.wait_for(200, "/health/live")
    assert service.send("GET", "/health/ready")[0] == 503
    status, headers, _ = service.send("POST", "/orders", ORDER)
    assert (status, headers["Retry-After"]) == (503, "5")
    database.server.start()
    service.wait_for(200, "/health/ready")
    assert service.send("POST", "/orders", ORDER)[0] == 201


def test_a_killed_database_costs_no_acknowledged_order_and_heals_by_itself(service, database):
    service.wait_for(200, "/health/ready")
    path = json.loads(service.send("POST", "/orders", ORDER)[2])["order_id"]
    database.server.child.signal(signal.SIGKILL)
    _, headers, body = service.wait_for(503, f"/orders/{path}")
    assert headers["Retry-After"] == "5"
    assert set(json.loads(body)) == {"message", "request_id"}
    assert service.send("GET", "/health/live")[0] == 200
    database.server.stop()
    database.server.start()
    service.wait_for(200, "/health/ready")
    assert json.loads(service.wait_for(200, f"/orders/{path}")[2])["order_id"] == path


def test_each_request_is_one_line_of_json_without_secrets(service, database):
    service.wait_for(200, "/health/ready")
    assert service.send("GET", "/orders?next=hunter2", **{"X-Request-Id": "r-1"})[0] == 400
    [line] = [line for line in service.lines() if line.get("request_id") == "r-1"]
    assert {name: line[name] for name in ("method", "path", "status", "level")} == {
        "method": "GET", "path": "/orders", "status": 400, "level": "INFO",
    }  # fmt: skip
    assert line["duration_ms"] >= 0
    assert database.login.password not in service.log.read_text()
    assert "hunter2" not in service.log.read_text()


def test_sigterm_ends_it_in_good_order(service):
    service.wait_for(200, "/health/live")
    service.process.send_signal(signal.SIGTERM)
    assert service.process.wait(PATIENCE_SECONDS) == 128 + signal.SIGTERM
    assert [line["message"] for line in service.lines()[-2:]] == ["stopping", "stopped"]
