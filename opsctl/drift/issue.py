"""One issue that says what drifted: opened, rewritten in its place, and closed when nothing does any more.

It names resources, attributes and who changed them. It holds no value: an issue is read by more people than a terminal.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from opsctl.drift.report import Outcome, Report, Unanswered, author_words
from opsctl.github import issues
from opsctl.github.client import GitHub
from opsctl.github.markdown import LARGEST, code, plain

LABEL = "drift"
SPARE = 500
"""Characters left for the marker and the last line."""


def keep_issue(client: GitHub, outcomes: Sequence[Outcome], *, marker: str) -> str | None:
    """Have one open issue while something drifts, and none when nothing does. Its URL, where one was touched.

    Where nothing drifted but an environment could not be asked, the issue stays as it is.

    Raises:
        GitHubError: nothing was written.
    """
    if any(isinstance(outcome, Report) and outcome.drift for outcome in outcomes):
        return issues.upsert(client, marker, title(outcomes), body(outcomes), [LABEL])
    if any(isinstance(outcome, Unanswered) for outcome in outcomes):
        return None
    return issues.close(client, marker, "Nothing drifts any more.")


def title(outcomes: Sequence[Outcome]) -> str:
    return "Drift: " + ", ".join(
        outcome.environment for outcome in outcomes if isinstance(outcome, Report) and outcome.drift
    )


def body(outcomes: Sequence[Outcome]) -> str:
    """The issue in Markdown, whole lines only, never longer than GitHub takes."""
    lines, length = [], 0
    for line in _lines(outcomes):
        length += len(line) + 1
        if length > LARGEST - SPARE:
            lines += ["", "There is more than fits here: `opsctl drift` lists all."]
            break
        lines.append(line)
    return "\n".join(lines)


def _lines(outcomes: Sequence[Outcome]) -> Iterator[str]:
    for outcome in outcomes:
        yield f"## {plain(outcome.environment)}"
        yield ""
        yield from _unanswered(outcome) if isinstance(outcome, Unanswered) else _report(outcome)
        yield ""


def _unanswered(outcome: Unanswered) -> Iterator[str]:
    yield f"Could not be asked: {plain(outcome.error.what)}"


def _report(report: Report) -> Iterator[str]:
    if not report.drift:
        yield f"No drift in {report.resources} resources, looked at {report.checked_at}."
        return
    yield f"{len(report.drift)} of {report.resources} resources, looked at {report.checked_at}."
    yield ""
    yield "| resource | what | who |"
    yield "|---|---|---|"
    for finding in report.drift:
        what = ", ".join(code(one.path) for one in finding.drift) or finding.kind
        who = plain(author_words(report.author_of(finding))) or "not known"
        yield f"| {code(finding.address)} | {what} | {who} |"
    yield ""
    name = report.environment
    yield f"`opsctl drift {name}` shows the values. To undo it: `opsctl up {name}`. To keep it: write it into the code."
