"""What users of other tools complain about, each with the test that it can't happen here.

Two more are answered elsewhere: secrets in plans and comments (atlantis#163, terraform#34297) in
test_secrets_stay_secret.py, locks in depth in test_locks.py.
"""

from __future__ import annotations

import re
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.project import TERRAFORM_BLOCK, Project, make_project, wait_for

STACK = (
    TERRAFORM_BLOCK
    + """variable "flavour" {
  type = string
}
resource "terraform_data" "first" {
}
resource "terraform_data" "second" {
  triggers_replace = var.flavour
  provisioner "local-exec" {
    command = {
      plain = "true"
      slow  = "sleep 60"
      none  = "echo there is no such flavour; exit 3"
    }[var.flavour]
  }
  depends_on = [terraform_data.first]
}
"""
)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A stack without a provider, so that a command takes a second or two. The tests go on from one another."""
    root = tmp_path_factory.mktemp("shop")
    shutil.copytree(Path(__file__).parent / "small", root / "terraform")
    (root / "terraform/stack/main.tf").write_text(STACK)
    project = make_project(root, root / "terraform")
    yield project
    project.opsctl("local", "stop", status=None)


def flavour(project: Project, name: str) -> None:
    (project.root / "terraform/environments/local.tfvars").write_text(f'flavour = "{name}"\n')


def test_nothing_is_approved_silently(shop: Project) -> None:
    """terragrunt#486, #1708: `run-all apply` adds -auto-approve by itself."""
    flavour(shop, "plain")
    for settings in (
        {"TF_CLI_ARGS_apply": "-auto-approve", "TF_CLI_ARGS": "-auto-approve"},
        {"CI": "true", "TF_IN_AUTOMATION": "1", "TF_INPUT": "0"},
    ):
        refused = shop.opsctl("up", "local", "--no-smoke", status=5, **settings)
        assert "with --yes" in refused.stderr
    assert shop.json("status", "local")["resources"] == 0
    assert not list((shop.root / ".opsctl/environments/local/logs").glob("*-apply.log"))


def test_what_failed_is_named_with_its_place_and_the_exit_code_says_so(shop: Project) -> None:
    """terragrunt#2170, #5379: "exit status 1" without a unit or a line, and exit code 0 after errors."""
    flavour(shop, "none")
    failed = shop.opsctl("up", "local", "--yes", "--no-smoke", status=1)
    line = next(n for n, text in enumerate(STACK.splitlines(), 1) if "local-exec" in text)
    assert "terraform_data.second" in failed.stderr
    assert f"stack/main.tf:{line}" in failed.stderr
    assert "there is no such flavour" in failed.stderr


def test_a_failed_up_keeps_all_that_tells_why(shop: Project) -> None:
    """copilot-cli#2811: the rollback deletes the log group that says why the deploy failed."""
    status = shop.json("status", "local")
    assert status["resources"] == 2  # what was made stays, the failed one marked as tainted
    work = shop.root / ".opsctl/environments/local"
    log = max((work / "logs").glob("*-apply.log"))
    assert "there is no such flavour" in log.read_text()
    assert list((work / "plans").glob("*-up.tfplan"))
    history = shop.opsctl("history", "local")
    assert re.search(r"up\s+failed", history.stdout)
    assert "local-exec provisioner error" in history.stdout


def test_a_plan_says_by_its_exit_code_whether_something_changes(shop: Project) -> None:
    """terragrunt#5586: `plan -detailed-exitcode` exits 0 even when there are changes."""
    flavour(shop, "plain")
    shop.opsctl("plan", "local", "--detailed-exitcode", status=2)
    shop.opsctl("up", "local", "--yes", "--no-smoke")
    shop.opsctl("plan", "local", "--detailed-exitcode", status=0)


def test_no_changes_is_a_success(shop: Project) -> None:
    """aws-sam-cli#8017: "No changes to deploy" ends with exit code 1 and breaks scripts."""
    assert "no changes" in shop.opsctl("up", "local", "--yes", "--no-smoke").stdout


def test_a_plan_without_changes_is_said_in_one_line(shop: Project) -> None:
    """terraform#10507: hundreds of "Refreshing state..." lines around the few that matter."""
    plan = shop.opsctl("plan", "local")
    assert plan.stdout.count("\n") == 1
    assert "No changes" in plan.stdout
    assert "Refreshing" not in plan.stdout + plan.stderr
    assert plan.stderr.count("\n") <= 6, plan.stderr


def test_a_lock_says_who_holds_it_and_why_and_is_gone_with_its_command(shop: Project) -> None:
    """pulumi#2073, sst#5096, atlantis#5708: locks that outlive their holder, and nobody can say whether."""
    flavour(shop, "slow")
    logs = shop.root / ".opsctl/environments/local/logs"
    before = set(logs.glob("*-apply.log"))
    holder = shop.start("up", "local", "--yes", "--no-smoke", "--why", "a slow one")
    wait_for(
        lambda: any("Executing" in log.read_text() for log in set(logs.glob("*-apply.log")) - before), what="its apply"
    )
    refused = shop.opsctl("up", "local", "--yes", "--no-smoke", status=6)
    assert f"process {holder.pid}" in refused.stderr
    assert "a slow one" in refused.stderr
    assert shop.json("status", "local")["lock"]["state"] == "live"
    holder.send_signal(signal.SIGINT)
    holder.communicate(timeout=60)
    assert holder.returncode == 130
    assert shop.json("status", "local")["lock"] is None
    flavour(shop, "plain")
    shop.opsctl("up", "local", "--yes", "--no-smoke")


def test_of_several_environments_each_has_its_own_lines_and_the_failing_one_is_named(shop: Project) -> None:
    """terragrunt#78, #1985, #5289: interleaved output, nobody knows whose; #2170: nor which one failed."""
    found = shop.opsctl(
        "drift", "--all", status=None, AWS_EC2_METADATA_DISABLED="true", AWS_CONFIG_FILE="/dev/null",
        AWS_SHARED_CREDENTIALS_FILE="/dev/null",
    )  # fmt: skip
    assert found.returncode not in (0, 2), found.stdout + found.stderr
    said = found.stdout + found.stderr
    for name in ("local", "dev", "prod"):
        assert re.search(rf"\b{name}\b", said), said
    failed = [line for line in said.splitlines() if "redentials" in line]
    assert failed
