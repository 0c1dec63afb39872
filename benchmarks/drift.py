"""`opsctl drift` beside raw `terraform plan -refresh-only` on a state of 300 resources, without and with drift.

    python -m benchmarks.drift [--rounds 3]

Raw Terraform works in a folder and with a state of its own, on the same local cloud, as a person would call it:
`terraform plan -refresh-only -json`. Rounds alternate, so that a busy machine is busy for both; the whole process of
each is timed. Prints one JSON document.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from opsctl.config import load_config
from opsctl.environments.environment import load_environment
from opsctl.environments.events import ignore
from opsctl.environments.planning import variables
from opsctl.environments.ports import Ports, connect

ROOT = Path(__file__).parents[1]
OPSCTL = Path(sys.executable).with_name("opsctl")
RESOURCES = 300
DRIFTED = 3
BOUND = 1.1

MANY = """
resource "aws_ssm_parameter" "many" {
  count = %d
  name  = "/${var.project}/${var.environment}/${count.index}"
  type  = "String"
  value = "value ${count.index}"
}
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    print(json.dumps(measure(parser.parse_args().rounds), indent=2))
    return 0


def measure(rounds: int = 3) -> dict[str, Any]:
    with project() as (root, variables_of_caller):

        def opsctl(*words: str, status: tuple[int, ...] = (0,)) -> float:
            return timed([str(OPSCTL), *words], root, variables_of_caller, status)

        opsctl("up", "local", "--yes", "--no-smoke")
        config = load_config(root)
        ports = connect(config, load_environment(config, "local"), on_event=ignore, start=False)
        raw = raw_terraform(ports)
        report: dict[str, Any] = {"resources": RESOURCES, "bound": BOUND, "rounds": rounds}
        for name, status in (("none", 0), ("drifted", 3)):
            if status:
                for index in range(DRIFTED):
                    ports.aws.call("ssm", "put_parameter", Name=f"/opsctl/local/{index}", Value="by hand",
                                   Type="String", Overwrite=True)  # fmt: skip
            ours, theirs = [], []
            for turn in range(rounds + 1):  # the first one warms up
                seconds = raw(), opsctl("drift", "local", "--json", status=(status,))
                if turn:
                    theirs.append(seconds[0])
                    ours.append(seconds[1])
            pair = statistics.median(ours), statistics.median(theirs)
            report[name] = {
                "opsctl_seconds": round(pair[0], 2), "raw_seconds": round(pair[1], 2),
                "ratio": round(statistics.median(a / b for a, b in zip(ours, theirs, strict=True)), 3),
            }  # fmt: skip
        return report


def rows(report: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """The figures as rows of the report: what, measured, goal."""
    for name, words in (
        ("none", "without drift"),
        ("drifted", f"{DRIFTED} resources changed, their authors asked for"),
    ):
        found = report[name]
        yield (
            f"`opsctl drift` of {report['resources']} resources beside raw `terraform plan -refresh-only`, {words}",
            f"{found['ratio']} × ({found['opsctl_seconds']} s; raw {found['raw_seconds']} s)",
            f"≤ {report['bound']} ×",
        )


@contextlib.contextmanager
def project() -> Iterator[tuple[Path, dict[str, str]]]:
    """A project folder with the small stack of the tests and many parameters; its cloud is stopped at the end."""
    with tempfile.TemporaryDirectory(prefix="opsctl-drift-") as folder:
        root = Path(folder)
        shutil.copytree(ROOT / "tests" / "e2e" / "small", root / "terraform")
        (root / "terraform" / "stack" / "many.tf").write_text(MANY % (RESOURCES - 6))
        shutil.copy(ROOT / "opsctl.toml", root)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TF_", "OPSCTL_"))}
        settings = kept | {"OPSCTL_LOCAL_PORT": "0", "OPSCTL_TERRAFORM": str(root / "terraform"), "NO_COLOR": "1"}
        before = os.environ.get("OPSCTL_TERRAFORM")
        os.environ["OPSCTL_TERRAFORM"] = settings["OPSCTL_TERRAFORM"]
        try:
            yield root, settings
        finally:
            subprocess.run([OPSCTL, "local", "stop"], cwd=root, env=settings, capture_output=True, check=False)
            del os.environ["OPSCTL_TERRAFORM"]
            if before is not None:
                os.environ["OPSCTL_TERRAFORM"] = before


def raw_terraform(ports: Ports) -> Any:
    """A function that runs raw Terraform once, on a copy of the stack and the same state, and gives the seconds."""
    environment = ports.environment
    stack = environment.stack.parent / "raw"
    shutil.copytree(environment.stack, stack, ignore=shutil.ignore_patterns(".terraform*"))
    terraform = ports.terraform()
    (stack / "given.auto.tfvars.json").write_text(json.dumps(variables(ports)))
    settings = ports.access.process_environment() | {"TF_VAR_origin_secret": "raw", "TF_IN_AUTOMATION": "1"}
    if terraform.provider.cli_config:
        settings["TF_CLI_CONFIG_FILE"] = str(terraform.provider.cli_config)
    backend = [f"-backend-config={environment.backend_file}", f"-backend-config=bucket={ports.bucket.name}",
               f"-backend-config=key={environment.state_key}", f"-backend-config=region={environment.region}",
               "-backend-config=use_lockfile=true"]  # fmt: skip
    words = list(terraform.binary.argv)
    timed([*words, "init", "-input=false", *backend], stack, settings)
    plan = [*words, "plan", "-refresh-only", "-json", "-input=false", "-parallelism=30"]
    return lambda: timed(plan, stack, settings)


def timed(words: list[str], folder: Path, settings: Mapping[str, str], status: tuple[int, ...] = (0,)) -> float:
    begin = time.perf_counter()
    done = subprocess.run(words, cwd=folder, env=settings, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - begin
    if done.returncode not in status:
        raise SystemExit(f"{words}: exit {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return seconds


if __name__ == "__main__":
    raise SystemExit(main())
