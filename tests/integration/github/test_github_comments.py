"""Comments and issues over HTTP: found again, updated in place, and refused in words that help."""

from __future__ import annotations

import json
import traceback
from pathlib import Path
from typing import Any

import pytest

from opsctl.errors import UsageError
from opsctl.github import GitHub, GitHubError, comments, connect, issues
from tests.integration.github.conftest import REPOSITORY, TOKEN

MARKER = "opsctl plan prod"


def test_the_first_comment_is_made_and_later_ones_take_its_place(github: Any, client: GitHub) -> None:
    github.comments[7] = [{"id": 1, "body": "Nice work!", "html_url": "x"}]
    first = comments.upsert(client, 7, MARKER, "2 to create.")
    assert comments.upsert(client, 7, MARKER, "1 to create.") == first
    assert [one["body"] for one in github.comments[7]] == ["Nice work!", "<!-- opsctl plan prod -->\n1 to create."]


def test_the_same_text_again_changes_nothing(github: Any, client: GitHub) -> None:
    github.comments[7] = []
    comments.upsert(client, 7, MARKER, "No changes.")
    comments.upsert(client, 7, MARKER, "No changes.")
    assert [method for method, _ in github.requests] == ["GET", "POST", "GET"]


def test_environments_have_a_comment_each(github: Any, client: GitHub) -> None:
    github.comments[7] = []
    comments.upsert(client, 7, MARKER, "a")
    comments.upsert(client, 7, "opsctl plan dev", "b")
    assert len(github.comments[7]) == 2


def test_a_comment_that_only_quotes_ours_is_left_alone(github: Any, client: GitHub) -> None:
    quote = {"id": 1, "body": f"> <!-- {MARKER} -->\nwhy?", "html_url": "x"}
    github.comments[7] = [quote, {"id": 2, "body": None, "html_url": "y"}]
    comments.upsert(client, 7, MARKER, "a")
    assert (len(github.comments[7]), quote["body"][0]) == (3, ">")


def test_ours_is_found_on_the_second_page(github: Any, client: GitHub) -> None:
    github.comments[7] = [{"id": n, "body": f"{n}", "html_url": "x"} for n in range(150)]
    github.comments[7].append({"id": 500, "body": f"<!-- {MARKER} -->\r\nold", "html_url": "ours"})
    assert comments.upsert(client, 7, MARKER, "new") == "ours"
    assert len(github.comments[7]) == 151
    assert [path.partition("?")[2] for method, path in github.requests if method == "GET"] == [
        "per_page=100", "per_page=100&page=2"
    ]  # fmt: skip


def test_one_issue_is_opened_updated_and_closed(github: Any, client: GitHub) -> None:
    github.issues.append({"number": 1, "state": "open", "pull_request": {}, "body": "<!-- drift prod -->", "title": ""})
    url = issues.upsert(client, "drift prod", "prod drifted", "2 resources", labels=["drift"])
    assert issues.upsert(client, "drift prod", "prod drifted", "3 resources") == url
    [issue] = [one for one in github.issues if "pull_request" not in one]
    assert (issue["title"], issue["labels"], issue["body"]) == (
        "prod drifted", ["drift"], "<!-- drift prod -->\n3 resources"
    )  # fmt: skip
    github.comments[issue["number"]] = []
    assert issues.close(client, "drift prod", "It is as its Terraform says again.") == url
    assert (issue["state"], len(github.comments[issue["number"]])) == ("closed", 1)
    assert issues.close(client, "drift prod", "again") is None
    assert issues.upsert(client, "drift prod", "prod drifted", "1 resource") != url


@pytest.mark.parametrize(
    ("status", "message", "says", "helps"),
    [
        (403, "Resource not accessible by integration", "(403): Resource not accessible", "pull-requests: write"),
        (422, "Validation Failed", "(422): Validation Failed", "report it"),
        (410, "Issues are disabled for this repo", "(410)", "turned off"),
        (301, "Moved Permanently", "acme/shop has moved", "GITHUB_REPOSITORY"),
    ],
)
def test_a_refusal_says_what_and_what_to_do_and_is_not_tried_again(
    github: Any, client: GitHub, status: int, message: str, says: str, helps: str
) -> None:
    github.refusals = [(status, {"Location": "http://elsewhere/"} if status == 301 else {}, message)]
    with pytest.raises(GitHubError) as raised:
        comments.upsert(client, 7, MARKER, "a")
    assert says in raised.value.what
    assert helps in raised.value.next
    assert "GET /repos/acme/shop/issues/7/comments" in raised.value.where
    assert len(github.requests) == 1


def test_a_pull_request_that_is_not_there_and_a_token_that_is_not_good_are_told_apart(
    github: Any, client: GitHub
) -> None:
    with pytest.raises(GitHubError) as raised:
        comments.upsert(client, 8, MARKER, "a")
    assert raised.value.status == 404
    with pytest.raises(GitHubError) as raised:
        comments.upsert(GitHub("expired", REPOSITORY, api_url=github.url), 7, MARKER, "a")
    assert raised.value.status == 401
    assert "fresh one" in raised.value.next


