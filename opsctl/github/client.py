"""A small client of GitHub's REST API, for the few calls that opsctl makes.

The token comes from GITHUB_TOKEN and goes into one header; it is in no argument, log, error or repr. Everything that
names the place comes from the variables that GitHub Actions sets (docs.github.com, "Variables reference").
"""

from __future__ import annotations

import json
import os
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from email.message import Message
from http.client import HTTPException
from pathlib import Path
from typing import Any

from opsctl import __version__
from opsctl.errors import OpsctlError, UsageError

API_URL = "https://api.github.com"
API_VERSION = "2022-11-28"
PAGE = 100
"""The most that a listing gives at once. Source: docs.github.com, "Using pagination in the REST API"."""
ATTEMPTS = 4
TIMEOUT_SECONDS = 20
LONGEST_WAIT_SECONDS = 60.0
"""A rate limit that lasts longer than this is told and not waited for."""
LARGEST_ANSWER_BYTES = 10_000_000
NEXT_PAGE = re.compile(r'<([^>]+)>;\s*rel="next"')
REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")


class GitHubError(OpsctlError):
    """GitHub did not do what was asked.

    Attributes:
        status: HTTP status; 0 where there was no answer.
    """

    status = 0


class NotSetUp(UsageError):
    """A variable that says who or where we are is missing."""


