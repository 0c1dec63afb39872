"""What a waiver takes out, until when, and what is said about those that take out nothing."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsctl.errors import UsageError
from opsctl.findings import Finding, Place, Report, Severity
from opsctl.findings.sources import Sources
from opsctl.findings.waivers import Waiver, apply, comments, matches, parse_waivers

TODAY = date(2026, 11, 22)
SITE = Finding(
    "s3/versioning", Severity.MEDIUM, "no versions", resource='module.site["a"].aws_s3_bucket.this[0]',
    place=Place("main.tf", 3),
)  # fmt: skip
RULES = frozenset({"s3/versioning", "s3/encrypted"})


def waiver(**fields: str) -> str:
    fields = {"rule": "s3/versioning", "owner": "web", "reason": "rebuilt", "expires": "2026-12-31"} | fields
    lines = [f"{name} = {value}" if name == "expires" else f"{name} = '{value}'" for name, value in fields.items()]
    return "\n".join(["[[waivers]]", *(line for line in lines if not line.endswith("''"))])


def left(text: str, *findings: Finding, today: date = TODAY) -> list[tuple[str, str]]:
    report = apply(Report(findings), parse_waivers(text), today=today, ran=RULES, known=RULES | {"s3/not-selected"})
    return [(each.rule, each.message) for each in report.findings]


def test_a_waiver_takes_out_what_it_is_for() -> None:
    report = apply(Report((SITE,)), parse_waivers(waiver()), today=TODAY, ran=RULES)

    assert report.findings == ()
    assert report.waived == (SITE,)


@pytest.mark.parametrize("resource", [
    "*", 'module.site["a"].aws_s3_bucket.this[0]', "module.site*", "*.aws_s3_bucket.*", 'module.site["?"].*',
])  # fmt: skip
def test_a_waiver_for_some_resources_names_them_by_pattern(resource: str) -> None:
    assert left(waiver(resource=resource), SITE) == []


def test_brackets_in_a_waiver_are_those_of_an_address() -> None:
    assert not matches("module.site[abc].x", "module.sitea.x")
    assert matches("module.site[*].x", 'module.site["b"].x')


@pytest.mark.parametrize(("today", "counts"), [
    (date(2026, 12, 30), True), (date(2026, 12, 31), True), (date(2027, 1, 1), False),
])  # fmt: skip
def test_a_waiver_counts_until_the_end_of_its_last_day(today: date, counts: bool) -> None:
    expired = ("policy/expired-waiver", "the waiver of s3/versioning for * expired on 2026-12-31 (web: rebuilt)")

    assert left(waiver(), SITE, today=today) == ([] if counts else [(SITE.rule, SITE.message), expired])


@pytest.mark.parametrize(("fields", "problem"), [
    ({"expires": "2026-02-30"}, "2026-02-30 is no day (YYYY-MM-DD)"),
    ({"expires": "'soon'"}, "soon is no day (YYYY-MM-DD)"),
    ({"expires": "'2027-1-1'"}, "2027-1-1 is no day (YYYY-MM-DD)"),
    ({"expires": "20270101"}, "20270101 is no day (YYYY-MM-DD)"),
    ({"expires": "''"}, "it says no day on which it expires"),
    ({"owner": ""}, "it has no owner"),
    ({"reason": ""}, "it has no reason"),
    ({"ressource": "a.b"}, "ressource is no field of a waiver"),
])  # fmt: skip
def test_a_malformed_waiver_takes_out_nothing_and_is_reported(fields: dict[str, str], problem: str) -> None:
    (said, malformed) = left(waiver(**fields), SITE)

    assert said == (SITE.rule, SITE.message)
    assert malformed == ("policy/malformed-waiver", f"the waiver of s3/versioning for * counts for nothing: {problem}")


def test_a_day_that_does_not_exist_spoils_its_own_waiver_only() -> None:
    text = f"{waiver(expires='2026-02-30', resource='other')}\n{waiver()}"

    assert [rule for rule, _ in left(text, SITE)] == ["policy/malformed-waiver"]


def test_a_waiver_that_nothing_needs_is_reported_where_it_is_written() -> None:
    (unused,) = apply(Report(()), parse_waivers(f"\n\n{waiver()}", "w.toml"), today=TODAY, ran=RULES).findings

    assert (unused.rule, str(unused.place), unused.severity) == ("policy/unused-waiver", "w.toml:3", Severity.LOW)


@pytest.mark.parametrize(("rule", "unused"), [
    ("s3/encrypted", True),  # ran
    ("s3/encrpted", True),  # of an area that is ours: a typing error
    ("s3/not-selected", False),  # ours, but --select left it out
    ("escalation/pass-role", False),  # of another command, which reads the same file
])  # fmt: skip
def test_only_waivers_of_rules_that_ran_are_called_unused(rule: str, unused: bool) -> None:
    assert bool(left(waiver(rule=rule))) == unused


def test_waivers_stand_in_opsctl_toml_too() -> None:
    assert left(f'[project]\nname = "x"\n{waiver().replace("[[waivers]]", "[[policy.waivers]]")}', SITE) == []


@pytest.mark.parametrize("text", ["waivers = 1", "[waivers]", "waivers = [1]", "[[waivers]\n", "a" * 9])
def test_a_file_that_holds_no_waivers_is_an_error(text: str) -> None:
    with pytest.raises(UsageError):
        parse_waivers(text)


@pytest.mark.parametrize("header", ["[[waiver]]", "[[policy.waiver]]", "[[Waivers]]"])
def test_a_mistyped_table_of_waivers_is_an_error_that_says_what_is_meant(header: str) -> None:
    with pytest.raises(UsageError, match=r"Did you mean waivers\?"):
        parse_waivers(waiver().replace("[[waivers]]", header))


# --- comments ---


def written(tmp_path: Path, text: str) -> tuple[Waiver, ...]:
    (tmp_path / "main.tf").write_text(text)
    return tuple(comments(Sources(tmp_path), ["main.tf", "missing.tf"]))


def on(line: int) -> Finding:
    return Finding("s3/versioning", Severity.LOW, "m", resource="aws_s3_bucket.a", place=Place("main.tf", line))


def covered(waivers: tuple[Waiver, ...]) -> list[int]:
    report = apply(Report(tuple(map(on, range(1, 12)))), waivers, today=TODAY, ran=())
    return [finding.place.line for finding in report.waived]


WAIVE = "opsctl:waive s3/versioning owner=web until=2026-12-31 reason=rebuilt by every deploy"


def test_a_comment_above_a_block_is_for_the_whole_block(tmp_path: Path) -> None:
    block = 'resource "aws_s3_bucket" "a" {\n  bucket = "}"\n  x {\n  }\n}\n'
    text = f'# {WAIVE}\n# what it is\n{block}\nresource "b" "b" {{\n}}\n'

    (found,) = waivers = written(tmp_path, text)

    assert (found.owner, found.reason, found.expires) == ("web", "rebuilt by every deploy", date(2026, 12, 31))
    assert covered(waivers) == [3, 4, 5, 6, 7]


def test_a_block_does_not_end_at_a_bracket_inside_a_heredoc(tmp_path: Path) -> None:
    text = f'# {WAIVE}\nresource "a" "a" {{\n  x = f(<<-EOF\n    a) echo 1;;\n  }}\n  EOF\n  )\n  y = 1\n}}\nb = 1\n'

    assert covered(written(tmp_path, text)) == [2, 3, 4, 5, 6, 7, 8, 9]


def test_a_comment_above_a_heredoc_is_for_all_of_it(tmp_path: Path) -> None:
    assert covered(written(tmp_path, f"a {{\n  # {WAIVE}\n  x = <<EOF\n  one\nEOF\n  y = 1\n}}\n")) == [3, 4, 5]


def test_a_comment_on_a_line_is_for_that_line(tmp_path: Path) -> None:
    waivers = written(tmp_path, f'resource "aws_s3_bucket" "a" {{\n  bucket = "a" // {WAIVE}\n  b = 1\n}}\n')

    assert covered(waivers) == [2]


def test_a_comment_above_a_line_is_for_that_line(tmp_path: Path) -> None:
    waivers = written(tmp_path, f'resource "aws_s3_bucket" "a" {{\n  # {WAIVE}\n  bucket = "a"\n  b = 1\n}}\n')

    assert covered(waivers) == [3]


def test_a_comment_on_the_first_line_of_a_block_is_for_the_whole_block(tmp_path: Path) -> None:
    waivers = written(tmp_path, f'resource "aws_s3_bucket" "a" {{ # {WAIVE}\n  bucket = "a"\n}}\nb = 1\n')

    assert covered(waivers) == [1, 2, 3]


def test_a_comment_without_owner_or_day_takes_out_nothing(tmp_path: Path) -> None:
    waivers = written(tmp_path, "# opsctl:waive s3/versioning reason=later\nx = 1\n")

    assert covered(waivers) == []
    assert waivers[0].problem == "it has no owner; it says no day on which it expires"


def test_a_comment_may_quote_its_reason(tmp_path: Path) -> None:
    (found,) = written(
        tmp_path, '/* opsctl:waive s3/* reason="a=b, later" owner="web team" until=2027-01-01 */\nx = 1\n'
    )

    assert (found.rule, found.reason, found.owner, found.problem) == ("s3/*", "a=b, later", "web team", "")


@given(st.text(max_size=200))
def test_any_comment_is_a_waiver_or_a_malformed_one(text: str) -> None:
    sources = Sources(Path())
    sources._read["a.tf"] = tuple(f"# opsctl:waive {text}".split("\n"))

    for found in comments(sources, ["a.tf"]):
        assert found.problem or found.expires


@given(st.text(alphabet="ab[].*?\n", max_size=12), st.text(alphabet="ab[].\n", max_size=12))
def test_a_pattern_without_wildcards_is_only_itself(pattern: str, text: str) -> None:
    assert matches(text, text)
    if not {"*", "?"} & set(pattern):
        assert matches(pattern, text) == (pattern == text)
