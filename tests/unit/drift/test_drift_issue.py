"""The issue about drift: one, up to date, without values, and closed when nothing drifts."""

from __future__ import annotations

from typing import Any

from opsctl.drift.authors import Author
from opsctl.drift.findings import Difference, Finding
from opsctl.drift.issue import body, keep_issue, title
from opsctl.drift.refreshed import Instance
from opsctl.drift.report import Outcome, Report, Unanswered, exit_code
from opsctl.errors import OpsctlError
from opsctl.github.markdown import LARGEST

AUTHOR = Author("arn:aws:iam::1:user/@bob", "console", "2026-11-21T12:00:00+00:00", "SetTopicAttributes", "e", "", "")


def report(name: str, *addresses: str) -> Report:
    difference = Difference("tags.owner", '"ada"', '"planted-secret"', "")
    findings = tuple(
        Finding(one, "", "aws_sns_topic", "changed", (difference,), (), Instance(one, "", "aws_sns_topic", "t", {}))
        for one in addresses
    )
    authors = dict.fromkeys(addresses[:1], AUTHOR)
    return Report(name, "up", "2026-11-21T12:05:00+00:00", 3, 10, findings, authors=authors)


UNANSWERED = Unanswered("prod", OpsctlError("No AWS credentials that work."))


class Issues:
    """GitHub's issues of a repository."""

    def __init__(self) -> None:
        self.issues: list[dict[str, Any]] = []

    def pages(self, path: str) -> Any:
        return iter([issue for issue in self.issues if issue["state"] == "open"])

    def send(self, method: str, path: str, document: dict[str, Any]) -> dict[str, Any]:
        if method == "POST" and path == "/issues":
            number = len(self.issues) + 1
            self.issues.append({"number": number, "state": "open", "html_url": f"https://x/{number}"} | document)
            return self.issues[-1]
        issue = self.issues[int(path.split("/")[2]) - 1]
        if method == "PATCH":
            issue.update(document)
        return issue


def test_one_issue_is_opened_rewritten_and_closed() -> None:
    github, marker = Issues(), "opsctl drift"

    def keep(*outcomes: Outcome) -> str | None:
        return keep_issue(github, outcomes, marker=marker)  # type: ignore[arg-type]

    assert keep(report("dev")) is None
    assert keep(report("dev", "aws_sns_topic.a"), report("prod")) == "https://x/1"
    assert keep(report("dev", "aws_sns_topic.b")) == "https://x/1"
    assert "aws&#95;sns&#95;topic&#46;b" in github.issues[0]["body"]
    assert github.issues[0]["labels"] == ["drift"]
    assert keep(report("dev"), UNANSWERED) is None
    assert github.issues[0]["state"] == "open"
    assert keep(report("dev")) == "https://x/1"
    assert (github.issues[0]["state"], len(github.issues)) == ("closed", 1)


def test_the_issue_says_what_and_who_and_holds_no_value() -> None:
    outcomes: list[Outcome] = [report("dev", "aws_sns_topic.a", 'aws_sns_topic.b["x|y"]'), UNANSWERED]
    text = body(outcomes)
    assert title(outcomes) == "Drift: dev"
    assert "tags&#46;owner" in text
    assert "SetTopicAttributes" in text
    assert "not known" in text
    assert "Could not be asked" in text
    assert "planted" not in text
    assert "@bob" not in text
    assert "x|y" not in text


def test_a_large_issue_ends_with_a_whole_line_below_githubs_limit() -> None:
    text = body([report("dev", *(f"aws_sns_topic.number_{n}" for n in range(3000)))])
    assert LARGEST * 0.9 < len(text) < LARGEST - 100
    assert text.endswith("`opsctl drift` lists all.")
    assert text.count("<code>") == text.count("</code>")


def test_the_worst_outcome_is_the_exit_code() -> None:
    drifted, fine = report("dev", "a"), report("dev")
    assert [int(exit_code(some)) for some in ([fine], [fine, drifted], [drifted, UNANSWERED], [fine, UNANSWERED])] == [
        0, 3, 7, 7,
    ]  # fmt: skip


def test_both_kinds_of_outcome_have_the_same_schema() -> None:
    assert report("dev", "a").to_json().keys() == UNANSWERED.to_json().keys()