class GitHub:
    """One repository.

    Args:
        sleep, now: passed in so that a test needs no time; `now` gives seconds since the epoch.
    """

    def __init__(
        self, token: str, repository: str, *, api_url: str = API_URL, variables: Mapping[str, str] | None = None,
        sleep: Callable[[float], None] = time.sleep, now: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        self.repository = repository
        self._token, self._api, self._variables = token, api_url.rstrip("/"), variables or {}
        self._sleep, self._now = sleep, now
        self._opener = urllib.request.build_opener(_NoRedirect)

    def __repr__(self) -> str:
        return f"GitHub({self.repository!r})"

    def get(self, path: str) -> Any:
        """Ask for one document. `path` begins behind /repos/OWNER/NAME. Raises GitHubError."""
        return self._request("GET", self._url(path))[0]

    def pages(self, path: str) -> Iterator[Any]:
        """Every item of a listing, page after page."""
        url: str | None = self._url(f"{path}{'&' if '?' in path else '?'}per_page={PAGE}")
        while url:
            items, headers = self._request("GET", url)
            yield from items
            following = NEXT_PAGE.search(headers.get("Link", ""))
            # The token goes nowhere else than where it was sent first.
            url = following[1] if following and following[1].startswith(f"{self._api}/") else None

    def send(self, method: str, path: str, body: Mapping[str, Any]) -> Any:
        """POST or PATCH a document. Raises GitHubError."""
        return self._request(method, self._url(path), body)[0]

    def pull_request(self) -> int:
        """Number of the pull request that this workflow runs for.

        Raises:
            NotSetUp: it runs for none, or not in a workflow.
        """
        reference = re.fullmatch(r"refs/pull/(\d+)/\w+", self._variables.get("GITHUB_REF", ""))
        if reference:
            return int(reference[1])
        try:
            event = json.loads(Path(self._variables.get("GITHUB_EVENT_PATH", "")).read_text(encoding="utf-8"))
            found = event.get("pull_request") or (event["issue"] if "pull_request" in event["issue"] else {})
            return int(found["number"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise NotSetUp(
                "This is not the workflow of a pull request, so there is nothing to comment on.",
                where="GITHUB_REF, GITHUB_EVENT_PATH",
                next="Name it: --pr 42 (or print the comment: --comment markdown).",
            ) from error

    def _url(self, path: str) -> str:
        return f"{self._api}/repos/{self.repository}{path}"

    def _request(self, method: str, url: str, body: Mapping[str, Any] | None = None) -> tuple[Any, Message]:
        """One call, tried again after 5xx, a lost connection and a short rate limit. A lost answer to a POST is not
        tried again: it may have been done."""
        request = urllib.request.Request(  # noqa: S310 (the scheme is checked by `connect`)
            url, method=method, data=json.dumps(body).encode() if body is not None else None,
            headers={
                "Authorization": f"Bearer {self._token}", "Accept": "application/vnd.github+json",
                "X-GitHub-Api-Version": API_VERSION, "User-Agent": f"opsctl/{__version__}",
                "Content-Type": "application/json",
            },
        )  # fmt: skip
        place = f"{method} {urllib.parse.urlsplit(url).path}"
        for attempt in range(1, ATTEMPTS + 1):
            wait = 0.5 * 2**attempt
            try:
                with self._opener.open(request, timeout=TIMEOUT_SECONDS) as answer:
                    return json.loads(answer.read(LARGEST_ANSWER_BYTES) or b"null"), answer.headers
            except urllib.error.HTTPError as error:
                limited = _rate_limit_seconds(error.headers, error.code, self._now())
                failure = _explained(error.code, _message(error), place, self.repository, limited)
                if limited is not None and limited <= LONGEST_WAIT_SECONDS:
                    wait = limited
                elif error.code < 500 or method == "POST":
                    raise failure from None
            except (urllib.error.URLError, HTTPException, OSError, ValueError) as error:
                reason = getattr(error, "reason", error)
                failure = GitHubError(
                    f"GitHub does not answer ({type(reason).__name__}).", where=f"{place} at {self._api}",
                    next="Check the network and the proxy settings, then run the command again.",
                )  # fmt: skip
                if method == "POST":
                    raise failure from None
            if attempt == ATTEMPTS:
                raise failure
            self._sleep(wait)
        raise AssertionError("the last attempt returns or raises")


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the token to wherever it leads. (A renamed repository answers with one.)"""

    def redirect_request(self, *arguments: Any, **named: Any) -> None:
        return None


def connect(variables: Mapping[str, str] | None = None) -> GitHub:
    """The repository that GITHUB_REPOSITORY names, with the token of GITHUB_TOKEN, at GITHUB_API_URL.

    Raises:
        NotSetUp: one of them is missing or malformed.
    """
    given = os.environ if variables is None else variables
    token, repository = given.get("GITHUB_TOKEN", "").strip(), given.get("GITHUB_REPOSITORY", "")
    api_url = given.get("GITHUB_API_URL") or API_URL
    if not token:
        raise NotSetUp(
            "There is no token for GitHub.", where="GITHUB_TOKEN",
            next="In a workflow: env: GITHUB_TOKEN: ${{ github.token }}, with permission pull-requests: write "
            "(or issues: write).",
        )  # fmt: skip
    if not token.isascii() or not token.isprintable():
        raise NotSetUp("GITHUB_TOKEN is not a token: it holds characters that none has.", where="GITHUB_TOKEN")
    if not REPOSITORY.fullmatch(repository):
        raise NotSetUp(
            "GITHUB_REPOSITORY does not name a repository.", where="GITHUB_REPOSITORY", next="Set it to OWNER/NAME."
        )
    address = urllib.parse.urlsplit(api_url)
    if address.scheme != "https" and address.hostname not in ("127.0.0.1", "localhost"):
        raise NotSetUp("GITHUB_API_URL is not an https address: the token would go in the clear.",
                       where="GITHUB_API_URL")  # fmt: skip
    return GitHub(token, repository, api_url=api_url, variables=given)


def _rate_limit_seconds(headers: Message, status: int, now: float) -> float | None:
    """How long to wait where a limit was met, else None. Source: docs.github.com, "Rate limits for the REST API"."""
    if status not in (403, 429):
        return None
    try:
        if headers.get("Retry-After"):
            return max(0.0, float(headers["Retry-After"]))
        if headers.get("X-RateLimit-Remaining") == "0":
            return max(0.0, float(headers.get("X-RateLimit-Reset", "0")) - now)
    except ValueError:
        return LONGEST_WAIT_SECONDS + 1
    return LONGEST_WAIT_SECONDS if status == 429 else None


def _message(error: urllib.error.HTTPError) -> str:
    try:
        document = json.loads(error.read(100_000))
        details = "; ".join(str(one.get("message") or one.get("code")) for one in document.get("errors", ()))
        return " ".join(filter(None, (str(document["message"]), f"({details})" if details else "")))[:300]
    except (ValueError, KeyError, TypeError, AttributeError, OSError):
        return str(error.reason)


NEXT = {
    401: "GITHUB_TOKEN is not valid or has expired: take a fresh one.",
    403: "Give the token pull-requests: write (comments) or issues: write (issues); a workflow that a fork started "
    "gets a token that only reads.",
    404: "Check GITHUB_REPOSITORY and the number; a token without access gets this answer, too.",
    410: "Issues are turned off in that repository.",
    422: "GitHub does not take what was sent; if the number is right, report it.",
}


def _explained(status: int, message: str, place: str, repository: str, limited: float | None) -> GitHubError:
    what = f"GitHub refuses ({status}): {message}"
    following = NEXT.get(status, "Run the command again later: https://www.githubstatus.com")
    if limited is not None:
        what = f"GitHub limits the rate of calls ({status}); it takes more in {limited:.0f} s."
        following = "Run the command again then."
    elif 300 <= status < 400:
        what, following = f"GitHub says that {repository} has moved.", "Set GITHUB_REPOSITORY to its new name."
    error = GitHubError(what, where=place, next=following)
    error.status = status
    return error
