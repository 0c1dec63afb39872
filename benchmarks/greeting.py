"""A throw-away project with one function to deploy, somebody who calls it all the time, and bad versions of it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from opsctl.aws.clients import Aws
from opsctl.aws.errors import AwsError
from opsctl.config import load_config
from opsctl.environments.environment import load_environment
from opsctl.environments.events import ignore
from opsctl.environments.ports import Ports, connect

ROOT = Path(__file__).parents[1]
OPSCTL = Path(sys.executable).with_name("opsctl")
NAME, FUNCTION = "greet", "opsctl-local-greet"

STACK = """
module "greet" {
  source          = "../modules/function"
  name_prefix     = "${var.project}-${var.environment}"
  name            = "greet"
  description     = "Greets."
  timeout_seconds = 3
  defaults = {
    package_dir        = var.package_dir
    runtime            = var.function_runtime
    layer_arns         = []
    log_retention_days = 7
  }
}
"""
HANDLER = '''"""Greets; version {number}."""

import time

VERSION = {number}


def handler(event: dict, context: object) -> dict:
{body}
    return {{"version": VERSION, "greeting": f"Hello, {{event.get('name', 'you')}}"}}
'''
BODIES = {
    "good": "    time.sleep(0.005)",
    "errors": '    raise RuntimeError("a bad version")',
    "some errors": '    if hash(str(time.time_ns())) % 3 == 0:\n        raise RuntimeError("a bad version")',
    "slow": "    time.sleep(1.5)",
    "memory": '    held = bytearray(1024**3)\n    held[::4096] = b"x" * len(held[::4096])',
}
"""What a version of the function does before it greets."""

SLOW_SECONDS = 1.4
"""A caller is not served well by an answer that takes longer; a cold start is one of the good ones."""


@dataclass
class Call:
    """One answer of the function, as its caller saw it.

    Attributes:
        at: monotonic seconds at which it was sent.
        version: that answered; empty when nobody did.
    """

    at: float
    seconds: float
    version: str
    failed: bool

    @property
    def is_bad(self) -> bool:
        return self.failed or self.seconds > SLOW_SECONDS


@dataclass
class Callers:
    """Threads that invoke the alias one request after the other, until they are asked to stop."""

    aws: Aws
    number: int = 3
    pause_seconds: float = 0.03
    calls: list[Call] = field(default_factory=list)

    def __enter__(self) -> Callers:
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._call_on, daemon=True) for _ in range(self.number)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def wait_for(self, calls: int) -> None:
        """Until this many more have been answered."""
        goal = len(self.calls) + calls
        while len(self.calls) < goal:
            time.sleep(0.05)

    def _call_on(self) -> None:
        while not self._stop.is_set():
            at = time.monotonic()
            try:
                answer = self.aws.call(
                    "lambda", "invoke", FunctionName=FUNCTION, Qualifier="live", Payload=b'{"name": "Ada"}'
                )
                failed = "FunctionError" in answer
            except AwsError:
                answer, failed = {}, True
            self.calls.append(Call(at, time.monotonic() - at, str(answer.get("ExecutedVersion", "")), failed))
            self._stop.wait(self.pause_seconds)


@dataclass
class Greeting:
    """The project, up."""

    root: Path
    variables: dict[str, str]
    ports: Ports
    numbers: Iterator[int]

    def write(self, kind: str) -> None:
        """New code of this kind (BODIES); no two are alike."""
        folder = self.root / "terraform" / "modules" / "greeter" / "functions" / NAME
        (folder / "handler.py").write_text(HANDLER.format(number=next(self.numbers), body=BODIES[kind]))

    def deploy(self, strategy: str, *words: str, record: Path | None = None) -> tuple[int, dict[str, Any]]:
        """Exit code and document of `opsctl deploy function`."""
        kept = ["--record", str(record)] if record else []
        done = subprocess.run(
            [OPSCTL, "deploy", "function", "local", NAME, "--strategy", strategy, "--yes", "--json", *kept, *words],
            cwd=self.root, env=self.variables, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode not in (0, 1) or not done.stdout:
            raise SystemExit(f"opsctl deploy ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
        document: dict[str, Any] = json.loads(done.stdout)
        return done.returncode, document

    def callers(self, number: int = 3) -> Callers:
        return Callers(self.ports.aws, number)


@contextlib.contextmanager
def greeting_project() -> Iterator[Greeting]:
    """A project folder whose environment is up; its cloud is stopped at the end."""
    with tempfile.TemporaryDirectory(prefix="opsctl-deploys-") as folder:
        root = Path(folder)
        terraform = root / "terraform"
        shutil.copytree(ROOT / "tests" / "e2e" / "small", terraform)
        shutil.copytree(ROOT / "terraform" / "modules" / "function", terraform / "modules" / "function")
        (terraform / "stack" / "greet.tf").write_text(STACK)
        function = terraform / "modules" / "greeter" / "functions" / NAME
        function.mkdir(parents=True)
        (function / "requirements.txt").touch()
        shutil.copy(ROOT / "opsctl.toml", root)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TF_", "OPSCTL_"))}
        variables = kept | {"OPSCTL_LOCAL_PORT": "0", "OPSCTL_TERRAFORM": str(terraform), "NO_COLOR": "1"}
        try:
            made = Greeting(root, variables, None, iter(range(1, 1_000_000)))  # type: ignore[arg-type]
            made.write("good")
            subprocess.run(
                [OPSCTL, "up", "local", "--yes", "--no-smoke"], cwd=root, env=variables, check=True,
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            )  # fmt: skip
            config = load_config(root)
            made.ports = connect(config, load_environment(config, "local"), on_event=ignore, start=False)
            yield made
        finally:
            subprocess.run([OPSCTL, "local", "stop"], cwd=root, env=variables, capture_output=True, check=False)
