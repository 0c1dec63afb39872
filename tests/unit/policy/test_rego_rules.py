"""Users' Rego as text: which rules are in a file, in which words, and where what they say belongs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsctl.findings import Place, Severity
from opsctl.hcl import Configuration, Resource, Unknown
from opsctl.policy.rego import Placing, finding_of, joined, metadata, names_read, parse, rule_name
from opsctl.policy.rego_input import inputs
from opsctl.policy.worker import error_in, results

FILE = Path("rules/s3/public.rego")
SOURCE = """\
package main

import rego.v1

# METADATA
# title: Buckets are closed
# description: >-
#   Anybody can
#   read them.
# related_resources:
# - https://example.com/a
# - ref: https://example.com/b
# custom:
#   severity: CRITICAL
#   remediation: "Close it: really"
deny contains msg if {
    msg := "x"
}

deny_acl[msg] { msg := "deny[y]" }
warn = msg { msg := deny }
violation[{"msg": msg}] { msg := "x" }

deny_function(x) = y { y := x }
default deny_flag := false
denying := 1
helper[x] { x := deny_acl[_] }
"""


def test_each_head_of_a_rule_is_found_with_its_name_line_and_kind() -> None:
    module = parse(FILE, SOURCE, number=3, name="s3/public")

    assert [(each.name, each.path, each.place.line, each.rule.severity) for each in module.entries] == [
        ("deny", "main/deny__3_0", 16, Severity.CRITICAL),
        ("deny_acl", "main/deny_acl__3_1", 20, Severity.HIGH),
        ("warn", "main/warn__3_2", 21, Severity.MEDIUM),
        ("violation", "main/violation__3_3", 22, Severity.HIGH),
    ]
    assert [each.rule.id for each in module.entries] == [
        "rego/s3/public/buckets-are-closed", "rego/s3/public/acl", "rego/s3/public", "rego/s3/public",
    ]  # fmt: skip


def test_an_annotation_gives_a_rule_its_words() -> None:
    rule = parse(FILE, SOURCE, number=0, name="s3/public").entries[0].rule

    assert (rule.title, rule.why, rule.mend) == ("Buckets are closed", "Anybody can read them.", "Close it: really")
    assert rule.links == ("https://example.com/a", "https://example.com/b")


def test_only_heads_get_another_name_and_lines_stay_where_they_were() -> None:
    module = parse(FILE, SOURCE, number=0, name="p")

    assert len(module.text.splitlines()) == len(SOURCE.splitlines())
    assert 'deny_acl__0_1[msg] { msg := "deny[y]" }' in module.text
    assert "warn__0_2 = msg { msg := deny }" in module.text
    assert "helper[x] { x := deny_acl[_] }" in module.text
    assert "deny_function(x)" in module.text


def test_what_looks_like_a_rule_in_a_body_a_text_or_a_comment_is_none() -> None:
    text = (
        'package main\n  deny[x] {\n  warn[y]\n  z := `\ndeny[a] {`\n  x := "}" # }\n  violation[q]\n}\n# deny[x] {\n'
    )

    module = parse(FILE, text, number=0, name="p")

    assert [(each.name, each.place.line) for each in module.entries] == [("deny", 2)]
    assert module.text == text.replace("  deny[x] {", "  deny__0_0[x] {", 1)


def test_the_names_that_were_written_stay_usable() -> None:
    ((package, text),) = joined([parse(FILE, "package main\ndeny[x] { x := 1 }", number=0, name="p")])

    assert package == "main"
    assert "deny[x] { deny__0_0[x] }" in text


@pytest.mark.parametrize(("comment", "words"), [
    (" METADATA\n title: 'quoted'", {"title": "quoted"}),
    (" plain words", {}),
    (" METADATA\n description: |\n  one\n  two\n title: t", {"description": "one two", "title": "t"}),
    (" METADATA\n scope: rule\n custom:\n  severity: low\n  id: a/b",
     {"scope": "rule", "custom": {"severity": "low", "id": "a/b"}}),
])  # fmt: skip
def test_annotations_are_read_as_people_write_them(comment: str, words: dict[str, Any]) -> None:
    assert metadata(comment.split("\n")) == words


@given(st.text(max_size=300))
def test_any_text_is_a_module_with_or_without_rules(text: str) -> None:
    module = parse(FILE, text, number=0, name="x")

    assert module.text.count("\n") == text.count("\n")


def test_a_rule_is_named_after_its_file_below_the_folder() -> None:
    assert rule_name(Path("rules/S3/public_access.rego"), Path("rules")) == "s3/public-access"


# --- where what a rule says belongs ---


def resource(address: str, values: dict[str, Any], *, line: int = 1, module: str = "") -> Resource:
    kind, name = address.removeprefix(f"{module}.").split(".")
    return Resource(address, "managed", kind, name.partition("[")[0], values, Place("main.tf", line), module=module)


CONFIGURATION = Configuration((
    resource("aws_s3_bucket.photos", {"bucket": "p", "tags": {"a": "b"}, "rule": [{"x": 1}]}, line=3),
    resource("module.a.aws_s3_bucket.this[0]", {"bucket": "⟦var.name⟧-x"}, line=9, module="module.a"),
    resource("module.a.aws_s3_bucket.this[1]", {"n": Unknown("var.n")}, line=9, module="module.a"),
))  # fmt: skip
ENTRY = parse(FILE, 'package main\ndeny[x] { x := "" }', number=0, name="p").entries[0]


@pytest.mark.parametrize(("said", "message", "about", "severity"), [
    ("bucket `photos` is open", "bucket `photos` is open", "aws_s3_bucket.photos", Severity.HIGH),
    ("aws_s3_bucket.photos: open", "aws_s3_bucket.photos: open", "aws_s3_bucket.photos", Severity.HIGH),
    ({"msg": "m", "resource": "module.a.aws_s3_bucket.this[1]"}, "m", "module.a.aws_s3_bucket.this[1]", Severity.HIGH),
    ({"msg": "m", "details": {"address": "aws_s3_bucket.photos", "severity": "low"}}, "m", "aws_s3_bucket.photos",
     Severity.LOW),
    ({"msg": "m", "severity": "Critical", "resource": "gone.x"}, "m", "gone.x", Severity.CRITICAL),
    ("'this' is one of two", "'this' is one of two", "", Severity.HIGH),
    (True, "deny in p.rego", "", Severity.HIGH),
    (7, "7", "", Severity.HIGH),
])  # fmt: skip
def test_what_a_rule_says_lands_on_the_resource_that_it_names(
    said: Any, message: str, about: str, severity: Severity
) -> None:
    finding = finding_of(ENTRY, said, Placing(CONFIGURATION))

    assert (finding.message, finding.resource, finding.severity) == (message, about, severity)
    known = CONFIGURATION.at(about)
    assert finding.place.line == (known.place.line if known else 0)


# --- what rules read ---


def test_a_folder_is_given_in_the_shapes_that_conftest_has_had() -> None:
    new, old = inputs(CONFIGURATION)

    assert new["resource"]["aws_s3_bucket"]["photos"] == [{"bucket": "p", "tags": {"a": "b"}, "rule": [{"x": 1}]}]
    assert old["resource"]["aws_s3_bucket"]["photos"] == {"bucket": "p", "tags": {"a": "b"}, "rule": {"x": 1}}
    assert list(new["resource"]["aws_s3_bucket"]) == ["photos", "module.a.this[0]", "module.a.this[1]"]


def test_what_is_not_known_is_given_as_its_expression() -> None:
    new, _ = inputs(CONFIGURATION)

    assert new["resource"]["aws_s3_bucket"]["module.a.this[0]"] == [{"bucket": "${var.name}-x"}]
    assert new["resource"]["aws_s3_bucket"]["module.a.this[1]"] == [{"n": "${var.n}"}]


def test_rules_written_for_plans_read_a_folder_as_a_plan_that_creates_everything() -> None:
    new, _ = inputs(CONFIGURATION)

    first, second, _ = new["resource_changes"]
    assert (first["address"], first["change"]["actions"], first["change"]["after"]["bucket"]) == (
        "aws_s3_bucket.photos", ["create"], "p",
    )  # fmt: skip
    assert (second["change"]["after"], second["change"]["after_unknown"]) == ({}, {"bucket": True})
    assert new["planned_values"]["root_module"]["child_modules"][0]["address"] == "module.a"


@pytest.mark.parametrize(("text", "names"), [
    ("deny[x] { input.resource_changes[_]; input.planned_values.y }", {"resource_changes", "planned_values"}),
    ("deny[x] { walk(input, [p, x]) }", None), ("import input as plan", None), ('deny[x] { input["a"] }', None),
    ("# input\ndeny[x] { x := `input` }", set()),
])  # fmt: skip
def test_only_what_rules_ask_for_is_given(text: str, names: set[str] | None) -> None:
    module = parse(FILE, f"package main\n{text}", number=0, name="p")

    assert names_read([module]) == names
    given = inputs(CONFIGURATION, names_read([module]))
    assert (len(given), set(given[0])) == (
        (2, {"resource", "data", "variable", "format_version", "resource_changes", "planned_values"})
        if names is None else (1, names)
    )  # fmt: skip


def test_a_rule_that_asks_whether_there_is_a_plan_gets_the_same_answer_in_both_shapes() -> None:
    for shape in inputs(CONFIGURATION, frozenset({"resource", "resource_changes"})):
        assert set(shape) == {"resource", "resource_changes"}


# --- what Rego answers ---


@pytest.mark.parametrize(("text", "said"), [
    ('{"expressions":[["a", {"msg":"b"}]]}', ["a", {"msg": "b"}]),
    ('{"expressions":[{"a":true, "{\\"msg\\":\\"b\\"}":true}]}', ["a", {"msg": "b"}]),
    ('{"expressions":[{"{not json":true}]}', ["{not json"]),
    ('{"expressions":["one"]}', ["one"]), ('{"expressions":[true]}', [True]),
    ('{"expressions":[false]}', []), ("undefined", []), ('{"expressions":[{}]}', []),
])  # fmt: skip
def test_answers_of_both_versions_of_rego_are_read(text: str, said: list[Any]) -> None:
    assert results(text) == said


def test_an_error_of_rego_is_a_sentence() -> None:
    assert error_in("(error\n  (errormsg 32:Function not found: nothing.here)\n  (errorast))\n") == (
        "Function not found: nothing.here"
    )
    assert error_in("<error>") == "Rego gave no reason (too much to compute, or too deep)"
