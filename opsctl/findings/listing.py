"""Findings as people read them: by file, each with its line of source. Data only; opsctl/ui prints."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from opsctl.findings.finding import Finding
from opsctl.findings.sources import Sources

LONGEST = 160
"""Characters of a source line that are shown."""


@dataclass(frozen=True)
class Shown:
    """A finding with its line.

    Attributes:
        source: the line's text, printable and not too long; "" where the file or line isn't known.
        marker: what to print under it: blanks and carets.
    """

    finding: Finding
    source: str = ""
    marker: str = ""


def by_file(findings: Iterable[Finding], sources: Sources) -> dict[str, list[Shown]]:
    """File → its findings, by line; those without a file come last, under ""."""
    shown: dict[str, list[Shown]] = {}
    for finding in sorted(findings, key=lambda each: (not each.place.file, each.place, -each.severity)):
        line = printable(sources.line(finding.place.file, finding.place.line).rstrip())
        carets = marker(line, finding.place.column)[:LONGEST]
        if len(line) > LONGEST:
            line = f"{line[: LONGEST - 1]}…"
        shown.setdefault(finding.place.file, []).append(Shown(finding, line, carets))
    return shown


def printable(text: str) -> str:
    """Text that moves no cursor and changes no colour: what somebody else wrote may hold a terminal's commands."""
    return "".join(
        each if each.isprintable() else "  " if each == "\t" else "\n" if each == "\n" else "\ufffd" for each in text
    )


def marker(line: str, column: int) -> str:
    """Carets under what a finding is about: from its column (or the line's first word) to the end of its code.

    A wide or combined character counts as one, so the carets may be off in a line that has some before them.
    """
    code = line.partition(" #")[0].rstrip() or line
    start = column - 1 if 0 < column <= len(code) else len(code) - len(code.lstrip())
    return " " * start + "^" * max(1, len(code) - start) if code else ""
