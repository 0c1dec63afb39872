"""The action, the hooks and this repository's workflow: what they say fits what the commands take."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml  # the local cloud brings it along

from opsctl.cli.lazy import load

ROOT = Path(__file__).parents[3]
OPEN = """\
resource "aws_security_group_rule" "ssh" {
  type              = "ingress"
  security_group_id = "sg-1"
  from_port         = 22
  to_port           = 22
  protocol          = "tcp"
  cidr_blocks       = ["0.0.0.0/0"]
}
"""


def read(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


ACTION = read("action.yml")
(SCRIPT,) = [step for step in ACTION["runs"]["steps"] if step.get("id") == "check"]


@pytest.fixture
def runner(tmp_path: Path) -> dict[str, str]:
    """A runner's variables, with opsctl installed as the action does it."""
    (tmp_path / "opsctl" / "bin").mkdir(parents=True)
    command = tmp_path / "opsctl" / "bin" / "opsctl"
    command.write_text(f"#!{sys.executable}\nfrom opsctl.cli.main import main\nmain()\n")
    command.chmod(0o755)
    (tmp_path / "stack").mkdir()
    (tmp_path / "stack" / "main.tf").write_text(OPEN)
    # What GitHub makes of `env:` with the inputs' defaults.
    defaults = {name: str(value.get("default", "")) for name, value in ACTION["inputs"].items()}
    inputs = {name: defaults[text.split("inputs.")[1].removesuffix(" }}")] for name, text in SCRIPT["env"].items()}
    return os.environ | inputs | {
        "RUNNER_TEMP": str(tmp_path), "GITHUB_OUTPUT": str(tmp_path / "output"), "PYTHONPATH": str(ROOT),
    }  # fmt: skip


def run(runner: dict[str, str], **inputs: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", SCRIPT["run"]], env=runner | inputs, text=True,
        cwd=runner["RUNNER_TEMP"], capture_output=True, check=False,
    )  # fmt: skip


def test_the_action_annotates_writes_sarif_and_fails(runner: dict[str, str]) -> None:
    done = run(runner, PATHS="stack", SARIF="true", COMMANDS="policy iam")

    assert done.returncode == 3, done.stderr
    assert "::error file=stack/main.tf,line=7," in done.stdout
    folder = Path(Path(runner["GITHUB_OUTPUT"]).read_text().strip().removeprefix("sarif-folder="))
    names = {json.loads(file.read_text())["runs"][0]["tool"]["driver"]["name"] for file in folder.glob("*.sarif")}
    assert names == {"opsctl policy lint", "opsctl iam check"}


def test_the_action_hands_its_inputs_on_and_no_part_of_them_to_the_shell(runner: dict[str, str]) -> None:
    passes = run(runner, PATHS="stack", COMMANDS="policy", FAIL_ON="never")
    wrong = run(runner, PATHS="stack", COMMANDS="policy", WAIVERS="$(touch hacked).toml")
    unknown = run(runner, PATHS="stack", COMMANDS="polcy")

    assert passes.returncode == 0, passes.stderr
    assert (wrong.returncode, unknown.returncode) == (2, 2)
    assert not (Path(runner["RUNNER_TEMP"]) / "hacked").exists()


def test_no_text_of_others_is_part_of_a_script() -> None:
    for step in ACTION["runs"]["steps"]:
        assert "${{" not in step.get("run", "")


def test_the_hooks_name_commands_that_there_are_and_run_with_their_arguments() -> None:
    for hook in read(".pre-commit-hooks.yaml"):
        program, group, command = hook["entry"].split()
        found = load(group)
        assert program == "opsctl"
        assert isinstance(found, typer.core.TyperGroup)
        assert command in found.commands
        assert hook["args"] == ["."]
        assert hook["pass_filenames"] is False


def test_this_repositorys_workflow_uses_its_own_action_with_inputs_that_it_has() -> None:
    steps = read(".github/workflows/ci.yml")["jobs"]["findings"]["steps"]
    (own,) = [step for step in steps if step["uses"] == "./"]

    assert set(own["with"]) <= set(ACTION["inputs"])
    assert (ROOT / own["with"]["paths"]).is_dir()


def test_the_wheel_carries_the_rules_and_their_fixtures(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path], cwd=ROOT, check=True,
        capture_output=True,
    )  # fmt: skip
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as content:
        names = set(content.namelist())

    files = [file for file in (ROOT / "policies").rglob("*") if file.suffix in (".py", ".tf")]
    assert files
    assert {f"opsctl/policies/{file.relative_to(ROOT / 'policies').as_posix()}" for file in files} <= names
