"""Secrets planted wherever one may lie, and everything that opsctl says or keeps searched for them.

Searched in plain text, URL-encoded, escaped in JSON or HTML, and in base64 at every alignment: the search decodes what
was written, so it shares no code with the masking. Exempt are Terraform's own binary plan and its state (mode 0600,
encrypted in the bucket), which can't do without.
"""

from __future__ import annotations

import base64
import html
import json
import os
import re
import shlex
import signal
import sys
import threading
import urllib.parse
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from opsctl.aws import Access
from opsctl.aws.clients import Aws
from tests.e2e.project import TERRAFORM_BLOCK, Project, wait_for

SECRETS = {
    "in tfvars": 'tfvars <"s3cret"> & more/+=',
    "nested in tfvars": "nested~in-tfvars/+value",
    "in the state alone": "state%only ?old&value",
    "in TF_VAR": "from-TF_VAR #s3cret/+&<x>",
    "in a password variable": "pw: w0rd/+& \u00fc<>",
    "in a token": "ghp_0123456789abcdefABCDEF0123456789abcd",
    "in a URL": "proxy-Passw0rd",
    "in AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
}
"""Where each was planted → its value."""


def found_in(text: str) -> set[str]:
    """Which secrets a text gives away, and how: "in tfvars: base64"."""
    once = unescaped(text)
    views = {
        "plain": text, "URL": urllib.parse.unquote_plus(text), "path of a URL": urllib.parse.unquote(text),
        "JSON": once, "JSON in JSON": unescaped(once), "HTML": html.unescape(text),
    }  # fmt: skip
    found = {
        f"{where}: {how}" for where, secret in SECRETS.items() for how, view in views.items() if secret in view
    }  # fmt: skip
    for run in re.findall(r"[A-Za-z0-9+/_-]{8,}", text):
        for start in range(4):
            part = run[start:].replace("-", "+").replace("_", "/")
            decoded = base64.b64decode(part + "A" * (-len(part) % 4))
            found |= {f"{where}: base64" for where, secret in SECRETS.items() if secret.encode() in decoded}
    return found


def unescaped(text: str) -> str:
    """A text with the escapes of JSON strings undone, wherever they stand."""

    def character(escape: re.Match[str]) -> str:
        return str(json.loads(f'"{escape.group()}"'))

    return re.sub(r'\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})', character, text)


FORMS = {
    "plain": lambda secret: secret,
    "base64": lambda secret: base64.b64encode(secret.encode()).decode(),
    "base64 behind 1 byte": lambda secret: base64.b64encode(b"x" + secret.encode() + b"yz").decode(),
    "base64 behind 2 bytes": lambda secret: base64.b64encode(b"u:" + secret.encode() + b"z").decode(),
    "base64 for URLs": lambda secret: base64.urlsafe_b64encode(b"u:" + secret.encode()).decode(),
    "query of a URL": urllib.parse.quote_plus,
    "path of a URL": urllib.parse.quote,
    "all of it quoted": lambda secret: urllib.parse.quote(secret, safe=""),
    "JSON": json.dumps,
    "JSON in JSON": lambda secret: json.dumps(json.dumps({"password": secret})),
    "HTML": html.escape,
}  # fmt: skip
"""How a program may print a secret."""


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("where", SECRETS)
def test_the_search_finds_each_secret_in_each_form(where: str, form: str) -> None:
    """A check of the checker."""
    said = f'{{"@message": "before {FORMS[form](SECRETS[where])} after"}}'
    assert any(found.startswith(where) for found in found_in(said))
    assert found_in(said.replace(FORMS[form](SECRETS[where]), "(masked)")) == set()


