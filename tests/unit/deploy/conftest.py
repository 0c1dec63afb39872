"""An environment in memory with two functions that are up."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from opsctl.builds.packages import build_packages, find_functions
from opsctl.environments.ports import Ports
from tests.unit.deploy.memory_lambda import LambdaAws
from tests.unit.environments.conftest import ports as ports  # the same environment, other services behind it
from tests.unit.environments.conftest import terraform as terraform

STATE = {
    "version": 4, "serial": 1, "lineage": "l", "terraform_version": "1.11.4", "outputs": {},
    "resources": [{"mode": "managed", "type": "aws_lambda_function", "instances": [{"attributes": {"id": "x"}}]}],
}  # fmt: skip

Write = Callable[..., None]


@pytest.fixture
def aws() -> LambdaAws:
    return LambdaAws()


@pytest.fixture
def write(ports: Ports) -> Write:
    """Writes a function's handler, and its deploy.toml."""

    def write(name: str, code: str, rules: str = "") -> None:
        folder = ports.environment.stack.parent / "modules" / "greeter" / "functions" / name
        folder.mkdir(parents=True, exist_ok=True)
        for file, text in (("handler.py", code), ("requirements.txt", ""), ("deploy.toml", rules)):
            (folder / file).write_text(text)

    return write


@pytest.fixture
def up(ports: Ports, aws: LambdaAws, write: Write, tmp_path: Path) -> LambdaAws:
    """`greet` and `part` run version 1 of what is on disk; nothing has been asked of them for an hour but traffic."""
    aws.buckets = {ports.bucket.name: {ports.environment.state_key: json.dumps(STATE).encode()}}
    for name in ("greet", "part"):
        write(name, f"# {name} first")
    sources = find_functions(ports.environment.stack.parent / "modules")
    for package in build_packages(sources, into=tmp_path / "first", cache=tmp_path / "cache"):
        aws.add(f"shop-local-{package.name}", package.file.read_bytes())
    aws.clock.sleep(20)
    return aws
