"""A report as SARIF 2.1.0, which GitHub code scanning and most viewers read.

OASIS, Static Analysis Results Interchange Format 2.1.0 plus errata 01; what GitHub takes from it: "SARIF support for
code scanning" (security-severity, partialFingerprints, at least one location for each result).
"""

from __future__ import annotations

import os.path
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from opsctl import __version__
from opsctl.findings.finding import Finding, Report, Rule, Severity
from opsctl.findings.fingerprints import numbered

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
ROOT = "%SRCROOT%"
LEVEL = {
    Severity.CRITICAL: "error", Severity.HIGH: "error", Severity.MEDIUM: "warning", Severity.LOW: "note",
    Severity.INFO: "note",
}  # fmt: skip
SECURITY_SEVERITY = {
    Severity.CRITICAL: "9.5", Severity.HIGH: "8.0", Severity.MEDIUM: "5.5", Severity.LOW: "2.5", Severity.INFO: "0.0",
}  # fmt: skip
"""GitHub's bounds: above 9.0 critical, 7.0 to 8.9 high, 4.0 to 6.9 medium, 0.1 to 3.9 low."""


def to_sarif(
    report: Report, rules: Mapping[str, Rule], *, tool: str, root: Path, folder: Path, where: str = "."
) -> dict[str, Any]:
    """One run with every finding, those taken out by a waiver or a baseline as suppressed.

    Args:
        tool: the driver's name ("opsctl policy lint").
        root: absolute; addresses are relative to it (the repository's top).
        folder: absolute; what the files' names in the findings are relative to.
        where: the file for findings that have none.
    """
    aside = set(map(id, report.waived))
    results = list(numbered((*report.findings, *report.waived)))
    names = sorted({finding.rule for finding, _ in results} | set(rules))
    index = {name: number for number, name in enumerate(names)}
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": tool,
                        "semanticVersion": __version__,
                        "rules": [_rule(name, rules.get(name)) for name in names],
                    }
                },
                "columnKind": "unicodeCodePoints",
                "originalUriBaseIds": {ROOT: {"uri": f"{root.as_uri().rstrip('/')}/"}},
                "results": [
                    _result(finding, print_, index, _Paths(root, folder, where), id(finding) in aside)
                    for finding, print_ in results
                ],
                "properties": {"analysed": dict(report.analysed)},
            }
        ],
    }


class _Paths:
    def __init__(self, root: Path, folder: Path, where: str) -> None:
        self.root, self.folder, self.where = str(root), str(folder), where

    def location(self, file: str) -> dict[str, str]:
        """An address relative to the root where the file lies below it, else a whole one."""
        path = os.path.normpath(os.path.join(self.folder, file or self.where))  # noqa: PTH118 - no disk is asked
        relative = os.path.relpath(path, self.root)
        if relative.startswith(".."):
            return {"uri": Path(path).as_uri()}
        return {"uri": quote(relative.replace(os.sep, "/")), "uriBaseId": ROOT}


def _rule(name: str, rule: Rule | None) -> dict[str, Any]:
    if rule is None:
        return {"id": name}
    links = "".join(f"\n- [{link}]({link})" for link in rule.links)
    described: dict[str, Any] = {
        "id": rule.id,
        "name": "".join(word.capitalize() for word in rule.id.replace("/", "-").split("-")),
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.why or rule.title},
        "help": {
            "text": "\n\n".join(filter(None, (rule.why, rule.mend, "\n".join(rule.links)))) or rule.title,
            "markdown": f"{rule.why}\n\n**Mend it:** {rule.mend}\n{links}",
        },
        "defaultConfiguration": {"level": LEVEL[rule.severity]},
        "properties": {
            "tags": sorted({"security" if rule.severity >= Severity.MEDIUM else "maintainability", *rule.tags}),
            "security-severity": SECURITY_SEVERITY[rule.severity],
        },
    }
    return described | ({"helpUri": rule.links[0]} if rule.links else {})


def _result(finding: Finding, print_: str, index: Mapping[str, int], paths: _Paths, suppressed: bool) -> dict[str, Any]:
    place = finding.place
    region: dict[str, int] = {}
    if place.line:
        region["startLine"] = place.line
        if place.column:
            region["startColumn"] = place.column
        if place.end_line >= place.line:
            region["endLine"] = place.end_line
    physical: dict[str, Any] = {"artifactLocation": paths.location(place.file)}
    location: dict[str, Any] = {"physicalLocation": physical | ({"region": region} if region else {})}
    if about := finding.resource or finding.principal:
        location["logicalLocations"] = [{"fullyQualifiedName": about, "kind": "resource"}]
    result: dict[str, Any] = {
        "ruleId": finding.rule,
        "ruleIndex": index[finding.rule],
        "level": LEVEL[finding.severity],
        "message": {"text": "\n".join(_sentences(finding))},
        "locations": [location],
        "partialFingerprints": {"opsctl/v1": print_},
        "properties": {"severity": finding.severity.word},
    }
    if suppressed:
        result["suppressions"] = [{"kind": "external", "status": "accepted"}]
    return result


def _sentences(finding: Finding) -> Iterable[str]:
    yield finding.message or finding.rule
    for number, step in enumerate(finding.path, 1):
        yield f"{number}. {step}"
    if finding.fix:
        yield f"Mend it: {finding.fix}"
