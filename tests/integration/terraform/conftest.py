"""Real Terraform on tiny stacks (terraform_data only: no provider, no cloud, state beside the stack)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from opsctl.terraform import ProviderChoice, Terraform, find_terraform
from opsctl.terraform.events import Event

NO_PROVIDER = ProviderChoice("none", "a test without a provider", Path(os.devnull))


def until(condition: Callable[[], object], what: str, *, seconds: float = 20) -> None:
    """Wait for something that another process does."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.02)


@dataclass
class Driver:
    """An opsctl of its own, in a process group of its own."""

    process: subprocess.Popen[str]
    output: Path
    work: Path

    @property
    def said(self) -> str:
        return self.output.read_text()

    def waits_for(self, text: str) -> None:
        until(lambda: text in self.said or self.process.poll() is not None, f"{text!r} in: {self.said}")
        assert text in self.said

    def send(self, number: int) -> None:
        os.kill(self.process.pid, number)

    def ends(self, seconds: float = 20) -> int:
        return self.process.wait(seconds)

    @property
    def terraform_pid(self) -> int:
        until(lambda: (self.work / "run.json").is_file(), "the record of the run")
        return int(json.loads((self.work / "run.json").read_text())["pid"])


@dataclass
class Place:
    """A stack, its work folder and what was heard."""

    stack: Path
    work: Path
    heard: list[Event] = field(default_factory=list)
    drivers: list[Driver] = field(default_factory=list)
    until = staticmethod(until)

    def write(self, code: str, name: str = "main.tf") -> None:
        (self.stack / name).write_text(code)

    def terraform(self, **options: object) -> Terraform:
        settings: dict[str, object] = {
            "binary": find_terraform(), "provider": NO_PROVIDER, "stack": self.stack, "work": self.work,
            "environment": dict(os.environ), "on_event": self.heard.append,
        }  # fmt: skip
        return Terraform(**settings | options)  # type: ignore[arg-type]

    def plan_file(self, name: str = "test") -> Path:
        return self.work / "plans" / f"{name}.tfplan"

    def drive(self, command: str, *, variables: str = "") -> Driver:
        output = self.work / f"driver-{len(self.drivers)}.txt"
        self.work.mkdir(exist_ok=True)
        if variables:
            (self.work / "driver.tfvars").write_text(variables)
        with open(output, "w") as file:
            process = subprocess.Popen(
                [sys.executable, Path(__file__).with_name("driver.py"), self.stack, self.work, command],
                stdout=file, stderr=file, stdin=subprocess.DEVNULL, text=True, start_new_session=True,
            )  # fmt: skip
        self.drivers.append(Driver(process, output, self.work))
        return self.drivers[-1]

    @property
    def state(self) -> dict[str, object]:
        document: dict[str, object] = json.loads((self.stack / "terraform.tfstate").read_text())
        return document

    @property
    def resources(self) -> list[str]:
        """Addresses in the state."""
        return [f"{r['type']}.{r['name']}" for r in self.state["resources"]]  # type: ignore[attr-defined]

    @property
    def outputs(self) -> dict[str, object]:
        return {name: output["value"] for name, output in self.state["outputs"].items()}  # type: ignore[attr-defined]

    @property
    def is_locked(self) -> bool:
        """Whether Terraform's own lock was left behind."""
        return (self.stack / ".terraform.tfstate.lock.info").exists()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path / "stack", tmp_path / "work")
    made.stack.mkdir()
    yield made
    for driver in made.drivers:
        if driver.process.poll() is None:
            os.killpg(driver.process.pid, signal.SIGKILL)
            driver.process.wait()
