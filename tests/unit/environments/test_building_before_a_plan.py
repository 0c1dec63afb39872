"""What is built before a plan. Maven is a stand-in on the PATH: what it builds is another test's matter."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from opsctl.builds.service_jar import ServiceBuildFailed
from opsctl.environments import planning
from opsctl.environments.events import StageFinished
from opsctl.environments.ports import Ports


@pytest.fixture
def maven(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Maven that builds, at the head of the PATH."""
    program = tmp_path / "bin" / "mvn"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\nmkdir target && echo jar > target/service.jar\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    return program


def with_service(ports: Ports) -> None:
    app = ports.environment.stack.parent / "modules" / "service" / "app"
    app.mkdir(parents=True)
    (app / "pom.xml").write_text("<project/>")


def stages(ports: Ports) -> tuple[Ports, list[tuple[str, str]]]:
    done: list[tuple[str, str]] = []

    def listen(event: Any) -> None:
        if isinstance(event, StageFinished):
            done.append((event.title, event.result))

    return replace(ports, on_event=listen), done


def test_the_service_lies_beside_the_functions_packages_and_is_built_once(ports: Ports, maven: Path) -> None:
    with_service(ports)
    listening, done = stages(ports)
    planning.build(listening)
    planning.build(listening)
    assert (ports.packages / "service.jar").read_text() == "jar\n"
    assert [result for title, result in done if title == "service"] == ["built", "ready"]


def test_a_stack_without_a_service_needs_no_maven(ports: Ports, maven: Path) -> None:
    maven.write_text("#!/bin/sh\nexit 1\n")
    listening, done = stages(ports)
    planning.build(listening)
    assert done == [("function packages", "0 ready")]


def test_a_service_that_can_not_be_built_stops_the_plan(ports: Ports, maven: Path) -> None:
    maven.write_text("#!/bin/sh\necho '[ERROR] COMPILATION ERROR'\nexit 1\n")
    with_service(ports)
    with pytest.raises(ServiceBuildFailed, match="don't compile"):
        planning.prepare(ports)


def test_taking_an_environment_down_builds_nothing(ports: Ports, maven: Path, terraform: Any) -> None:
    maven.write_text("#!/bin/sh\nexit 1\n")
    with_service(ports)
    assert planning.prepare(ports, destroy=True) is terraform