def test_a_text_that_is_too_long_is_githubs_own_word(github: Any, client: GitHub) -> None:
    github.comments[7] = []
    with pytest.raises(GitHubError, match="body is too long"):
        comments.upsert(client, 7, MARKER, "x" * 65_600)


@pytest.mark.parametrize(
    ("status", "headers", "waited"),
    [
        (403, {"Retry-After": "7"}, [7.0]),
        (429, {"Retry-After": "3"}, [3.0]),
        (403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1000030"}, [30.0]),
        (502, {}, [1.0]),
    ],
)
def test_a_short_limit_and_a_bad_gateway_are_waited_for(
    github: Any, client: GitHub, waits: list[float], status: int, headers: dict[str, str], waited: list[float]
) -> None:
    github.comments[7] = []
    github.refusals = [(status, headers, "wait")]
    comments.upsert(client, 7, MARKER, "a")
    assert waits == waited
    assert len(github.comments[7]) == 1


def test_a_long_limit_is_told_at_once(github: Any, client: GitHub, waits: list[float]) -> None:
    github.refusals = [(403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1003000"}, "API rate limit exceeded")]
    with pytest.raises(GitHubError, match="takes more in 3000 s"):
        comments.upsert(client, 7, MARKER, "a")
    assert waits == []


def test_tries_end(github: Any, client: GitHub, waits: list[float]) -> None:
    github.refusals = [(503, {}, "Service Unavailable")] * 10
    with pytest.raises(GitHubError, match="503"):
        comments.upsert(client, 7, MARKER, "a")
    assert len(github.requests) == 4


def test_a_post_that_failed_is_not_sent_twice(github: Any, client: GitHub) -> None:
    github.comments[7] = []
    list(client.pages("/issues/7/comments"))
    github.refusals = [(502, {}, "Bad Gateway")]
    with pytest.raises(GitHubError, match="502"):
        client.send("POST", "/issues/7/comments", {"body": "a"})
    assert [method for method, _ in github.requests] == ["GET", "POST"]


def test_no_answer_at_all_names_the_network(waits: list[float]) -> None:
    nobody = GitHub(TOKEN, REPOSITORY, api_url="http://127.0.0.1:9", sleep=waits.append)
    with pytest.raises(GitHubError, match="does not answer"):
        comments.upsert(nobody, 7, MARKER, "a")
    assert len(waits) == 3


def test_the_token_is_in_no_error_no_repr_and_goes_to_no_other_host(github: Any, client: GitHub) -> None:
    github.refusals = [(302, {"Location": "http://127.0.0.1:9/elsewhere"}, "Found")]
    with pytest.raises(GitHubError) as raised:
        comments.upsert(client, 7, MARKER, "a")
    told = "".join(traceback.TracebackException.from_exception(raised.value, capture_locals=True).format())
    assert TOKEN not in f"{raised.value.what}{raised.value.where}{raised.value.next}{client!r}"
    assert "Bearer" not in told.replace('f"Bearer {self._token}"', "")
    github.comments[7] = []
    github._page = lambda path, query, items: (200, [], {"Link": '<http://127.0.0.1:9/more>; rel="next"'})
    comments.upsert(client, 7, MARKER, "a")


@pytest.mark.parametrize(
    ("variables", "names"),
    [
        ({}, "GITHUB_TOKEN"),
        ({"GITHUB_TOKEN": "  "}, "GITHUB_TOKEN"),
        ({"GITHUB_TOKEN": "a\nb"}, "GITHUB_TOKEN"),
        ({"GITHUB_TOKEN": "a"}, "GITHUB_REPOSITORY"),
        ({"GITHUB_TOKEN": "a", "GITHUB_REPOSITORY": "../x/y"}, "GITHUB_REPOSITORY"),
        ({"GITHUB_TOKEN": "a", "GITHUB_REPOSITORY": "a/b", "GITHUB_API_URL": "http://evil"}, "GITHUB_API_URL"),
    ],
)
def test_what_is_not_set_is_named(variables: dict[str, str], names: str) -> None:
    with pytest.raises(UsageError) as raised:
        connect(variables)
    assert raised.value.where == names
    assert raised.value.exit_code == 2


@pytest.mark.parametrize(
    ("reference", "event", "number"),
    [
        ("refs/pull/42/merge", None, 42),
        ("refs/heads/main", {"pull_request": {"number": 43}}, 43),
        ("refs/heads/main", {"issue": {"number": 44, "pull_request": {"url": "x"}}}, 44),
        ("refs/heads/main", {"issue": {"number": 45}}, None),
        ("refs/heads/main", {"ref": "main"}, None),
        ("", [], None),
    ],
)
def test_the_pull_request_is_known_from_the_workflow(
    tmp_path: Path, reference: str, event: Any, number: int | None
) -> None:
    (tmp_path / "event.json").write_text(json.dumps(event))
    client = connect(
        {
            "GITHUB_TOKEN": "a", "GITHUB_REPOSITORY": "a/b", "GITHUB_REF": reference,
            "GITHUB_EVENT_PATH": str(tmp_path / "event.json"),
        }
    )  # fmt: skip
    if number:
        assert client.pull_request() == number
    else:
        with pytest.raises(UsageError, match="not the workflow of a pull request"):
            client.pull_request()
