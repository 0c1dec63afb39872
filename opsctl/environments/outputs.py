"""The outputs of an environment, read from its state (no Terraform needs to run)."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opsctl.aws import Access
from opsctl.environments.ports import Ports
from opsctl.errors import OpsctlError


class NotUp(OpsctlError):
    """The environment has nothing in its state."""

    def __init__(self, environment: str) -> None:
        super().__init__(f"{environment} is not up, so it has no outputs.", next=f"opsctl up {environment}")


def read_outputs(ports: Ports) -> dict[str, Any]:
    """Values of the stack's outputs that are not sensitive.

    Raises:
        NotUp: nothing was applied yet, or it was taken down.
    """
    state = ports.bucket.state() if ports.bucket.exists() else None
    if state is None or not state.resources:
        raise NotUp(ports.environment.name)
    return dict(state.outputs)


@dataclass(frozen=True)
class Reach:
    """How somebody calls an environment whose host no resolver knows and whose authority nobody trusts.

    Attributes:
        url: the environment's address, with the local edge's port.
        curl: a whole command that asks for its health.
    """

    url: str
    edge_port: int
    authority_file: Path
    curl: str


def reach(access: Access, outputs: Mapping[str, Any]) -> Reach | None:
    """The way to a local environment's edge; None on AWS, where its address is public, or without an edge."""
    host = (outputs.get("edge") or {}).get("domain_name")
    if not access.edge_port or access.authority_file is None or not host:
        return None
    url = f"https://{host}:{access.edge_port}"
    command = (
        "curl", "--cacert", str(access.authority_file), "--resolve", f"{host}:{access.edge_port}:127.0.0.1",
        f"{url}/v1/health",
    )  # fmt: skip
    return Reach(url, access.edge_port, access.authority_file, shlex.join(command))
