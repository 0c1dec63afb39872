"""The command lines that python-terraform makes for us."""

import pytest

from opsctl.terraform.binary import TerraformBinary
from opsctl.terraform.command_line import command_line

BINARY = TerraformBinary(("/bin/terraform",), "1.11.4", "PATH")


def test_flags_settings_and_arguments_are_words_of_their_own():
    words = command_line(
        BINARY, "plan", json=True, input=False, detailed_exitcode=True, destroy=None, parallelism=30,
        var_file=["a b.tfvars", "c.json"], out="x",
    )  # fmt: skip
    assert words == (
        "/bin/terraform", "plan", "-json", "-input=false", "-detailed-exitcode", "-parallelism=30",
        "-var-file=a b.tfvars", "-var-file=c.json", "-out=x",
    )  # fmt: skip


def test_a_command_of_two_words_and_a_terraform_of_three(tmp_path, monkeypatch):
    embedded = TerraformBinary(("python", "-m", "opsctl.terraform.embedded"), "1.15.5", "embedded")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "terraform.tfstate").write_text("not JSON: python-terraform must not read it")
    assert command_line(embedded, "state pull") == ("python", "-m", "opsctl.terraform.embedded", "state", "pull")


def test_values_never_get_onto_the_command_line():
    with pytest.raises(TypeError, match="var can't be a dict"):
        command_line(BINARY, "plan", var={"password": "x"})
