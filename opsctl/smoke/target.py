"""What a smoke test is aimed at: an environment's edge, its outputs and its cloud."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from opsctl.aws import Access, Aws
from opsctl.environments.environment import Environment
from opsctl.errors import OpsctlError


class OutputMissing(OpsctlError):
    """The stack lacks an output that smoke tests need: the environment is not up, or not up to date."""

    def __init__(self, environment: str, name: str) -> None:
        super().__init__(f"{environment} has no output {name}.", next=f"opsctl up {environment}")


@dataclass(frozen=True)
class SmokeTarget:
    """Where to send requests and where to look for their effects.

    Attributes:
        base_url: what to connect to. Locally the loopback address of the local cloud.
        host: the Host header that goes with it; None when base_url already says it.
        api_key: value of the API key, a secret.
        outputs: the stack's outputs, by name, as plain values.
        tags: for what a check makes, so that `down` finds what a killed one left behind.
    """

    environment: str
    prefix: str
    base_url: str
    host: str | None
    api_key: str = field(repr=False)
    outputs: Mapping[str, Any] = field(repr=False)
    tags: Mapping[str, str]
    aws: Aws = field(repr=False)

    @classmethod
    def of(
        cls, environment: Environment, access: Access, outputs: Mapping[str, Any], *, aws: Aws | None = None
    ) -> SmokeTarget:
        """Aim at an environment that is up. Asks API Gateway for the value of the API key.

        Raises:
            OutputMissing: the stack lacks an output.
            AwsError: the key can't be read.
        """
        aws = aws or Aws(access)
        domain = output(environment.name, outputs, "edge.domain_name")
        key = aws.call(
            "apigateway", "get_api_key",
            apiKey=output(environment.name, outputs, "api.api_key_id"), includeValue=True,
        )  # fmt: skip
        return cls(
            environment=environment.name,
            prefix=environment.prefix,
            base_url=access.endpoint_url or f"https://{domain}",
            host=domain if access.is_local else None,
            api_key=key["value"],
            outputs=outputs,
            tags={"Project": environment.project, "Environment": environment.name, "ManagedBy": "opsctl"},
            aws=aws,
        )

    def output(self, path: str) -> Any:
        """One output, such as `photos.bucket`.

        Raises:
            OutputMissing
        """
        return output(self.environment, self.outputs, path)


def output(environment: str, outputs: Mapping[str, Any], path: str) -> Any:
    """The value at `path` (dots between the names). Raises OutputMissing."""
    value: Any = outputs
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    if value is None:
        raise OutputMissing(environment, path)
    return value
