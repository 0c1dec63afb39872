"""One comment on a pull request, kept up to date in its place."""

from __future__ import annotations

from opsctl.github.client import GitHub
from opsctl.github.markdown import marker as hidden


def upsert(client: GitHub, number: int, marker: str, body: str) -> str:
    """Write `body` into the comment that holds `marker`, or into a new one, and say where it is (URL).

    Args:
        number: of the pull request (or issue).
        marker: what tells it from other comments, such as "opsctl plan prod".

    Raises:
        GitHubError: nothing was written.
    """
    line = hidden(marker)
    text = f"{line}\n{body}"
    own = [one for one in client.pages(f"/issues/{number}/comments") if (one.get("body") or "").startswith(line)]
    for comment in own:
        if comment["body"].replace("\r\n", "\n") == text:
            return str(comment["html_url"])
        return str(client.send("PATCH", f"/issues/comments/{comment['id']}", {"body": text})["html_url"])
    return str(client.send("POST", f"/issues/{number}/comments", {"body": text})["html_url"])
