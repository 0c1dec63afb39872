"""What looking for drift came to, for one environment and for several: as JSON, as an exit code, as an issue."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from opsctl.drift.authors import Author
from opsctl.drift.findings import Difference, Finding
from opsctl.errors import OpsctlError
from opsctl.exit_codes import ExitCode

LARGEST_ISSUE = 60_000
"""Characters. GitHub takes 65,536 in an issue's body."""
ROWS = 100
"""Resources listed in an issue."""


@dataclass(frozen=True)
class Report:
    """One environment's drift.

    Attributes:
        phase: "absent" where nothing was ever applied, or the local cloud is stopped.
        checked_at: UTC, ISO 8601: when the look began.
        resources: how many were looked at.
        authors: address → who changed it last.
        unasked: why authors may be missing, else "".
    """

    environment: str
    phase: Literal["up", "absent"]
    checked_at: str
    serial: int | None = None
    resources: int = 0
    drift: tuple[Finding, ...] = ()
    noise: tuple[Finding, ...] = ()
    authors: Mapping[str, Author] | None = None
    unasked: str = ""
    seconds: float = 0

    @property
    def exit_code(self) -> ExitCode:
        return ExitCode.FINDINGS if self.drift else ExitCode.DONE

    def author_of(self, finding: Finding) -> Author | None:
        return (self.authors or {}).get(finding.address)

    def to_json(self) -> dict[str, Any]:
        return {
            "environment": self.environment,
            "status": "absent" if self.phase == "absent" else "drift" if self.drift else "none",
            "checked_at": self.checked_at,
            "serial": self.serial,
            "resources": self.resources,
            "drift": [self._finding(finding) for finding in self.drift],
            "noise": [
                {"address": finding.address, "type": finding.type,
                 "attributes": [{"path": one.path, "reason": one.reason} for one in finding.noise]}
                for finding in self.noise
            ],
            "authors_unasked": self.unasked,
            "seconds": round(self.seconds, 1),
            "error": None,
        }  # fmt: skip

    def _finding(self, finding: Finding) -> dict[str, Any]:
        author = self.author_of(finding)
        return {
            "address": finding.address,
            "module": finding.module,
            "type": finding.type,
            "kind": finding.kind,
            "attributes": [
                {"path": one.path, "before": one.before, "after": one.after, "hidden": one.hidden}
                for one in finding.drift
            ],
            "by": asdict(author) if author else None,
        }


@dataclass(frozen=True)
class Unanswered:
    """An environment that could not be asked, and why."""

    environment: str
    error: OpsctlError

    exit_code = ExitCode.PARTIAL

    def to_json(self) -> dict[str, Any]:
        return {
            "environment": self.environment, "status": "unanswered", "checked_at": None, "serial": None, "resources": 0,
            "drift": [], "noise": [], "authors_unasked": "", "seconds": 0.0,
            "error": {"what": self.error.what, "where": self.error.where, "next": self.error.next,
                      "exit_code": int(self.error.exit_code)},
        }  # fmt: skip


Outcome = Report | Unanswered


def exit_code(outcomes: Iterable[Outcome]) -> ExitCode:
    """The worst of all: 0 none, 3 drift, 7 an environment could not be asked."""
    return max((outcome.exit_code for outcome in outcomes), default=ExitCode.DONE)


def words(difference: Difference) -> str:
    """One difference in a line."""
    if difference.hidden:
        return f"{difference.path} ({'not shown: sensitive' if difference.hidden == 'sensitive' else 'changed'})"
    return f"{difference.path}: {difference.before} → {difference.after}"


def author_words(author: Author | None) -> str:
    """Who, with what, when; "" where nobody is known."""
    return f"{author.who} by {author.via} ({author.event}), {author.at}" if author else ""


def issue_title(outcomes: Sequence[Outcome]) -> str:
    names = ", ".join(outcome.environment for outcome in outcomes if outcome.exit_code)
    return f"Drift: {names}"


def issue_body(outcomes: Sequence[Outcome]) -> str:
    """The issue in Markdown: what drifted where, who did it, and what to do; never longer than GitHub takes."""
    text = "\n".join(_issue(outcomes))
    return text if len(text) <= LARGEST_ISSUE else text[:LARGEST_ISSUE].rpartition("\n")[0] + "\n\n… cut here."


def _issue(outcomes: Sequence[Outcome]) -> Iterator[str]:
    for outcome in outcomes:
        yield f"## {_cell(outcome.environment)}"
        yield ""
        if isinstance(outcome, Unanswered):
            yield f"Could not be asked: {_cell(outcome.error.what)}"
        elif not outcome.drift:
            yield f"No drift in {outcome.resources} resources, looked at {outcome.checked_at}."
        else:
            yield f"{len(outcome.drift)} of {outcome.resources} resources, looked at {outcome.checked_at}."
            yield ""
            yield "| resource | what | who |"
            yield "|---|---|---|"
            for finding in outcome.drift[:ROWS]:
                what = "deleted" if finding.kind == "deleted" else "<br>".join(_cell(words(d)) for d in finding.drift)
                yield f"| {_code(finding.address)} | {what} | {_cell(author_words(outcome.author_of(finding)))} |"
            if len(outcome.drift) > ROWS:
                yield f"| and {len(outcome.drift) - ROWS} more | | |"
            yield ""
            yield f"To undo it: `opsctl up {outcome.environment}`. To keep it: write it into the Terraform code."
        yield ""


def _code(text: str) -> str:
    return f"`{text.replace('|', chr(92) + '|').replace('`', chr(39))}`"


def _cell(text: str) -> str:
    """Text that Markdown and HTML take literally, in one table cell; nobody is mentioned by it."""
    plain = " ".join(text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").split())
    for mark in "\\`*_[]|":
        plain = plain.replace(mark, f"\\{mark}")
    return plain.replace("@", "@\N{ZERO WIDTH SPACE}").replace("#", "#\N{ZERO WIDTH SPACE}")
