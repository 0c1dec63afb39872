"""`opsctl policy` as a pull request's workflow runs it: exit codes, documents, baselines, what a change brings."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from opsctl.cli import main as command_line
from opsctl.cli.context import console

OPEN = """\
resource "aws_sqs_queue" "letters" {
  name = "letters"
}

resource "aws_security_group_rule" "ssh" {
  type              = "ingress"
  security_group_id = "sg-1"
  from_port         = 22
  to_port           = 22
  protocol          = "tcp"
  cidr_blocks       = ["0.0.0.0/0"]
}
"""
SSH_LINE = 11
REGO = """\
package main

# METADATA
# title: Queues have long names
# description: Short ones are mistaken for each other.
deny[msg] {
  input.resource.aws_sqs_queue[name]
  count(name) < 20
  msg := sprintf("queue `%s` has a short name", [name])
}
"""


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def found(self) -> set[tuple[str, str, int]]:
        return {(each["rule"], each["file"], each["line"]) for each in self.json["findings"]}


Opsctl = Callable[..., Said]


@pytest.fixture
def opsctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Opsctl:
    """The command line, in a folder of its own with one of Terraform in it: stack/."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "stack").mkdir()
    (tmp_path / "stack" / "main.tf").write_text(OPEN)

    def run(*words: str) -> Said:
        console.cache_clear()
        monkeypatch.setattr(sys, "argv", ["opsctl", "policy", *words])
        with pytest.raises(SystemExit) as left:
            command_line.main()
        shown = capsys.readouterr()
        return Said(int(left.value.code or 0), shown.out, shown.err)

    return run


def git(*words: str) -> None:
    who = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *who, *words], check=True, capture_output=True)


@pytest.fixture
def ssh(opsctl: Opsctl) -> tuple[str, str, int]:
    """The finding that the folder is sure to have: a port open to everybody, by whatever rule says so."""
    (found,) = [each for each in opsctl("lint", "stack", "--json", "--select", "network*").found if each[2] == SSH_LINE]
    return found


def test_a_folder_with_a_grave_mistake_exits_3_and_prints_the_contract(opsctl: Opsctl) -> None:
    said = opsctl("lint", "stack", "--json")

    assert said.code == 3
    assert set(said.json) == {"findings", "analysed"}
    assert said.json["analysed"]["resources"] == 2
    for finding in said.json["findings"]:
        assert set(finding) == {
            "rule", "severity", "message", "principal", "path", "resource", "file", "line", "fix",
        }  # fmt: skip
    assert any(each["line"] == SSH_LINE and each["severity"] in ("high", "critical") for each in said.json["findings"])


@pytest.mark.parametrize(("words", "code"), [
    (("--fail-on", "never"), 0), (("--fail-on", "low"), 3), (("--skip", "network", "--fail-on", "critical"), 0),
    (("--select", "queues/dead-letter-queue"), 0), (("--select", "queues/dead-letter-queue", "--fail-on", "medium"), 3),
])  # fmt: skip
def test_the_threshold_decides_the_exit_code(opsctl: Opsctl, words: tuple[str, ...], code: int) -> None:
    assert opsctl("lint", "stack", *words).code == code


@pytest.mark.parametrize(("words", "sentence"), [
    (("nowhere",), "There is nothing to lint."),
    (("stack", "--fail-on", "hihg"), "--fail-on hihg is not known. Did you mean high?"),
    (("stack", "--format", "sarf"), "--format sarf is not known. Did you mean sarif?"),
    (("stack", "--select", "queues/dead-leter-queue"), "Did you mean queues/dead-letter-queue?"),
    (("stack", "--baseline", "none.json"), "The baseline can't be read: No such file or directory."),
    (("stack", "--waivers", "none.toml"), "The waivers can't be read: No such file or directory."),
    (("stack", "--source", "none"), "There is no such folder of sources."),
    (("stack", "--rules", "none"), "The folder of rules is not there."),
    (("stack", "--diff", "main"), "git can't show what was there before"),
])  # fmt: skip
def test_a_wrong_option_or_path_exits_2_and_says_what_to_do(
    opsctl: Opsctl, words: tuple[str, ...], sentence: str
) -> None:
    said = opsctl("lint", *words)

    assert (said.code, said.out) == (2, "")
    assert sentence in " ".join(said.err.split())
    assert "Traceback" not in said.err


def test_a_file_that_is_no_terraform_is_a_finding_and_the_others_are_linted(
    opsctl: Opsctl, ssh: tuple[str, str, int]
) -> None:
    Path("stack/broken.tf").write_text('resource "aws_sqs_queue" {\n  name = \n')

    said = opsctl("lint", "stack", "--json")

    assert said.code == 3
    assert ssh in said.found
    assert any(rule == "not-analysed" and file == "stack/broken.tf" for rule, file, _ in said.found)


