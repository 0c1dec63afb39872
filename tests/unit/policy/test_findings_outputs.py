"""A report for GitHub, for CI systems and for people: valid, escaped, complete."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import fastjsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsctl.findings import NOWHERE, Finding, Place, Report, Rule, Severity
from opsctl.findings.annotations import workflow_commands
from opsctl.findings.junit import to_junit
from opsctl.findings.listing import by_file, marker
from opsctl.findings.sarif import to_sarif
from opsctl.findings.sources import Sources

SCHEMA = Path(__file__).parents[2] / "data" / "sarif" / "sarif-schema-2.1.0.json"
"""OASIS's own, 2.1.0 with errata 01."""

RULE = Rule(
    "s3/public", "A bucket is public", Severity.HIGH, "Anybody reads it.", "Close it.", ("https://example.com/a",),
    ("S2",),
)  # fmt: skip
RULES = {RULE.id: RULE}
OPEN = Finding(
    "s3/public", Severity.HIGH, "photos is open", resource="aws_s3_bucket.photos",
    place=Place("stack/a b.tf", 12, 3, 14), path=("anybody asks", "S3 answers"), fix="Close it: acl = private",
)  # fmt: skip
BARE = Finding("other/rule", Severity.INFO, "nobody knows where")


@pytest.fixture(scope="module")
def is_sarif() -> Any:
    return fastjsonschema.compile(json.loads(SCHEMA.read_text()))


def sarif(*findings: Finding, waived: tuple[Finding, ...] = (), root: str = "/repo", folder: str = "/repo/sub") -> Any:
    report = Report(findings, {"resources": 3}, waived)
    return to_sarif(report, RULES, tool="opsctl policy lint", root=Path(root), folder=Path(folder), where="stack")


def test_sarif_is_as_the_standard_says(is_sarif: Any) -> None:
    is_sarif(sarif(OPEN, BARE, waived=(OPEN,)))
    is_sarif(sarif())


def test_a_sarif_that_breaks_the_standard_is_noticed(is_sarif: Any) -> None:
    broken = sarif(OPEN)
    broken["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"]["startLine"] = 0

    with pytest.raises(fastjsonschema.JsonSchemaValueException):
        is_sarif(broken)


TEXT = st.text(max_size=20)
FINDINGS = st.builds(
    Finding, TEXT, st.sampled_from(Severity), TEXT, TEXT, st.lists(TEXT, max_size=2).map(tuple), TEXT,
    st.builds(Place, st.sampled_from(["", "a.tf", "../x/b c.tf", "/abs/d.tf", "stack/ü.tf"]), st.integers(0, 9),
              st.integers(0, 9), st.integers(0, 9)),
    TEXT,
)  # fmt: skip


@given(st.lists(FINDINGS, max_size=4))
@settings(max_examples=60, deadline=None)
def test_any_report_is_valid_sarif_junit_and_annotations(is_sarif: Any, findings: list[Finding]) -> None:
    is_sarif(json.loads(json.dumps(sarif(*findings))))
    cases = ElementTree.fromstring(to_junit(Report(tuple(findings)), RULES, tool="t", fail_on=Severity.LOW))
    assert len(cases.findall(".//failure")) == sum(each.severity >= Severity.LOW for each in findings)
    for line in workflow_commands(Report(tuple(findings)), RULES):
        assert "\n" not in line
        assert "\r" not in line


def test_sarif_addresses_are_relative_to_the_repository() -> None:
    run = sarif(OPEN, replace(OPEN, place=Place("../other/b.tf", 1)), replace(OPEN, place=Place("/else/c.tf")), BARE)[
        "runs"
    ][0]

    where = [result["locations"][0]["physicalLocation"]["artifactLocation"] for result in run["results"]]
    assert where == [
        {"uri": "sub/stack/a%20b.tf", "uriBaseId": "%SRCROOT%"},
        {"uri": "other/b.tf", "uriBaseId": "%SRCROOT%"},
        {"uri": "file:///else/c.tf"},
        {"uri": "sub/stack", "uriBaseId": "%SRCROOT%"},
    ]
    assert run["originalUriBaseIds"] == {"%SRCROOT%": {"uri": "file:///repo/"}}


def test_sarif_says_what_a_rule_is_about_and_how_to_mend_it() -> None:
    (rule,) = [each for each in sarif(OPEN)["runs"][0]["tool"]["driver"]["rules"] if each["id"] == RULE.id]

    assert rule["help"]["text"] == "Anybody reads it.\n\nClose it.\n\nhttps://example.com/a"
    assert rule["helpUri"] == "https://example.com/a"
    assert rule["properties"]["security-severity"] == "8.0"


