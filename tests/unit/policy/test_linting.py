"""What rules over a configuration say, and what becomes of those that crash."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from opsctl.errors import UsageError
from opsctl.findings import Finding, Place, Rule, Severity
from opsctl.hcl import Configuration, Problem, Resource
from opsctl.policy.linting import expanded, findings_of, lint, ordered
from opsctl.policy.loading import Broken, RuleFile, chosen, load_file
from opsctl.policy.rule import Stack

PLAIN = Rule("queues/plain", "A queue without letters", Severity.HIGH, "Letters are lost.", "Add one.", tags=("S7",))
OTHER = Rule("s3/other", "A bucket", Severity.LOW, "Why.", "Mend.")


def find_plain(stack: Stack) -> Iterator[Finding]:
    for queue in stack.of_type("aws_sqs_queue"):
        yield stack.finding(PLAIN, queue, f"{queue.name} keeps no dead letters", at="redrive_policy")


def queue(name: str, line: int = 1) -> Resource:
    return Resource(f"aws_sqs_queue.{name}", "managed", "aws_sqs_queue", name, {"name": name}, Place("main.tf", line))


def findings(files: list[RuleFile | Broken], *, problems: tuple[Problem, ...] = ()) -> list[Finding]:
    configuration = Configuration((queue("a"), queue("b", 9)), problems)
    return list(findings_of(configuration, files, frozenset({PLAIN.id, OTHER.id}), {}))


def test_a_rule_says_what_is_wrong_on_the_line_of_its_resource() -> None:
    found = findings([RuleFile(Path("plain.py"), (PLAIN,), find_plain)])

    assert [(each.rule, each.resource, each.place.line) for each in found] == [
        ("queues/plain", "aws_sqs_queue.a", 1), ("queues/plain", "aws_sqs_queue.b", 9),
    ]  # fmt: skip


def test_a_rule_that_crashes_is_a_finding_and_the_others_still_run() -> None:
    def crash(stack: Stack) -> Iterator[Finding]:
        yield from find_plain(stack)
        raise KeyError("redrive_policy")

    found = findings([RuleFile(Path("o.py"), (OTHER,), crash), RuleFile(Path("plain.py"), (PLAIN,), find_plain)])

    assert [each.rule for each in found] == [PLAIN.id, PLAIN.id, "policy/rule-failed", PLAIN.id, PLAIN.id]
    assert found[2].message == "s3/other crashed: KeyError: 'redrive_policy'"
    assert found[2].severity == Severity.HIGH


def test_a_rule_file_that_cannot_be_loaded_is_a_finding_and_the_others_still_run(tmp_path: Path) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text("import nothing_of_that_name\n")

    found = findings([load_file(broken), RuleFile(Path("plain.py"), (PLAIN,), find_plain)])

    assert found[0].rule == "policy/rule-failed"
    assert found[0].message == (
        "broken.py can't be loaded: ModuleNotFoundError: No module named 'nothing_of_that_name'"
    )
    assert len(found) == 3


@pytest.mark.parametrize(("text", "why"), [
    ("def find(stack): ...", "it has no RULE = Rule(…) and no RULES = (Rule(…), …)"),
    ("from opsctl.findings import Rule, Severity\nRULE = Rule('a/b', 't', Severity.LOW, 'w', 'm')",
     "it has no function find(stack)"),
    ("RULES = (1,)\ndef find(stack): ...", "it has no RULE = Rule(…) and no RULES = (Rule(…), …)"),
    ("def find(:", "SyntaxError: invalid syntax (rule.py, line 1)"),
])  # fmt: skip
def test_a_file_that_is_no_rule_says_what_it_lacks(tmp_path: Path, text: str, why: str) -> None:
    file = tmp_path / "rule.py"
    file.write_text(text)

    assert load_file(file) == Broken(file, why)


def test_what_could_not_be_read_is_a_finding_and_a_lost_file_a_grave_one() -> None:
    found = findings([], problems=(
        Problem("var.size has no default", Place("main.tf", 3), "aws_sqs_queue.a", "size"),
        Problem("broken.tf is no HCL", Place("broken.tf", 7), severe=True),
    ))  # fmt: skip

    assert [(each.rule, each.severity, str(each.place)) for each in found] == [
        ("not-analysed", Severity.LOW, "main.tf:3"), ("not-analysed", Severity.HIGH, "broken.tf:7"),
    ]  # fmt: skip


def test_findings_come_by_line_the_worst_first_and_none_twice() -> None:
    one = Finding("b/x", Severity.LOW, "m", place=Place("a.tf", 2))
    worse = Finding("c/x", Severity.HIGH, "m", place=Place("a.tf", 2))
    first = Finding("z/x", Severity.INFO, "m", place=Place("a.tf", 1))

    assert ordered([one, worse, first, one]) == (first, worse, one)


@pytest.mark.parametrize(("select", "skip", "ids"), [
    ((), (), {PLAIN.id, OTHER.id}), (("queues",), (), {PLAIN.id}), (("S7",), (), {PLAIN.id}),
    (("s3/*",), (), {OTHER.id}), ((), ("queues/plain",), {OTHER.id}), (("queues", "s3"), ("s3/other",), {PLAIN.id}),
])  # fmt: skip
def test_rules_are_chosen_by_id_area_pattern_and_tag(
    select: tuple[str, ...], skip: tuple[str, ...], ids: set[str]
) -> None:
    assert chosen((PLAIN, OTHER), select, skip) == ids


def test_a_mistyped_rule_is_an_error_that_names_the_likely_one() -> None:
    with pytest.raises(UsageError, match=r"No rule answers to queues/plan. Did you mean queues/plain\?"):
        chosen((PLAIN, OTHER), ("queues/plan",))


def test_a_file_stands_for_its_folder_and_nothing_is_read_twice(tmp_path: Path) -> None:
    (tmp_path / "main.tf").touch()
    (tmp_path / "plan.json").touch()

    paths = [tmp_path / "main.tf", tmp_path, tmp_path / "plan.json"]
    assert expanded(paths) == [tmp_path, tmp_path / "plan.json"]


@pytest.mark.parametrize(("name", "words"), [
    ("nowhere", "There is nothing to lint."),
    ("notes.txt", "This is neither Terraform nor a plan as JSON."),
])  # fmt: skip
def test_a_path_that_holds_nothing_to_lint_is_an_error(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / "notes.txt").write_text("hello")

    with pytest.raises(UsageError) as caught:
        expanded([tmp_path / name])

    assert caught.value.what == words


BUCKET = 'resource "aws_s3_bucket" "b" {\n  bucket = "%s-b"\n}\n'
GUARD = """
resource "aws_s3_bucket_public_access_block" "b" {
  bucket                  = aws_s3_bucket.b.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}
"""


def test_what_one_root_module_has_does_not_speak_for_another_with_the_same_addresses(tmp_path: Path) -> None:
    for name, more in (("dev", GUARD), ("prod", "")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "main.tf").write_text(BUCKET % name + more)

    (found,) = lint([tmp_path], select=["s3/public-access-block"]).report.findings

    assert found.place.file.endswith("prod/main.tf")
    assert found.root == "prod"