STACK = (
    TERRAFORM_BLOCK
    + """variable "password" {
  type      = string
  sensitive = true
}
variable "nested" {
  type      = object({ user = string, keys = list(string) })
  sensitive = true
}
variable "given" {
  type      = string
  sensitive = true
}
variable "fails" {
  type    = string
  default = ""
}
variable "origin_secret" {
  type      = string
  sensitive = true
}
resource "terraform_data" "holds" {
  input = { a = var.password, b = var.nested, c = var.given }
}
resource "terraform_data" "says" {
  triggers_replace = var.fails
  input            = var.password
  lifecycle {
    precondition {
      condition     = var.fails != "plan"
      error_message = "The plan fails: ${nonsensitive(var.password)} ${nonsensitive(jsonencode(var.nested))}"
    }
  }
  provisioner "local-exec" {
    command = "$PYTHON $LEAK $FAILS"
    environment = {
      FAILS  = nonsensitive(var.fails)
      SAID_1 = nonsensitive(var.password)
      SAID_2 = nonsensitive(var.nested.keys[1])
      SAID_3 = nonsensitive(var.given)
    }
  }
  provisioner "local-exec" {
    when    = destroy
    command = "$PYTHON $LEAK"
    environment = {
      SAID_1 = nonsensitive(self.input)
    }
  }
  depends_on = [terraform_data.holds]
}
output "password" {
  value     = var.password
  sensitive = true
}
"""
)

PROVIDER_ERROR = """
provider "aws" {
  region                      = "eu-central-1"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
}
resource "aws_sns_topic" "quotes" {
  name = nonsensitive("topic ${var.password}")
}
"""

LEAK = """
import base64, html, json, os, sys, time, urllib.parse
FORMS = [
    str, json.dumps, html.escape, urllib.parse.quote, urllib.parse.quote_plus,
    lambda secret: urllib.parse.quote(secret, safe=""),
    lambda secret: json.dumps(json.dumps({"password": secret})),
    *(lambda secret, before=before, encode=encode: encode(before + secret.encode() + b"end").decode()
      for before in (b"", b"x", b"xy") for encode in (base64.b64encode, base64.urlsafe_b64encode)),
]
for name, value in os.environ.items():
    if name.startswith("SAID_") or name in ("DB_PASSWORD", "GITHUB_TOKEN", "UPSTREAM"):
        for form in FORMS:
            print(name, form(value), flush=True)
            print(form(value), file=sys.stderr, flush=True)
if sys.argv[1:] == ["slow"]:
    time.sleep(3)
if sys.argv[1:] == ["apply"]:
    sys.exit(3)
"""


class Watch:
    """Reads the command lines of the project's processes as long as it is open."""

    def __init__(self, project: Project) -> None:
        self.seen: set[str] = set()
        self._project = project
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._stop.wait(0.1):
            self.seen |= set(self._project.processes().values())


class GitHub:
    """A GitHub that has one pull request and keeps what it is sent."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        sent = self.sent

        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                sent.append(f"{self.path}\n{body}")
                answer = b"[]" if self.command == "GET" else b'{"id": 1, "html_url": "http://github/1", "number": 1}'
                self.send_response(200 if self.command == "GET" else 201)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_GET = do_POST = do_PATCH = _answer  # noqa: N815

            def log_message(self, *_: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def settings(self) -> dict[str, str]:
        return {
            "GITHUB_API_URL": f"http://127.0.0.1:{self.server.server_port}", "GITHUB_REPOSITORY": "shop/site",
            "GITHUB_ACTIONS": "true", "NO_PROXY": "127.0.0.1",
        }  # fmt: skip


BROKEN_LISTENER = """
import os, sys
if "BREAK_THE_LISTENER" in os.environ:
    from opsctl.cli.progress import Progress
    def broken(self, event):
        secret = os.environ["DB_PASSWORD"]
        raise RuntimeError(f"no screen for {secret}")
    Progress.__call__ = broken
