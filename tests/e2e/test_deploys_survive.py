"""A deploy whose process is killed at a step: everybody is told, and the next command finishes it or takes it back."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from opsctl.config import load_config
from opsctl.deploy.movers import mover_of
from opsctl.environments.environment import load_environment
from opsctl.environments.events import ignore
from opsctl.environments.outputs import read_outputs
from opsctl.environments.ports import Ports, connect
from tests.e2e.project import PROJECT, Project

FUNCTION = "photos-api"
REQUEST = {
    "httpMethod": "GET", "path": "/v1/nothing", "resource": "/v1/nothing", "headers": {}, "body": None,
    "requestContext": {"requestId": "a-test", "stage": "v1"},
}  # fmt: skip
"""What photos-api answers with 404: a request like another."""
STEP = "▸"
"""Begins the line of a step, which is printed once the step is written down and before it is done."""


@dataclass
class Sources:
    """The stack's sources, to be edited; deploys of the environment that is up are made from them."""

    project: Project
    terraform: Path
    ports: Ports
    outputs: Mapping[str, Any]
    edits: int = 0

    def words(self, kind: str) -> list[str]:
        """Change the sources, and say how the change is deployed."""
        self.edits += 1
        if kind == "site":
            with open(self.terraform / "modules/site/page/assets/style.css", "a") as style:
                style.write(f"/* {self.edits} */\n")
            return ["deploy", "site", "local"]
        if kind == "service":
            return ["deploy", "service", "local", "--artifact", str(self.jar())]
        [handler] = self.terraform.glob(f"modules/*/functions/{FUNCTION}/handler.py")
        with open(handler, "a") as code:
            code.write(f"# {self.edits}\n")
        return ["deploy", "function", "local", FUNCTION, "--strategy", "canary:50%:1m", "--min-requests", "1"]

    def jar(self) -> Path:
        """The service's jar with another resource in it: a new version that does what the old one does."""
        built = next(iter(sorted((self.project.root / ".opsctl").rglob("service.jar"))))
        edited = self.terraform / f"service-{self.edits}.jar"
        shutil.copyfile(built, edited)
        with zipfile.ZipFile(edited, "a") as jar:
            jar.writestr(zipfile.ZipInfo("edit.txt"), str(self.edits))
        return edited

    def current(self, kind: str) -> str:
        return mover_of(kind).current(self.ports, self.outputs, FUNCTION if kind == "function" else kind)

    def kill_at(self, words: list[str], step: int) -> int:
        """Begin a deploy and kill it at its n-th step; how many steps it had said by then."""
        process = self.project.start(*words, "--yes")
        assert process.stderr
        said = 0
        for line in process.stderr:
            said += STEP in line
            if said == step:
                os.killpg(process.pid, signal.SIGKILL)
                break
        process.communicate()
        return said


@contextlib.contextmanager
def traffic(ports: Ports) -> Iterator[None]:
    """Requests to the function, one after the other, while the block runs."""
    over = threading.Event()

    def send() -> None:
        name = f"{ports.environment.prefix}-{FUNCTION}:live"
        while not over.wait(0.1):
            ports.aws.call("lambda", "invoke", FunctionName=name, Payload=json.dumps(REQUEST))

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@pytest.fixture(scope="module")
def sources(stack: Project, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sources]:
    terraform = tmp_path_factory.mktemp("edited") / "terraform"
    shutil.copytree(PROJECT / "terraform", terraform, ignore=shutil.ignore_patterns("target", ".terraform"))
    for rules in terraform.glob(f"modules/*/functions/{FUNCTION}/deploy.toml"):
        rules.unlink()  # its checks take longer than all that is killed here
    config = load_config(stack.root)
    ports = connect(config, load_environment(config, "local"), on_event=ignore, start=False)
    edited = Project(stack.root, stack.variables | {"OPSCTL_TERRAFORM": str(terraform)})
    with traffic(ports):
        yield Sources(edited, terraform, ports, read_outputs(ports))


def go_on(project: Project) -> None:
    project.opsctl("deploy", "resume", "local", "--json")


def take_back(project: Project) -> None:
    assert project.json("deploy", "resume", "local", "--back", status=1)["outcome"] == "returned"


def roll_back(project: Project) -> None:
    assert project.json("rollback", "local", "--yes")["outcome"] == "done"


WAYS: tuple[Callable[[Project], None], ...] = (take_back, go_on, roll_back)


@pytest.mark.parametrize("kind", ["site", "function", "service"])
def test_a_deploy_killed_at_any_step_is_finished_or_taken_back(sources: Sources, kind: str) -> None:
    project, step = sources.project, 0
    while True:
        step += 1
        before = sources.current(kind)
        if sources.kill_at(sources.words(kind), step) < step:
            break
        left = project.json("status", "local")["deploy"]
        if left is None:  # it was over before the signal came
            continue
        assert left["kind"] == kind
        assert "half done" in project.opsctl("status", "local").stdout
        refused = project.opsctl("deploy", "site", "local", "--yes", status=5)
        assert "half done" in refused.stderr
        assert "opsctl deploy resume local" in refused.stderr
        way = WAYS[step % len(WAYS)]
        way(project)
        assert project.json("status", "local")["deploy"] is None
        now = sources.current(kind)
        assert (now != before) == (way is go_on), (step, way.__name__)
    assert step > 3
    assert sources.current(kind) != before


def test_a_deploy_at_work_takes_itself_back_when_somebody_else_asks(sources: Sources) -> None:
    project, before = sources.project, sources.current("function")
    words = sources.words("function")
    words[words.index("canary:50%:1m")] = "canary:50%:1h"  # a minute here
    process = project.start(*words, "--yes")
    assert process.stderr
    while "50 %" not in process.stderr.readline():
        assert process.poll() is None
    assert "locked" in project.opsctl("deploy", "site", "local", "--yes", status=6).stderr
    back = project.json("rollback", "local", FUNCTION, "--yes", "--why", "customers complain")
    assert (back["outcome"], back["moves"][0]["after"]) == ("done", before)
    assert back["seconds"] < 10.5
    assert "customers complain" in process.communicate()[1]
    assert process.returncode == 1
    assert sources.current("function") == before


def test_the_history_tells_which_deploys_were_killed_and_what_became_of_them(sources: Sources) -> None:
    shown = sources.project.opsctl("history", "local", "--deploys", "--limit", "50", COLUMNS="200").stdout
    for outcome in ("killed", "returned", "done", "somebody resumed it with --back"):
        assert outcome in shown
