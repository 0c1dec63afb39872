"""The command line as a subprocess, in a project folder of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from opsctl.environments.settling import target_states
from opsctl.smoke import SmokeTarget

PROJECT = Path(__file__).parents[2]
TERRAFORM_BLOCK = """
terraform {
  required_version = ">= 1.10"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7.0"
    }
  }
  backend "s3" {}
}
"""
"""Begins a stack that a test writes for itself."""
OPSCTL = Path(sys.executable).with_name("opsctl")


@dataclass
class Project:
    """A folder with an opsctl.toml, and the command line run in it."""

    root: Path
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TF_", "OPSCTL_"))}
        return kept | {"NO_COLOR": "1", "COLUMNS": "120"} | self.variables

    def opsctl(self, *words: str, status: int | None = 0, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end; `status` is the exit code that it must have (None: any)."""
        done = subprocess.run(
            [OPSCTL, *words], cwd=self.root, env=self.environment | variables, capture_output=True, text=True,
            stdin=subprocess.DEVNULL, timeout=900, check=False,
        )  # fmt: skip
        if status is not None:
            assert done.returncode == status, f"{words}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stdout + done.stderr
        return done

    def json(self, *words: str, status: int = 0) -> Any:
        return json.loads(self.opsctl(*words, "--json", status=status).stdout)

    def start(self, *words: str, **variables: str) -> subprocess.Popen[str]:
        """Begin a command, in a process group of its own as a shell would."""
        return subprocess.Popen(
            [OPSCTL, *words], cwd=self.root, env=self.environment | variables, text=True, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def processes(self) -> dict[int, str]:
        """Command lines of living processes that mention this project's folder, by process id."""
        found = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                try:
                    words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                    cwd = str((entry / "cwd").readlink())
                except OSError:
                    continue
                if str(self.root) in words or cwd.startswith(str(self.root)):
                    found[int(entry.name)] = words
        return found


def wait_for(condition: Callable[[], Any], *, seconds: float = 60, what: str = "") -> Any:
    """Poll until `condition` gives something true, and return it."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError(f"waited {seconds} s in vain for {what or condition}")


def interrupt(process: subprocess.Popen[str], number: int = signal.SIGINT) -> None:
    """What a terminal does on Ctrl-C: the signal goes to the whole group."""
    os.killpg(process.pid, number)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def make_project(root: Path, terraform: Path) -> Project:
    text = (PROJECT / "opsctl.toml").read_text()
    (root / "opsctl.toml").write_text(text)
    return Project(root, {"OPSCTL_TERRAFORM": str(terraform), "OPSCTL_LOCAL_PORT": str(free_port())})


def healthy(target: SmokeTarget) -> set[str]:
    """Instances of the service that its target group calls healthy."""
    states = target_states(target.aws, target.output("service.target_group_arn"))
    return {instance for instance, state in states.items() if state == "healthy"}
