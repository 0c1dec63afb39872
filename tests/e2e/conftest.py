"""Projects for the end-to-end tests: the real stack (one `up` for the suite) and a small one, to be broken at will."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from opsctl.aws.clients import Aws
from opsctl.config import load_config
from opsctl.environments.environment import load_environment
from opsctl.environments.events import ignore
from opsctl.environments.outputs import read_outputs
from opsctl.environments.ports import connect
from opsctl.smoke import SmokeTarget
from opsctl.smoke.check import Trial, open_trial
from tests.e2e.project import PROJECT, Project, make_project

FIRST = "test_fresh_stack"
"""What an environment is like before anybody used it."""
LAST = ("test_metrics", "test_whole_stack")
"""What looks at the traces of all systems comes after them, and the test of `down` at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put FIRST before and LAST behind the other end-to-end tests, which keep their places."""

    def rank(item: pytest.Item) -> int:
        if item.path.stem == FIRST:
            return -2
        return LAST.index(item.path.stem) if item.path.stem in LAST else -1

    here = [index for index, item in enumerate(items) if item.path.parent == Path(__file__).parent]
    for index, item in zip(here, sorted((items[index] for index in here), key=rank), strict=True):
        items[index] = item


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Project]:
    """A project with the small stack, to be broken at will. Its cloud is stopped at the end."""
    shutil.copytree(Path(__file__).parent / "small", tmp_path / "terraform")
    project = make_project(tmp_path, tmp_path / "terraform")
    yield project
    project.opsctl("local", "stop", status=None)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """The real stack, up. The test of `down`, last of the suite, takes it down; a failure before stops the cloud.

    While writing tests, OPSCTL_E2E_PROJECT may name a folder with opsctl.toml whose environment is up.
    """
    if folder := os.environ.get("OPSCTL_E2E_PROJECT"):
        yield Project(Path(folder), {"OPSCTL_TERRAFORM": str(PROJECT / "terraform")})
        return
    project = make_project(tmp_path_factory.mktemp("stack"), PROJECT / "terraform")
    project.opsctl("up", "local", "--yes")
    yield project
    project.opsctl("local", "stop", status=None)


@pytest.fixture(scope="session")
def target(stack: Project) -> SmokeTarget:
    """The real stack, as what requests are sent to."""
    config = load_config(stack.root)
    ports = connect(config, load_environment(config, "local"), on_event=ignore, start=False)
    return SmokeTarget.of(ports.environment, ports.access, read_outputs(ports), aws=ports.aws)


@pytest.fixture(scope="session")
def aws(target: SmokeTarget) -> Aws:
    return target.aws


@pytest.fixture(scope="session")
def outputs(stack: Project) -> dict[str, Any]:
    """What the command says of the real stack."""
    found: dict[str, Any] = stack.json("outputs", "local")
    return found


@pytest.fixture
def trial(target: SmokeTarget) -> Iterator[Trial]:
    """Requests through the edge, as a user of the test's own."""
    with open_trial(target, budget_seconds=600) as made:
        yield made
