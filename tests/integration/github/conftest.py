"""A GitHub that answers over HTTP as the real one does where opsctl asks it something."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from opsctl.github import GitHub

TOKEN = "ghs_0123456789abcdefSECRET"
REPOSITORY = "acme/shop"


@dataclass
class FakeGitHub:
    """One repository's comments and issues.

    Attributes:
        refusals: (status, headers, message) to answer the next requests with, first one first.
    """

    url: str = ""
    comments: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    issues: list[dict[str, Any]] = field(default_factory=list)
    requests: list[tuple[str, str]] = field(default_factory=list)
    refusals: list[tuple[int, dict[str, str], str]] = field(default_factory=list)
    ids: int = 1000

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: Any) -> tuple[int, Any, dict[str, str]]:
        prefix = f"/repos/{REPOSITORY}"
        if not path.startswith(prefix):
            return 404, {"message": "Not Found"}, {}
        path = path.removeprefix(prefix)
        if found := re.fullmatch(r"/issues/(\d+)/comments", path):
            here = self.comments.get(int(found[1]))
            if here is None:
                return 404, {"message": "Not Found"}, {}
            return self._page(path, query, here) if method == "GET" else self._create(here, body, path)
        if found := re.fullmatch(r"/issues/comments/(\d+)", path):
            return self._edit([one for many in self.comments.values() for one in many], "id", int(found[1]), body)
        if path == "/issues":
            wanted = [one for one in self.issues if one["state"] == query.get("state", ["open"])[0]]
            return self._page(path, query, wanted) if method == "GET" else self._create(self.issues, body, path)
        if found := re.fullmatch(r"/issues/(\d+)", path):
            return self._edit(self.issues, "number", int(found[1]), body)
        return 404, {"message": "Not Found"}, {}

    def _page(self, path: str, query: dict[str, list[str]], items: list[Any]) -> tuple[int, Any, dict[str, str]]:
        size, page = int(query.get("per_page", ["30"])[0]), int(query.get("page", ["1"])[0])
        link = f'<{self.url}/repos/{REPOSITORY}{path}?per_page={size}&page={page + 1}>; rel="next", <x>; rel="last"'
        return 200, items[(page - 1) * size : page * size], {"Link": link} if len(items) > page * size else {}

    def _create(self, here: list[Any], body: Any, path: str) -> tuple[int, Any, dict[str, str]]:
        if len(body["body"]) > 65536:
            error = {
                "message": "Validation Failed",
                "errors": [{"message": "body is too long (maximum is 65536 characters)"}],
            }
            return 422, error, {}
        self.ids += 1
        made = {"id": self.ids, "number": self.ids, "state": "open", "html_url": f"https://github/{self.ids}"} | body
        here.append(made)
        return 201, made, {}

    def _edit(self, here: list[Any], key: str, number: int, body: Any) -> tuple[int, Any, dict[str, str]]:
        for one in here:
            if one[key] == number:
                one |= body
                return 200, one, {}
        return 404, {"message": "Not Found"}, {}


@pytest.fixture
def github() -> Iterator[FakeGitHub]:
    fake = FakeGitHub()

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            address = urlsplit(self.path)
            text = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            fake.requests.append((self.command, self.path))
            if fake.refusals:
                status, headers, message = fake.refusals.pop(0)
                answer: Any = {"message": message}
            elif self.headers["Authorization"] != f"Bearer {TOKEN}":
                status, answer, headers = 401, {"message": "Bad credentials"}, {}
            else:
                status, answer, headers = fake.answer(
                    self.command, address.path, parse_qs(address.query), json.loads(text) if text else None
                )
            content = json.dumps(answer).encode()
            self.send_response(status)
            for name, value in (headers | {"Content-Length": str(len(content))}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = handle_any  # noqa: N815

        def log_message(self, *arguments: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    fake.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield fake
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def waits() -> list[float]:
    """Seconds that the client would have waited."""
    return []


@pytest.fixture
def client(github: FakeGitHub, waits: list[float]) -> GitHub:
    return GitHub(TOKEN, REPOSITORY, api_url=github.url, sleep=waits.append, now=lambda: 1_000_000.0)
