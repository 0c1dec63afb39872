"""A throw-away project with the real stack, and raw Terraform on the same stack beside it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opsctl.config import load_config
from opsctl.environments.environment import load_environment
from opsctl.environments.events import ignore
from opsctl.environments.planning import function_runtime
from opsctl.environments.ports import connect
from opsctl.terraform import find_terraform
from opsctl.terraform.critical_path import critical_path, dependencies_of, seconds_of, shares

PROJECT = Path(__file__).parents[1]
OPSCTL = Path(sys.executable).with_name("opsctl")


@dataclass
class Trial:
    """A project folder of its own, with a copy of terraform/ (and so a provider lock of its own)."""

    root: Path
    variables: dict[str, str]

    def opsctl(self, *words: str, status: int = 0) -> tuple[float, str]:
        """Seconds and stdout of one command."""
        begin = time.monotonic()
        done = subprocess.run(
            [OPSCTL, *words], cwd=self.root, env=os.environ | self.variables, text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, check=False,
        )  # fmt: skip
        if done.returncode != status:
            raise SystemExit(f"opsctl {' '.join(words)} ended with {done.returncode}\n{done.stdout}")
        return time.monotonic() - begin, done.stdout

    def json(self, *words: str) -> Any:
        return json.loads(self.opsctl(*words, "--json")[1])

    def longest_chain(self) -> dict[str, Any]:
        """What the last apply waited for, and what each module adds to that."""
        environment = load_environment(load_config(self.root), "local")
        ports = connect(load_config(self.root), environment, on_event=ignore)
        log = max((environment.work / "logs").glob("*-apply.log")).read_text().splitlines()
        seconds = seconds_of(log)
        dependencies = dependencies_of(json.loads(ports.bucket.read(environment.state_key) or b"{}"))
        return {
            "steps": [[step.address, round(step.seconds, 1)] for step in critical_path(seconds, dependencies)],
            "modules": {
                share.name or "the stack itself": {
                    "own_seconds": round(share.own_seconds, 1), "added_seconds": round(share.added_seconds, 1),
                }
                for share in shares(seconds, dependencies)
            },
        }  # fmt: skip

    def raw_up(self) -> dict[str, float]:
        """Seconds of `terraform init`, `plan` and `apply` by hand, with what opsctl would have handed over."""
        environment = load_environment(load_config(self.root), "local")
        ports = connect(load_config(self.root), environment, on_event=ignore)
        ports.aws.call(
            "s3", "create_bucket", Bucket=ports.bucket.name,
            CreateBucketConfiguration={"LocationConstraint": environment.region},
        )  # fmt: skip
        terraform = ports.terraform()
        work = self.root / "raw"
        variables = ports.access.process_environment() | {
            "TF_DATA_DIR": str(work), "TF_IN_AUTOMATION": "1",
            "TF_VAR_origin_secret": "made-for-the-benchmark-and-nothing-else",
        }  # fmt: skip
        if terraform.provider.cli_config:
            variables["TF_CLI_CONFIG_FILE"] = str(terraform.provider.cli_config)
        given = {
            "project": environment.project, "environment": environment.name, "account_id": environment.account_id,
            "region": environment.region, "local": "true", "package_dir": str(ports.packages),
            "function_runtime": function_runtime(environment),
        }  # fmt: skip
        backend = {
            "bucket": ports.bucket.name, "key": environment.state_key, "region": environment.region,
            "use_lockfile": "true",
        }  # fmt: skip
        settings = [f"-backend-config={key}={value}" for key, value in backend.items()]
        commands = {
            "init": [f"-backend-config={environment.backend_file}", *settings],
            "plan": ["-out=plan", "-parallelism=30", f"-var-file={environment.variables_file}",
                     *(f"-var={key}={value}" for key, value in given.items())],
            "apply": ["-parallelism=30", "plan"],
        }  # fmt: skip
        seconds = {}
        for command, words in commands.items():
            begin = time.monotonic()
            subprocess.run(
                [*find_terraform().argv, f"-chdir={environment.stack}", command, "-input=false", "-no-color", *words],
                env=variables, check=True, stdout=subprocess.DEVNULL,
            )  # fmt: skip
            seconds[command] = time.monotonic() - begin
        return seconds


@contextlib.contextmanager
def trial(**variables: str) -> Iterator[Trial]:
    """A project in a temporary folder; its cloud is stopped and the folder removed at the end."""
    with tempfile.TemporaryDirectory(prefix="opsctl-bench-") as folder:
        root = Path(folder)
        shutil.copy(PROJECT / "opsctl.toml", root)
        shutil.copytree(PROJECT / "terraform", root / "terraform", ignore=shutil.ignore_patterns(".terraform*"))
        made = Trial(root, variables)
        try:
            yield made
        finally:
            subprocess.run([OPSCTL, "local", "stop"], cwd=root, env=os.environ | variables, check=False)
