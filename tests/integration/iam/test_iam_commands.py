"""opsctl iam as a user and a script meet it: the contract of its JSON, its exit codes, and bad input."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

OPSCTL = Path(sys.executable).with_name("opsctl")
FIELDS = {"rule", "severity", "message", "principal", "path", "resource", "file", "line", "fix"}
ADMIN = {
    "Effect": "Allow",
    "Action": ["iam:PassRole", "lambda:CreateFunction", "lambda:InvokeFunction"],
    "Resource": "*",
}
HARMLESS = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "arn:aws:sqs:eu-central-1:111122223333:letters"}
TERRAFORM = """
variable "table" {
  type = string
}

resource "aws_iam_role" "worker" {
  name               = "worker"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = { Service = "lambda.amazonaws.com" }, Action = "sts:AssumeRole" }]
  })
}

resource "aws_sqs_queue" "letters" {
  name = "letters"
}

resource "aws_iam_role_policy" "work" {
  name = "work"
  role = aws_iam_role.worker.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Sid = "Send", Effect = "Allow", Action = ["sqs:SendMessage"], Resource = [aws_sqs_queue.letters.arn] },
      EXTRA
    ]
  })
}
"""
SECOND = '{ Sid = "Grow", Effect = "Allow", Action = ["iam:PutRolePolicy"], Resource = ["*"] },'


def opsctl(folder: Path, *words: str, status: int) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "OPSCTL_"))}
    done = subprocess.run(
        [OPSCTL, *words], cwd=folder, env=kept | {"NO_COLOR": "1", "COLUMNS": "120"}, capture_output=True, text=True,
        stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    assert done.returncode == status, f"{words}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stdout + done.stderr
    return done


def check(folder: Path, *words: str, status: int) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(opsctl(folder, "iam", "check", *words, "--json", status=status).stdout)
    assert found.keys() == {"findings", "analysed"}
    for each in found["findings"]:
        assert each.keys() == FIELDS
    return found


def write(file: Path, *statements: dict[str, Any]) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"Version": "2012-10-17", "Statement": list(statements)}, indent=2))
    return file


def stack(folder: Path, extra: str = "") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "main.tf").write_text(TERRAFORM.replace("EXTRA", extra))
    return folder


def test_a_document_that_escalates_exits_3_with_its_path_and_a_harmless_one_exits_0(tmp_path: Path) -> None:
    found = check(tmp_path, str(write(tmp_path / "admin.json", ADMIN)), status=3)
    [escalation] = [each for each in found["findings"] if each["rule"].startswith("escalation/")][:1]
    assert escalation["path"]
    assert escalation["fix"]
    assert escalation["file"].endswith("admin.json")
    assert found["analysed"]["iam_data"] >= "2026-10-27"
    check(tmp_path, str(write(tmp_path / "harmless.json", HARMLESS)), status=0)
    check(tmp_path, "admin.json", "--fail-on", "never", status=0)


def test_a_folder_of_documents_gives_each_findings_own_file(tmp_path: Path) -> None:
    write(tmp_path / "policies" / "a.json", ADMIN)
    write(tmp_path / "policies" / "deep" / "b.json", ADMIN)
    write(tmp_path / "policies" / "c.json", HARMLESS)
    found = check(tmp_path, "policies", status=3)
    files = {each["file"] for each in found["findings"] if each["rule"].startswith("escalation/")}
    assert files == {"policies/a.json", "policies/deep/b.json"}


def test_terraform_is_read_with_what_only_an_apply_knows_and_findings_lie_on_its_lines(tmp_path: Path) -> None:
    check(tmp_path, str(stack(tmp_path / "good").relative_to(tmp_path)), status=0)
    bad = stack(tmp_path / "bad", SECOND)
    found = check(tmp_path, "bad", status=3)
    [line] = [number for number, text in enumerate((bad / "main.tf").read_text().splitlines(), 1) if "Grow" in text]
    escalation = next(each for each in found["findings"] if each["rule"].startswith("escalation/"))
    assert (escalation["file"], escalation["line"]) == ("bad/main.tf", line)
    assert "worker" in escalation["principal"]


def test_root_modules_of_one_folder_have_nothing_to_do_with_each_other(tmp_path: Path) -> None:
    stack(tmp_path / "live" / "dev", SECOND)
    prod = stack(tmp_path / "live" / "prod")
    (prod / "main.tf").write_text((prod / "main.tf").read_text().replace('"worker"\n', '"prod-worker"\n'))
    found = check(tmp_path, "live", status=3)
    assert {each["file"] for each in found["findings"]} == {"live/dev/main.tf"}
    assert not any("prod-worker" in each["principal"] for each in found["findings"])
    assert "several root modules" in opsctl(
        tmp_path, "iam", "explain", "worker", "sqs:SendMessage", "*", "--in", "live", status=2
    ).stderr  # fmt: skip


def test_what_can_not_be_read_is_a_finding_that_ci_can_fail_on(tmp_path: Path) -> None:
    folder = stack(tmp_path / "holes")
    (folder / "hole.tf").write_text(
        'data "external" "policy" {\n  program = ["make-policy"]\n}\n\n'
        'resource "aws_iam_role_policy" "hole" {\n  name   = "hole"\n  role   = aws_iam_role.worker.id\n'
        "  policy = data.external.policy.result.document\n}\n"
    )
    found = check(tmp_path, "holes", "--fail-on-not-analysed", status=7)
    holes = [each for each in found["findings"] if each["rule"] == "not-analysed"]
    assert [(each["file"], each["line"], each["resource"]) for each in holes] == [
        ("holes/hole.tf", 8, "aws_iam_role_policy.hole")
    ]
    check(tmp_path, "holes", status=0)


BAD = {
    "nothing.json": None,
    "cut.json": '{"Version": "2012-10-17", "Statement": [',
    "no-policy.json": '{"hello": "world"}',
    "binary.json": "\x00\x01\x02",
    "later-plan.json": '{"format_version": "9.0", "terraform_version": "9.9.9", "planned_values": {}}',
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_exits_2_and_says_where(tmp_path: Path, name: str) -> None:
    if (text := BAD[name]) is not None:
        (tmp_path / name).write_text(text)
    done = opsctl(tmp_path, "iam", "check", name, status=2)
    assert name in done.stderr
    assert done.stdout == ""


def test_malformed_hcl_is_named_and_the_other_files_are_still_checked(tmp_path: Path) -> None:
    folder = stack(tmp_path / "bad", SECOND)
    (folder / "broken.tf").write_text('resource "aws_sqs_queue" "x" {\n  name = \n')
    found = check(tmp_path, "bad", status=3)
    rules = {each["rule"].partition("/")[0]: each for each in found["findings"]}
    assert rules["not-analysed"]["file"] == "bad/broken.tf"
    assert "escalation" in rules


def test_what_a_change_newly_grants_is_told_with_a_request_that_proves_it(tmp_path: Path) -> None:
    stack(tmp_path / "before")
    stack(tmp_path / "after", SECOND)
    told = json.loads(opsctl(tmp_path, "iam", "diff", "before", "after", "--json", status=3).stdout)
    example = told["new_access"][0]["counterexample"]
    assert (example["action"], example["before"], example["after"]) == ("iam:PutRolePolicy", "no", "yes")
    assert "No new access" in opsctl(tmp_path, "iam", "diff", "after", "before", status=0).stdout


def test_a_git_ref_is_compared_with_the_folder_as_it_is_now(tmp_path: Path) -> None:
    stack(tmp_path / "live")
    for words in (["init", "-q"], ["add", "-A"], ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "x"]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True, capture_output=True)
    stack(tmp_path / "live", SECOND)
    done = opsctl(tmp_path, "iam", "diff", "HEAD", "live", "--in", "live", status=3)
    assert "iam:PutRolePolicy" in done.stdout
    assert "nowhere" in opsctl(tmp_path, "iam", "diff", "nowhere", "live", "--in", "live", status=2).stderr


def test_a_request_is_explained_by_the_statements_that_decide(tmp_path: Path) -> None:
    stack(tmp_path / "live")
    arn = "arn:aws:sqs:eu-central-1:111122223333:letters"
    allowed = json.loads(
        opsctl(tmp_path, "iam", "explain", "worker", "sqs:SendMessage", arn, "--in", "live", "--json", status=0).stdout
    )
    assert allowed["allowed"] == "yes"
    assert [each["statement"] for each in allowed["allowed_by"]] == ["Send"]
    refused = opsctl(tmp_path, "iam", "explain", "worker", "sqs:DeleteQueue", arn, "--in", "live", status=0)
    assert "not allowed" in refused.stdout
    mistyped = opsctl(tmp_path, "iam", "explain", "werker", "sqs:SendMessage", arn, "--in", "live", status=2)
    assert "worker" in mistyped.stderr


def test_the_smallest_policy_of_python_alone_names_what_it_calls(tmp_path: Path) -> None:
    (tmp_path / "handler.py").write_text(
        'import boto3\n\ns3 = boto3.client("s3")\n\n\ndef handler(event, context):\n'
        '    s3.put_object(Bucket="photos", Key="a", Body=b"")\n'
    )
    [told] = json.loads(opsctl(tmp_path, "iam", "suggest", "handler.py", "--json", status=0).stdout)["suggestions"]
    [statement] = told["policy"]["Statement"]
    assert (statement["Action"], statement["Resource"]) == (["s3:PutObject"], ["arn:aws:s3:::photos/a"])


def test_checking_needs_no_sdk(tmp_path: Path) -> None:
    """An import of botocore costs more than all the checks."""
    write(tmp_path / "a.json", ADMIN)
    program = (
        "import sys; from opsctl.iam.checking import check; from pathlib import Path; check([Path('a.json')]);"
        "print(sorted({name.partition('.')[0] for name in sys.modules} & {'boto3', 'botocore', 'regopy'}))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
