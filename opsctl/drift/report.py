"""What looking for drift came to, for one environment and for several: as JSON, in words, as an exit code."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from opsctl.drift.authors import Author
from opsctl.drift.findings import Difference, Finding
from opsctl.errors import OpsctlError
from opsctl.exit_codes import ExitCode


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
