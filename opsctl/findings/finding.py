"""A finding, where it lies, how bad it is, and the report that they make: the contract that others script against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum
from pathlib import Path
from typing import Any

from opsctl.exit_codes import ExitCode


class Severity(IntEnum):
    """How bad it is, ordered: `Severity.HIGH > Severity.LOW`."""

    INFO = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4

    @property
    def word(self) -> str:
        return self.name.lower()

    @classmethod
    def named(cls, word: str) -> Severity:
        """Raises KeyError for a word that is none of them."""
        return cls[word.upper()]


@dataclass(frozen=True, order=True)
class Place:
    """A line of a file.

    Attributes:
        file: as the user named it or relative to the folder they named, "/" between its parts; "" where there is none.
        line, column: from 1; 0 where only the file is known.
        end_line: the last line of the block or attribute; 0 where it isn't known.
    """

    file: str = ""
    line: int = 0
    column: int = 0
    end_line: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


NOWHERE = Place()


@dataclass(frozen=True)
class Rule:
    """What a check looks for, for people: docs, SARIF and `explain` are made from it.

    Attributes:
        id: stable, lower case, with its area before a slash ("escalation/pass-role-lambda", "s3/encrypted").
        title: one line, what is wrong when it finds something.
        severity: of its findings, unless one says otherwise.
        why: what can happen, in a sentence or three.
        mend: what to do about it.
        links: pages that say so (AWS documentation first).
        tags: seeds of ../shared/seeds.md ("S5"), "encryption", "cost", …
    """

    id: str
    title: str
    severity: Severity
    why: str
    mend: str
    links: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, or that could not be told.

    Attributes:
        rule: a `Rule.id`.
        message: one sentence, with names of what it is about.
        principal: who has the access, as ARN or Terraform address; "" where it is about no principal.
        path: the steps of an escalation, one sentence each.
        resource: the Terraform address (or ARN) that it is about.
        fix: the least change that mends it.
        identity: what makes it the same finding after lines moved; empty: rule, resource, principal and message do.
        root: the root module that it is of, relative to the folder that was named ("" : that folder); addresses of
            two roots are the same and mean different things.
    """

    rule: str
    severity: Severity
    message: str
    principal: str = ""
    path: tuple[str, ...] = ()
    resource: str = ""
    place: Place = NOWHERE
    fix: str = ""
    identity: str = ""
    root: str = field(default="", compare=False)

    def to_json(self) -> dict[str, Any]:
        """The shape that `iam check --json` and `policy lint --json` print; stable."""
        return {
            "rule": self.rule,
            "severity": self.severity.word,
            "message": self.message,
            "principal": self.principal,
            "path": list(self.path),
            "resource": self.resource,
            "file": self.place.file,
            "line": self.place.line,
            "fix": self.fix,
        }

    def read_at(self, path: Path, root: str) -> Finding:
        """With its root module. What a plan without its Terraform has no line for lies in the plan's file."""
        place = self.place if self.place.file or path.is_dir() else Place(path.as_posix())
        return replace(self, place=place, root=root)


@dataclass(frozen=True)
class Report:
    """All findings of one run.

    Attributes:
        analysed: what was read: counts and dates, for people and scripts ({"documents": 3, "statements": 12, …}).
        waived: findings that a waiver or a baseline takes out; they don't count.
    """

    findings: tuple[Finding, ...]
    analysed: Mapping[str, Any] = field(default_factory=dict)
    waived: tuple[Finding, ...] = ()

    def at_or_above(self, threshold: Severity) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.severity >= threshold)

    def exit_code(self, fail_on: Severity | None) -> ExitCode:
        """FINDINGS where one is at or above `fail_on` (None: never)."""
        return ExitCode.FINDINGS if fail_on is not None and self.at_or_above(fail_on) else ExitCode.DONE

    def to_json(self) -> dict[str, Any]:
        return {"findings": [finding.to_json() for finding in self.findings], "analysed": dict(self.analysed)}
