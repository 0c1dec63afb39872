"""What could not be read, said as findings: silence would look like "nothing is wrong"."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from opsctl.findings.finding import Finding, Rule, Severity
from opsctl.hcl.configuration import Problem

NOT_ANALYSED = Rule(
    "not-analysed",
    "Something that could not be read",
    Severity.LOW,
    "Rules see nothing of it, so a mistake in it is not found. A value that only an apply can say is of low severity; "
    "a whole file or module that is lost is of high severity.",
    "Mend what can't be read, give the variables (-var-file, tfvars) that it depends on, or lint a plan with --source.",
)


def holes(problems: Iterable[Problem]) -> Iterator[Finding]:
    """A finding for each problem of a configuration."""
    for problem in problems:
        yield Finding(
            NOT_ANALYSED.id, Severity.HIGH if problem.severe else NOT_ANALYSED.severity, problem.what,
            resource=problem.resource, place=problem.place, fix=NOT_ANALYSED.mend,
        )  # fmt: skip