def test_what_could_not_be_read_exits_7_where_that_is_asked_for(opsctl: Opsctl) -> None:
    Path("stack/main.tf").write_text('resource "aws_sns_topic" "a" {\n  name = no_such_function("x")\n}\n')
    words = ("lint", "stack", "--select", "not-analysed")

    assert (opsctl(*words).code, opsctl(*words, "--fail-on-not-analysed").code) == (0, 7)


def test_people_see_the_line_what_is_wrong_why_and_how_to_mend_it(opsctl: Opsctl, ssh: tuple[str, str, int]) -> None:
    out = opsctl("lint", "stack", "--select", ssh[0]).out

    assert out.startswith("stack/main.tf\n")
    assert f'{SSH_LINE:>5} │   cidr_blocks       = ["0.0.0.0/0"]\n      │   ^' in out
    assert "why:" in out
    assert "fix:" in out
    assert "1 finding (1 " in out


PLANNED = Path(__file__).parents[2] / "data/iam/terraform/bucket_policy"


def test_a_plan_finds_what_its_terraform_finds_on_the_same_lines(opsctl: Opsctl) -> None:
    folder = opsctl("lint", str(PLANNED), "--json", "--select", "s3")
    plan = opsctl("lint", str(PLANNED / "plan.json"), "--source", str(PLANNED), "--json", "--select", "s3")

    assert plan.found == folder.found
    assert {Path(file).name for _, file, _ in plan.found} == {"main.tf"}


def test_a_plan_without_its_terraform_is_named_itself(opsctl: Opsctl) -> None:
    plan = PLANNED / "plan.json"

    found = opsctl("lint", str(plan), "--json", "--select", "s3").found

    assert {(file, line) for _, file, line in found} == {(str(plan), 0)}


# --- baseline, waivers, --diff ---


def test_a_baseline_holds_after_lines_moved_and_a_new_mistake_is_told(
    opsctl: Opsctl, ssh: tuple[str, str, int]
) -> None:
    assert opsctl("lint", "stack", "--write-baseline", "known.json").code == 0
    Path("stack/main.tf").write_text(f"# moved\n\n\n{OPEN}")
    assert opsctl("lint", "stack", "--baseline", "known.json", "--json").json["findings"] == []

    Path("stack/more.tf").write_text(OPEN.replace('"ssh"', '"again"').replace('"letters"', '"more"'))
    said = opsctl("lint", "stack", "--baseline", "known.json", "--json")

    assert said.code == 3
    assert {file for _, file, _ in said.found} == {"stack/more.tf"}
    assert (ssh[0], "stack/more.tf", SSH_LINE) in said.found


def test_a_mistake_of_another_root_module_is_new_though_its_address_is_known(opsctl: Opsctl) -> None:
    for name, text in (("dev", OPEN), ("prod", "")):
        Path(f"roots/{name}").mkdir(parents=True)
        Path(f"roots/{name}/main.tf").write_text(text)
    opsctl("lint", "roots", "--write-baseline", "baseline.json")
    shutil.copytree("roots", "before")

    assert opsctl("lint", "roots", "--baseline", "baseline.json", "--json").found == set()
    Path("roots/dev/main.tf").rename("roots/prod/main.tf")

    for known in (("--baseline", "baseline.json"), ("--diff", "before")):
        said = opsctl("lint", "roots", *known, "--json", "--select", "network*")
        assert {file for _, file, _ in said.found} == {"roots/prod/main.tf"}


MODULE = """\
resource "aws_sqs_queue" "q" {
  name = "q"
}
"""
CALL = 'module "%s" {\n  source = "./mod"\n}\n'
MOVED = "moved {\n  from = module.a\n  to   = module.c\n}\n"


def test_what_moved_blocks_call_otherwise_is_no_new_mistake(opsctl: Opsctl) -> None:
    Path("root/mod").mkdir(parents=True)
    Path("root/mod/main.tf").write_text(MODULE)
    Path("root/main.tf").write_text(CALL % "a")
    opsctl("lint", "root", "--write-baseline", "baseline.json")
    shutil.copytree("root", "before")
    Path("root/main.tf").write_text(CALL % "c" + CALL % "new" + MOVED)

    for known in (("--baseline", "baseline.json"), ("--diff", "before")):
        said = opsctl("lint", "root", *known, "--json").json["findings"]
        assert {each["resource"] for each in said} == {"module.new.aws_sqs_queue.q"}


