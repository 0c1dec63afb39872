"""opsctl.toml: what is read, and what each mistake says."""

from __future__ import annotations

from pathlib import Path

import pytest

from opsctl.config import ConfigError, load_config
from opsctl.environments import UnknownEnvironment, load_environment
from opsctl.environments.planning import function_architecture
from opsctl.errors import OpsctlError

GOOD = """
[project]
name = "shop"
[environments.dev]
target = "aws"
account_id = "111122223333"
region = "eu-central-1"
"""


def project(folder: Path, text: str) -> Path:
    (folder / "opsctl.toml").write_text(text)
    return folder


def test_an_environment_says_where_its_files_and_its_state_are(tmp_path: Path) -> None:
    found = load_environment(load_config(project(tmp_path, GOOD)), "dev")
    assert found.prefix == "shop-dev"
    assert found.state_bucket == "shop-state-111122223333-eu-central-1"
    assert found.state_key == "dev/terraform.tfstate"
    assert found.variables_file == tmp_path / "terraform/environments/dev.tfvars"
    assert not found.is_local


def test_the_file_is_found_from_a_folder_below(tmp_path: Path) -> None:
    below = project(tmp_path, GOOD) / "terraform" / "stack"
    below.mkdir(parents=True)
    assert load_config(below).root == tmp_path


def test_an_unknown_environment_names_the_near_one(tmp_path: Path) -> None:
    with pytest.raises(UnknownEnvironment) as raised:
        load_environment(load_config(project(tmp_path, GOOD)), "dve")
    assert raised.value.what == "There is no environment 'dve'. Did you mean dev?"
    assert "Known: dev" in raised.value.next
    assert raised.value.exit_code == 2


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ('account_id = "111122223333"', 'account_id = "1111"', "environments -> dev -> account_id"),
        ('account_id = "111122223333"', "account_id = 111122223333", "environments -> dev -> account_id"),
        ('target = "aws"', 'target = "gcp"', "environments -> dev -> target"),
        ('region = "eu-central-1"', "", "environments -> dev -> region"),
        ('region = "eu-central-1"', 'region = "eu-central-1"\nregoin = "x"', "environments -> dev -> regoin"),
        ('name = "shop"', "name = 3", "project -> name"),
        ("[project]", "[projects]", "project"),
    ],
)
def test_a_wrong_field_is_named_by_its_path(tmp_path: Path, old: str, new: str, field: str) -> None:
    with pytest.raises(ConfigError) as raised:
        load_environment(load_config(project(tmp_path, GOOD.replace(old, new))), "dev")
    assert raised.value.where.endswith(field)


def test_a_name_that_aws_would_not_take_is_refused(tmp_path: Path) -> None:
    text = GOOD.replace("environments.dev", 'environments."Dev_1"')
    with pytest.raises(ConfigError, match="can't be an environment's name"):
        load_environment(load_config(project(tmp_path, text)), "Dev_1")


def test_malformed_toml_says_line_and_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="line 2") as raised:
        load_config(project(tmp_path, "\n[project\n"))
    assert raised.value.where == str(tmp_path / "opsctl.toml")


def test_no_configuration_says_how_to_name_one(tmp_path: Path) -> None:
    with pytest.raises(OpsctlError) as raised:
        load_config(tmp_path)
    assert "OPSCTL_ROOT" in raised.value.next


@pytest.mark.parametrize(
    ("target", "machine", "built"),
    [
        ("aws", "aarch64", "x86_64"),
        ("local", "aarch64", "arm64"),
        ("local", "arm64", "arm64"),
        ("local", "x86_64", "x86_64"),
    ],
)
def test_functions_are_built_for_what_runs_them(tmp_path: Path, target: str, machine: str, built: str) -> None:
    found = load_environment(load_config(project(tmp_path, GOOD.replace('"aws"', f'"{target}"'))), "dev")
    assert function_architecture(found, machine) == built
