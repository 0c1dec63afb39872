"""A report as JUnit XML: a test case for each finding, and one for each rule that found nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from opsctl.findings.finding import Finding, Report, Rule, Severity
from opsctl.junit import Case, Failure, to_xml


def to_junit(report: Report, rules: Mapping[str, Rule], *, tool: str, fail_on: Severity | None) -> bytes:
    """Findings at or above `fail_on` are failures; others pass with what they say; waived ones are skipped."""
    return to_xml(list(_cases(report, rules, fail_on)), title=tool, suite=tool)


def _cases(report: Report, rules: Mapping[str, Rule], fail_on: Severity | None) -> Iterator[Case]:
    found = {finding.rule for finding in (*report.findings, *report.waived)}
    for finding in report.findings:
        text = _text(finding, rules.get(finding.rule))
        if fail_on is not None and finding.severity >= fail_on:
            failure = Failure(finding.severity.word, finding.message, text)
            yield Case(finding.place.file or finding.rule, _name(finding), failure=failure)
        else:
            yield Case(finding.place.file or finding.rule, _name(finding), output=f"{finding.severity.word}: {text}")
    for finding in report.waived:
        yield Case(finding.place.file or finding.rule, _name(finding), skipped=f"waived: {finding.message}")
    for rule in rules.values():
        if rule.id not in found:
            yield Case("rules", f"{rule.id}: nothing found")


def _name(finding: Finding) -> str:
    return " ".join(filter(None, (finding.rule, finding.resource or finding.principal, str(finding.place))))


def _text(finding: Finding, rule: Rule | None) -> str:
    lines = [str(finding.place), finding.message, *finding.path]
    if rule:
        lines.append(f"Why: {rule.why}")
    if finding.fix:
        lines.append(f"Mend it: {finding.fix}")
    return "\n".join(filter(None, lines))
