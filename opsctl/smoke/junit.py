"""A run as JUnit XML, which CI systems show: one test case for each check."""

from __future__ import annotations

import json
import re
from xml.etree import ElementTree

from opsctl.smoke.check import Report, Result

NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""XML 1.0, section 2.2: every other character is not allowed, not even as a reference."""


def to_junit(report: Report) -> bytes:
    """The report as `testsuites` of one suite (the schema of Jenkins' xunit plugin, junit-10.xsd). Times in seconds."""
    counts = {"tests": str(len(report.results)), "failures": str(len(report.failed)), "errors": "0", "skipped": "0"}
    seconds = f"{report.seconds:.3f}"
    suites = ElementTree.Element("testsuites", {"name": "opsctl smoke", "time": seconds} | counts)
    where = _clean(report.environment)
    suite = ElementTree.SubElement(suites, "testsuite", {
        "name": f"smoke {where}", "hostname": where, "timestamp": report.started_at.strftime("%Y-%m-%dT%H:%M:%S"),
        "time": seconds,
    } | counts)  # fmt: skip
    for result in report.results:
        _add(suite, result, report.environment)
    ElementTree.indent(suites)
    text: bytes = ElementTree.tostring(suites, encoding="utf-8", xml_declaration=True)
    return text + b"\n"


def _add(suite: ElementTree.Element, result: Result, environment: str) -> None:
    case = ElementTree.SubElement(
        suite, "testcase", classname=_clean(f"smoke.{environment}"), name=_clean(result.name),
        time=f"{result.seconds:.3f}",
    )  # fmt: skip
    if not result.passed:
        failure = ElementTree.SubElement(case, "failure", type="CheckFailed", message=_clean(result.message))
        lines = [f"It proves: {result.proves}", result.message]
        failure.text = _clean("\n".join(lines + ([f"runbook: {result.runbook}"] if result.runbook else [])))
    evidence = json.dumps(dict(result.evidence), indent=2, ensure_ascii=False)
    ElementTree.SubElement(case, "system-out").text = _clean(f"{result.proves}\n{evidence}")


def _clean(text: str) -> str:
    return NOT_XML.sub("\ufffd", text)
