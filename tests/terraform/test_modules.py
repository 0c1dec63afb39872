"""Each module's own `terraform test` cases (mocked provider), and what every module must have."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from opsctl.config import cache_folder
from opsctl.terraform import find_provider, find_terraform

TERRAFORM = Path(__file__).parents[2] / "terraform"
MODULES = sorted(folder.parent for folder in TERRAFORM.glob("modules/**/variables.tf"))
STACK = TERRAFORM / "stack"
TESTED = [folder for folder in [*MODULES, STACK] if (folder / "tests").is_dir()]


def name_of(folder: Path) -> str:
    return folder.relative_to(TERRAFORM).as_posix()


@pytest.fixture(scope="session")
def run_terraform(tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def]
    """Run Terraform in a module, with a data folder of its own and no credentials."""
    binary = find_terraform()
    provider = find_provider(cache=cache_folder(), on_event=lambda event: None)
    data = tmp_path_factory.mktemp("terraform")

    def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
        variables = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TF_"))}
        variables |= {"TF_DATA_DIR": str(data / folder.name), "AWS_EC2_METADATA_DISABLED": "true"}
        if provider.cli_config:
            variables["TF_CLI_CONFIG_FILE"] = str(provider.cli_config)
        return subprocess.run(
            [*binary.argv, f"-chdir={folder}", *words], env=variables, capture_output=True, text=True, check=False
        )

    return run


@pytest.mark.parametrize("folder", TESTED, ids=name_of)
def test_what_must_hold_holds(folder: Path, run_terraform) -> None:  # type: ignore[no-untyped-def]
    made = run_terraform(folder, "init", "-backend=false", "-input=false", "-no-color")
    assert made.returncode == 0, made.stdout + made.stderr
    tested = run_terraform(folder, "test", "-no-color")
    assert tested.returncode == 0, tested.stdout + tested.stderr
    passed = re.search(r"(\d+) passed, 0 failed", tested.stdout)
    assert passed, tested.stdout
    assert int(passed[1]) > 0


@pytest.mark.parametrize("folder", MODULES, ids=name_of)
def test_every_input_and_output_is_described_typed_and_in_the_readme(folder: Path) -> None:
    readme = (folder / "README.md").read_text()
    for file, kind, needed in (
        ("variables.tf", "variable", ("description", "type")),
        ("outputs.tf", "output", ("description",)),
    ):
        text = (folder / file).read_text() if (folder / file).exists() else ""
        blocks = re.findall(rf'^{kind} "(\w+)" {{\n(.*?)^}}', text, flags=re.MULTILINE | re.DOTALL)
        for name, body in blocks:
            assert f"`{name}`" in readme, f"{kind} {name} is not in the README"
            for argument in needed:
                assert re.search(rf"^  {argument}\s*=", body, flags=re.MULTILINE), f"{kind} {name} has no {argument}"


@pytest.mark.parametrize("folder", MODULES, ids=name_of)
def test_every_module_says_which_versions_it_needs(folder: Path) -> None:
    text = (folder / "versions.tf").read_text()
    assert 'required_version = ">= 1.10"' in text
    assert '">= 5.100, < 7.0"' in text


def test_every_top_level_module_has_tests() -> None:
    without = [name_of(folder) for folder in MODULES if folder.parent.name == "modules" and folder not in TESTED]
    assert without == []


def test_nothing_but_the_aws_provider_is_needed() -> None:
    for file in TERRAFORM.rglob("*.tf"):
        sources = set(re.findall(r'source\s*=\s*"(hashicorp/\w+)"', file.read_text()))
        assert sources <= {"hashicorp/aws"}, file