def test_a_comment_waives_its_block_until_its_day(opsctl: Opsctl, ssh: tuple[str, str, int]) -> None:
    block = 'resource "aws_security_group_rule"'
    waive = f"# opsctl:waive {ssh[0]} owner=net until={{}} reason=a jump host\n"
    Path("stack/main.tf").write_text(OPEN.replace(block, waive.format("9999-12-31") + block))
    assert opsctl("lint", "stack", "--select", ssh[0], "--json").json["findings"] == []

    Path("stack/main.tf").write_text(OPEN.replace(block, waive.format("2020-01-01") + block))
    said = opsctl("lint", "stack", "--json")

    assert (ssh[0], "stack/main.tf", SSH_LINE + 1) in said.found
    assert ("policy/expired-waiver", "stack/main.tf", 5) in said.found


def test_waivers_in_a_file_count_and_unused_ones_are_told(opsctl: Opsctl, ssh: tuple[str, str, int]) -> None:
    fields = 'owner = "net"\nreason = "a jump host"\nexpires = 9999-12-31\n'
    Path("policies.waivers.toml").write_text(
        f'[[waivers]]\nrule = "{ssh[0]}"\nresource = "aws_security_group_rule.*"\n{fields}'
        f'[[waivers]]\nrule = "{ssh[0]}"\nresource = "module.gone.*"\n{fields}'
    )

    said = opsctl("lint", "stack", "--select", ssh[0], "--json")

    assert said.found == {("policy/unused-waiver", "policies.waivers.toml", 7)}


@pytest.fixture
def repository(opsctl: Opsctl) -> None:
    git("init", "-q", "-b", "main")
    git("add", "-A")
    git("commit", "-q", "-m", "first")


@pytest.mark.parametrize("base", ["main", "HEAD", "before"])
def test_diff_tells_only_what_a_change_brings(
    opsctl: Opsctl, repository: None, ssh: tuple[str, str, int], base: str
) -> None:
    Path("before").mkdir()
    Path("before/main.tf").write_text(OPEN)
    assert opsctl("lint", "stack", "--diff", base, "--json").json["findings"] == []

    Path("stack/main.tf").write_text(f"\n\n{OPEN}\n" + OPEN.replace('"ssh"', '"again"').replace('"letters"', '"more"'))
    said = opsctl("lint", "stack", "--diff", base, "--json")

    assert said.code == 3
    assert {each["resource"].rpartition(".")[2] for each in said.json["findings"]} == {"again", "more"}


def test_everything_in_a_folder_that_is_new_is_new(opsctl: Opsctl, repository: None) -> None:
    Path("other").mkdir()
    Path("other/main.tf").write_text(OPEN)

    assert opsctl("lint", "other", "--diff", "HEAD", "--json").json == opsctl("lint", "other", "--json").json


def test_a_waiver_that_is_taken_away_brings_its_finding_back(opsctl: Opsctl, ssh: tuple[str, str, int]) -> None:
    block = 'resource "aws_security_group_rule"'
    waive = f"# opsctl:waive {ssh[0]} owner=net until=9999-12-31 reason=a jump host\n"
    Path("stack/main.tf").write_text(OPEN.replace(block, waive + block))
    git("init", "-q", "-b", "main")
    git("add", "-A")
    git("commit", "-q", "-m", "waived")
    Path("stack/main.tf").write_text(OPEN)

    assert opsctl("lint", "stack", "--diff", "HEAD", "--json").found == {ssh}


# --- documents ---


