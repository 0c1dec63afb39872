"""A run as JUnit XML, which CI systems show: one test case for each check."""

from __future__ import annotations

import json

from opsctl.junit import Case, Failure, to_xml
from opsctl.smoke.check import Report, Result


def to_junit(report: Report) -> bytes:
    """The report as a suite of its checks. Times in seconds."""
    return to_xml(
        [_case(result, report.environment) for result in report.results],
        title="opsctl smoke",
        suite=f"smoke {report.environment}",
        seconds=report.seconds,
        attributes={"hostname": report.environment, "timestamp": report.started_at.strftime("%Y-%m-%dT%H:%M:%S")},
    )


def _case(result: Result, environment: str) -> Case:
    failure = None
    if not result.passed:
        lines = [f"It proves: {result.proves}", result.message]
        text = "\n".join(lines + ([f"runbook: {result.runbook}"] if result.runbook else []))
        failure = Failure("CheckFailed", result.message, text)
    evidence = json.dumps(dict(result.evidence), indent=2, ensure_ascii=False)
    return Case(f"smoke.{environment}", result.name, result.seconds, failure, output=f"{result.proves}\n{evidence}")