"""


@pytest.fixture
def planted(small: Project) -> Project:
    """A project with a secret in every place, and a program that tells them."""
    stack = small.root / "terraform" / "stack"
    (stack / "main.tf").write_text(STACK)
    variables(small, password=SECRETS["in the state alone"])
    (small.root / "leak.py").write_text(LEAK)
    (small.root / "hook").mkdir()
    (small.root / "hook" / "sitecustomize.py").write_text(BROKEN_LISTENER)
    (small.root / "tmp").mkdir()
    small.variables |= {
        "TF_VAR_given": SECRETS["in TF_VAR"], "DB_PASSWORD": SECRETS["in a password variable"],
        "GITHUB_TOKEN": SECRETS["in a token"], "UPSTREAM": f"https://user:{SECRETS['in a URL']}@proxy.example/",
        "AWS_SECRET_ACCESS_KEY": SECRETS["in AWS_SECRET_ACCESS_KEY"], "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "PYTHON": sys.executable, "LEAK": str(small.root / "leak.py"), "TMPDIR": str(small.root / "tmp"),
    }  # fmt: skip
    return small


def variables(project: Project, *, password: str, fails: str = "") -> None:
    literal = json.dumps(password)
    (project.root / "terraform/environments/local.tfvars").write_text(
        f'password = {literal}\nfails = "{fails}"\n'
        f'nested = {{\n  user = "ada"\n  keys = ["x", {json.dumps(SECRETS["nested in tfvars"])}]\n}}\n'
    )


def kept(project: Project) -> Iterator[tuple[str, str]]:
    """(where, text) of everything that opsctl keeps: files on this machine, and objects in the bucket."""
    work, bucket_on_disk = project.root / ".opsctl", project.root / ".opsctl/local/state"
    for file in [*work.rglob("*"), *(project.root / "tmp").rglob("*")]:
        exempt = file.suffix in (".tfplan", ".tfstate") or file.is_relative_to(bucket_on_disk)
        if file.is_file() and not exempt:
            yield str(file.relative_to(project.root)), file.read_text(errors="replace")
    endpoint = project.json("local", "status")["endpoint_url"]
    aws = Aws(Access("eu-central-1", "111122223333", endpoint))
    bucket = "opsctl-state-111122223333-eu-central-1"
    for item in aws.pages("s3", "list_objects_v2", "Contents", Bucket=bucket):
        if not item["Key"].endswith((".tfstate", "/seed")):
            body = aws.call("s3", "get_object", Bucket=bucket, Key=item["Key"])["Body"].read()
            yield f"s3://{item['Key']}", body.decode(errors="replace")


def test_no_secret_is_given_away_whatever_happens(planted: Project) -> None:
    said: dict[str, str] = {}

    def opsctl(*words: str, status: int | None = 0, **more: str) -> Any:
        done = planted.opsctl(*words, status=status, **more)
        said[f"{len(said)}: {shlex.join(words)}"] = done.stdout + done.stderr
        return done

    github = GitHub()
    with Watch(planted) as watch:
        opsctl("up", "local", "--yes", "--no-smoke", "--why", "the first one")
        variables(planted, password=SECRETS["in tfvars"], fails="plan")
        opsctl("plan", "local", status=2)
        variables(planted, password=SECRETS["in tfvars"], fails="apply")
        opsctl("plan", "local", "--json", "--comment", "github", "--pr", "7", **github.settings)
        failed = opsctl("up", "local", "--yes", "--no-smoke", status=1)
        assert "local-exec" in failed.stderr
        variables(planted, password=SECRETS["in tfvars"], fails="slow")
        killed = planted.start("up", "local", "--yes", "--no-smoke")
        logs = planted.root / ".opsctl/environments/local/logs"
        wait_for(
            lambda: "SAID_3" in max(logs.glob("*-apply.log"), default=Path(os.devnull)).read_text(),
            what="the provisioner of the third apply",
        )  # fmt: skip
        killed.send_signal(signal.SIGKILL)
        out, err = killed.communicate()
        said["killed"] = out + err
        opsctl("status", "local")
        opsctl("unlock", "local", "--yes", status=None)
        opsctl("up", "local", "--yes", "--no-smoke", "--json")
        (planted.root / "terraform/stack/topic.tf").write_text(PROVIDER_ERROR)
        opsctl("plan", "local", status=2)
        (planted.root / "terraform/stack/topic.tf").unlink()
        opsctl("plan", "local", status=1, BREAK_THE_LISTENER="1", PYTHONPATH=str(planted.root / "hook"))
        assert list((planted.root / "tmp").glob("opsctl-crash-*"))
        opsctl("history", "local")
        for command in ("history", "status", "outputs", "drift"):
            opsctl(command, "local", "--json", status=None)
        leaks = {f"{place}: {found}" for place, text in kept(planted) for found in found_in(text)}
        opsctl("down", "local", "--yes")
    assert github.sent
    assert any("terraform apply" in words for words in watch.seen)
    said |= {f"to GitHub: {number}": text for number, text in enumerate(github.sent)}
    said |= {f"argv: {words[:60]}": words for words in watch.seen}
    leaks |= {f"{place}: {found}" for place, text in said.items() for found in found_in(text)}
    assert sorted(leaks) == []
