"""A report as GitHub workflow commands, which show on a pull request's lines.

GitHub, "Workflow commands for GitHub Actions": `::error file=…,line=…,title=…::message`; percent, CR and LF are escaped
in data, colon and comma in properties too. A step shows at most 10 of each level and drops the rest without a word, so
the worst come first and the rest are counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from opsctl.findings.finding import Finding, Report, Rule, Severity

LEVEL = {
    Severity.CRITICAL: "error", Severity.HIGH: "error", Severity.MEDIUM: "warning", Severity.LOW: "notice",
    Severity.INFO: "notice",
}  # fmt: skip
MOST_OF_A_LEVEL = 10
IN_DATA = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
IN_PROPERTIES = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A", ":": "%3A", ",": "%2C"})


def workflow_commands(report: Report, rules: Mapping[str, Rule]) -> Iterator[str]:
    """Lines for a step's log: a command for each finding that GitHub shows, and one line on those that it doesn't."""
    shown = dict.fromkeys(("error", "warning", "notice"), 0)
    for finding in sorted(report.findings, key=lambda each: (-each.severity, each.place)):
        level = LEVEL[finding.severity]
        shown[level] += 1
        if shown[level] <= MOST_OF_A_LEVEL:
            yield command(level, finding, rules.get(finding.rule))
    for level, count in shown.items():
        if count > MOST_OF_A_LEVEL:
            rest = count - MOST_OF_A_LEVEL
            yield f"{rest} more of level {level}: GitHub shows {MOST_OF_A_LEVEL} of a step. --format sarif has all."


def command(level: str, finding: Finding, rule: Rule | None) -> str:
    """One workflow command."""
    place = finding.place
    properties = {
        "file": place.file, "line": place.line, "endLine": place.end_line, "col": place.column,
        "title": f"{finding.rule}: {rule.title}" if rule else finding.rule,
    }  # fmt: skip
    said = ",".join(f"{name}={str(value).translate(IN_PROPERTIES)}" for name, value in properties.items() if value)
    lines = [
        f"{finding.message} ({finding.resource or finding.principal})" if finding.resource or finding.principal
        else finding.message,
        *finding.path,
    ]  # fmt: skip
    if finding.fix:
        lines.append(f"Mend it: {finding.fix}")
    return f"::{level} {said}::{chr(10).join(lines).translate(IN_DATA)}"
