"""One open issue about one thing, kept up to date in its place and closed when the thing is settled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from opsctl.github.client import GitHub
from opsctl.github.markdown import marker as hidden


def upsert(client: GitHub, marker: str, title: str, body: str, labels: Sequence[str] = ()) -> str:
    """Write `body` into the open issue that holds `marker`, or open one, and say where it is (URL).

    Raises:
        GitHubError: nothing was written.
    """
    text = f"{hidden(marker)}\n{body}"
    issue = find(client, marker)
    if issue is None:
        issue = client.send("POST", "/issues", {"title": title, "body": text, "labels": list(labels)})
    elif (issue["title"], (issue.get("body") or "").replace("\r\n", "\n")) != (title, text):
        issue = client.send("PATCH", f"/issues/{issue['number']}", {"title": title, "body": text})
    return str(issue["html_url"])


def close(client: GitHub, marker: str, comment: str) -> str | None:
    """Close the open issue that holds `marker`, with a last comment; its URL, or None where none is open."""
    issue = find(client, marker)
    if issue is None:
        return None
    client.send("POST", f"/issues/{issue['number']}/comments", {"body": comment})
    done = client.send("PATCH", f"/issues/{issue['number']}", {"state": "closed", "state_reason": "completed"})
    return str(done["html_url"])


def find(client: GitHub, marker: str) -> dict[str, Any] | None:
    """The oldest open issue that holds `marker`. Pull requests, which GitHub lists among issues, are none."""
    line = hidden(marker)
    for issue in client.pages("/issues?state=open&sort=created&direction=asc"):
        if "pull_request" not in issue and (issue.get("body") or "").startswith(line):
            return dict(issue)
    return None