def test_documents_for_machines_are_written_to_files(opsctl: Opsctl, repository: None) -> None:
    for form in ("sarif", "junit", "json", "github", "text"):
        said = opsctl("lint", "stack", "--format", form, "--output", f"out/{form}")
        assert (said.code, said.out) == (3, "")

    sarif = json.loads(Path("out/sarif").read_text())["runs"][0]
    where = {each["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for each in sarif["results"]}
    assert where == {"stack/main.tf"}
    assert ElementTree.parse("out/junit").findall(".//failure")
    assert set(json.loads(Path("out/json").read_text())) == {"findings", "analysed"}
    assert f"::error file=stack/main.tf,line={SSH_LINE}," in Path("out/github").read_text()
    assert Path("out/text").read_text().startswith("stack/main.tf\n")


# --- users' own rules ---


def own_rules(
    failing: str = 'resource "aws_sqs_queue" "short" { # finds: rego/names/queues-have-long-names\n}\n',
) -> None:
    Path("own").mkdir()
    Path("own/names.rego").write_text(REGO)
    Path("own/names.passing.tf").write_text('resource "aws_sqs_queue" "a_very_long_name_for_a_queue" {\n}\n')
    Path("own/names.failing.tf").write_text(failing)


def test_rules_of_ones_own_run_from_the_option_and_from_opsctl_toml(opsctl: Opsctl) -> None:
    own_rules()
    expected = {("rego/names/queues-have-long-names", "stack/main.tf", 1)}
    assert opsctl("lint", "stack", "--rules", "own", "--select", "rego", "--json").found == expected

    Path("opsctl.toml").write_text('[policy]\nrules = ["own"]\n')
    assert opsctl("lint", "stack", "--select", "rego", "--json").found == expected


PYTHON = """\
from opsctl.findings import Rule, Severity

RULE = Rule("own/bucket", "A bucket", Severity.LOW, "Why.", "Mend.")


def find(stack):
    for bucket in stack.of_type("aws_s3_bucket"):
        yield stack.finding(RULE, bucket, f"there is {bucket.name}", at="bucket")
"""


def test_a_rule_in_python_finds_on_the_lines_of_a_folder_of_its_plan_and_of_each_root_module(opsctl: Opsctl) -> None:
    Path("own").mkdir()
    Path("own/bucket.py").write_text(PYTHON)
    own = ("--rules", "own", "--select", "own", "--json")

    (found,) = opsctl("lint", str(PLANNED), *own).found
    assert found[0] == "own/bucket"
    assert found[2] > 0
    assert opsctl("lint", str(PLANNED / "plan.json"), "--source", str(PLANNED), *own).found == {found}

    for name in ("dev", "prod"):
        Path(f"roots/{name}").mkdir(parents=True)
        Path(f"roots/{name}/main.tf").write_text('resource "aws_s3_bucket" "b" {}\n')
    assert {file for _, file, _ in opsctl("lint", "roots", *own).found} == {"roots/dev/main.tf", "roots/prod/main.tf"}


def test_a_rule_that_fails_is_told_whatever_is_selected(opsctl: Opsctl) -> None:
    own_rules()
    Path("own/names.rego").write_text(REGO.replace("count(name)", "cuont(name)"))

    said = opsctl("lint", "stack", "--rules", "own", "--select", "rego", "--json")

    assert said.code == 3
    assert said.found == {("policy/rule-failed", "own/names.rego", 6)}
    assert "Function not found: cuont" in said.json["findings"][0]["message"]


def test_a_field_of_opsctl_toml_that_is_not_known_is_an_error(opsctl: Opsctl) -> None:
    Path("opsctl.toml").write_text('[policy]\nrule = ["own"]\n')

    said = opsctl("lint", "stack")

    assert said.code == 2
    assert "[policy] has no field rule." in said.err


def test_fixtures_of_ones_own_rules_are_tested(opsctl: Opsctl) -> None:
    own_rules()

    assert opsctl("test", "--rules", "own").code == 0


@pytest.mark.parametrize(("failing", "problem"), [
    ('resource "aws_sqs_queue" "short" {\n}\n', "no line says `# finds: ID` with a rule of this file"),
    ('resource "aws_sqs_queue" "short" {\n  # finds: rego/names/queues-have-long-names\n}\n',
     "line 2: rego/names/queues-have-long-names finds nothing there"),
    ('resource "aws_sqs_queue" "a_very_long_name_for_a_queue" { # finds: rego/names/queues-have-long-names\n}\n',
     "line 1: rego/names/queues-have-long-names finds nothing there"),
    ("resource {", "A resource needs 2 labels, not 0."),
])  # fmt: skip
def test_a_fixture_that_is_not_as_it_says_fails_the_test(opsctl: Opsctl, failing: str, problem: str) -> None:
    own_rules(failing)

    said = opsctl("test", "--rules", "own")

    assert said.code == 1
    assert problem in said.out


def test_a_rule_without_fixtures_fails_the_test(opsctl: Opsctl) -> None:
    own_rules()
    Path("own/names.passing.tf").unlink()

    said = opsctl("test", "--rules", "own", "--json")

    assert said.code == 1
    assert [each["problems"] for each in said.json["fixtures"] if each["problems"]] == [["there is no passing fixture"]]


def test_a_rule_is_listed_and_explained_and_a_mistyped_one_guessed(opsctl: Opsctl) -> None:
    own_rules()
    listed = {each["id"] for each in opsctl("list", "--json", "--rules", "own").json["rules"]}

    assert {"queues/dead-letter-queue", "not-analysed", "rego/names/queues-have-long-names"} <= listed
    explained = opsctl("explain", "rego/names/queues-have-long-names", "--rules", "own").out
    assert "Short ones are mistaken for each other." in explained
    wrong = opsctl("explain", "queues/dead-leter-queue")
    assert wrong.code == 2
    assert "Did you mean queues/dead-letter-queue?" in wrong.err