def test_sarif_results_point_at_their_rule_and_tell_equal_ones_apart() -> None:
    run = sarif(OPEN, OPEN)["runs"][0]

    assert {run["tool"]["driver"]["rules"][each["ruleIndex"]]["id"] for each in run["results"]} == {RULE.id}
    prints = [each["partialFingerprints"]["opsctl/v1"] for each in run["results"]]
    assert len(set(prints)) == 2
    assert prints[0].removesuffix(":1") == prints[1].removesuffix(":2")


def test_what_is_waived_is_suppressed_in_sarif() -> None:
    results = sarif(OPEN, waived=(BARE,))["runs"][0]["results"]

    assert [bool(each.get("suppressions")) for each in results] == [False, True]


def test_an_annotation_is_on_its_line_and_escaped() -> None:
    finding = replace(
        OPEN, message="50 % of\nthem: a, b", path=(), fix="", resource="", place=Place("a,b:c%.tf", 7, 2, 9)
    )

    assert list(workflow_commands(Report((finding,)), RULES)) == [
        "::error file=a%2Cb%3Ac%25.tf,line=7,endLine=9,col=2,title=s3/public%3A A bucket is public"
        "::50 %25 of%0Athem: a, b"
    ]


def test_an_annotation_says_the_way_and_the_fix() -> None:
    (line,) = workflow_commands(Report((OPEN,)), RULES)

    assert line.endswith(
        "::photos is open (aws_s3_bucket.photos)%0Aanybody asks%0AS3 answers%0AMend it: Close it: acl = private"
    )


def test_github_shows_ten_of_a_level_so_the_rest_are_counted_and_the_worst_come_first() -> None:
    high = tuple(replace(OPEN, message=f"m{number}") for number in range(12))
    critical = replace(OPEN, severity=Severity.CRITICAL, message="worst")

    lines = list(workflow_commands(Report((*high, critical, BARE)), RULES))

    assert "::worst " in lines[0]
    assert sum(line.startswith("::error ") for line in lines) == 10
    assert sum(line.startswith("::notice ") for line in lines) == 1
    assert lines[-1].startswith("3 more of level error")


def test_junit_fails_where_the_command_does() -> None:
    low = replace(OPEN, severity=Severity.LOW, resource="aws_s3_bucket.site")
    suite = ElementTree.fromstring(
        to_junit(Report((OPEN, low), waived=(BARE,)), RULES | {"x/y": replace(RULE, id="x/y")}, tool="lint",
                 fail_on=Severity.HIGH)
    )  # fmt: skip

    names = {case.get("name"): [child.tag for child in case] for case in suite.iter("testcase")}
    assert names == {
        "s3/public aws_s3_bucket.photos stack/a b.tf:12": ["failure"],
        "s3/public aws_s3_bucket.site stack/a b.tf:12": ["system-out"],
        "other/rule": ["skipped"],
        "x/y: nothing found": [],
    }
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("4", "1", "1")


@pytest.mark.parametrize(("line", "column", "carets"), [
    ('  acl = "public"', 0, "  ^^^^^^^^^^^^^^"), ('  acl = "public"', 9, "        ^^^^^^^^"),
    ("acl = 1 # why", 1, "^^^^^^^"), ("x", 40, "^"), ("", 3, ""), ("   ", 0, "   ^"),
])  # fmt: skip
def test_the_marker_lies_under_what_is_meant(line: str, column: int, carets: str) -> None:
    assert marker(line, column) == carets


def test_a_long_line_is_cut_and_what_would_command_a_terminal_is_not_printed(tmp_path: Path) -> None:
    (tmp_path / "a.tf").write_text(f"x = \x1b[2J{'y' * 500}\n")

    ((shown,),) = by_file([replace(OPEN, place=Place("a.tf", 1))], Sources(tmp_path)).values()

    assert shown.source.startswith("x = \ufffd[2Jyyy")
    assert shown.source.endswith("y…")
    assert (len(shown.source), len(shown.marker)) == (160, 160)


def test_findings_are_listed_by_file_with_their_line(tmp_path: Path) -> None:
    (tmp_path / "a.tf").write_text("one\n\ttwo\n")
    second = replace(OPEN, place=Place("a.tf", 2))

    shown = by_file([BARE, second, replace(second, place=Place("a.tf", 9)), replace(second, place=Place("gone.tf", 1))],
                    Sources(tmp_path))  # fmt: skip

    assert list(shown) == ["a.tf", "gone.tf", ""]
    assert [(each.source, each.marker) for each in shown["a.tf"]] == [("  two", "  ^^^"), ("", "")]
    assert shown[""][0].finding.place == NOWHERE
