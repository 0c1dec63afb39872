"""A finding stays the same one when lines move, and a baseline takes out as many as it knew."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from opsctl.errors import UsageError
from opsctl.findings import Finding, Place, Report, Severity
from opsctl.findings.baseline import baseline_text, read_baseline, write_baseline
from opsctl.findings.fingerprints import Moves, counted, fingerprint, numbered, without

OPEN = Finding(
    "s3/public", Severity.HIGH, "photos is open (stack/main.tf:12)", resource="aws_s3_bucket.photos",
    place=Place("stack/main.tf", 12),
)  # fmt: skip


@pytest.mark.parametrize("same", [
    replace(OPEN, place=Place("stack/main.tf", 99, 3)),
    replace(OPEN, place=Place("other/file.tf", 1)),
    replace(OPEN, message="photos is open (stack/main.tf:13)"),
    replace(OPEN, severity=Severity.LOW, fix="Close it."),
])  # fmt: skip
def test_a_finding_is_the_same_after_its_line_moved(same: Finding) -> None:
    assert fingerprint(same) == fingerprint(OPEN)


@pytest.mark.parametrize("other", [
    replace(OPEN, rule="s3/acl"), replace(OPEN, resource="aws_s3_bucket.site"), replace(OPEN, principal="role"),
    replace(OPEN, message="photos is readable"), replace(OPEN, identity="policy statement 2"),
    replace(OPEN, root="envs/prod"),
])  # fmt: skip
def test_another_rule_resource_principal_message_identity_or_root_module_is_another_finding(other: Finding) -> None:
    assert fingerprint(other) != fingerprint(OPEN)


def test_a_finding_is_followed_through_moves_of_moves_and_of_what_lies_around_it() -> None:
    now = replace(OPEN, resource="module.c.aws_s3_bucket.b[0]", message="module.c.aws_s3_bucket.b[0] is open")
    moved = {"module.c": "module.b", "module.b": "module.a", "aws_s3_bucket.b": "aws_s3_bucket.wrong"}

    assert [each.resource for each in Moves(moved).of(now)] == [
        f"module.{name}.aws_s3_bucket.b[0]" for name in ("c", "b", "a")
    ]
    assert [each.message for each in Moves(moved).of(now)][-1] == "module.a.aws_s3_bucket.b[0] is open"


def test_moves_in_a_circle_end() -> None:
    assert len(list(Moves({"a.b": "a.c", "a.c": "a.b"}).of(replace(OPEN, resource="a.b")))) == 3


def test_an_identity_takes_the_place_of_the_message() -> None:
    one = replace(OPEN, identity="statement Read")

    assert fingerprint(replace(one, message="quite other words")) == fingerprint(one)


def test_a_document_that_is_about_no_resource_is_known_by_its_file() -> None:
    one = Finding("escalation/x", Severity.HIGH, "escalates", place=Place("policies/a.json"))

    assert fingerprint(one) == fingerprint(replace(one, place=Place("/tmp/base/policies/a.json")))
    assert fingerprint(one) != fingerprint(replace(one, place=Place("policies/b.json")))


def test_a_baseline_takes_out_what_it_knew_and_a_second_equal_mistake_is_new(tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    write_baseline(file, Report((OPEN,)))
    moved = replace(OPEN, place=Place("stack/main.tf", 40))

    left = without(Report((moved, moved)), read_baseline(file))

    assert left.findings == (moved,)
    assert left.waived == (moved,)


def test_a_baseline_of_two_takes_out_two(tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    write_baseline(file, Report((OPEN, OPEN)))

    assert without(Report((OPEN, OPEN, OPEN)), read_baseline(file)).findings == (OPEN,)


def test_a_baseline_has_a_line_for_each_mistake_in_an_order_that_diffs_well() -> None:
    other = replace(OPEN, resource="aws_s3_bucket.site")

    assert baseline_text(Report((OPEN, other))) == baseline_text(Report((other, OPEN)))
    assert len(baseline_text(Report((OPEN, other, other))).splitlines()) == 4
    assert baseline_text(Report(())) == '{"version": 1, "findings": []}\n'


@pytest.mark.parametrize(("text", "what"), [
    ("[]", "This is no baseline."), ("{", "This is no baseline."), ('{"version": 1}', "This is no baseline."),
    ('{"version": 9, "findings": []}', "The baseline has version 9, not 1."),
    ('{"version": 1, "findings": [{"fingerprint": "a", "count": "many"}]}', "This is no baseline."),
])  # fmt: skip
def test_a_file_that_is_no_baseline_is_an_error(tmp_path: Path, text: str, what: str) -> None:
    file = tmp_path / "baseline.json"
    file.write_text(text)

    with pytest.raises(UsageError) as caught:
        read_baseline(file)

    assert caught.value.what == what
    assert "--write-baseline" in caught.value.next


def test_a_baseline_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="can't be read"):
        read_baseline(tmp_path / "nothing.json")


def test_equal_findings_of_a_run_have_fingerprints_of_their_own() -> None:
    prints = [print_ for _, print_ in numbered([OPEN, OPEN])]

    assert prints == [f"{fingerprint(OPEN)}:1", f"{fingerprint(OPEN)}:2"]
    assert counted([OPEN, OPEN])[fingerprint(OPEN)] == 2
