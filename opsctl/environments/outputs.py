"""The outputs of an environment, read from its state (no Terraform needs to run)."""

from __future__ import annotations

from typing import Any

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
