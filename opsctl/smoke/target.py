"""What a smoke test is aimed at: an environment's edge, its outputs and its cloud."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from opsctl.aws import Access, Aws
from opsctl.environments.environment import Environment
from opsctl.errors import OpsctlError
from opsctl.smoke.edge import Edge


class OutputMissing(OpsctlError):
    """The stack lacks an output that smoke tests need: the environment is not up, or not up to date."""

    def __init__(self, environment: str, name: str) -> None:
        super().__init__(f"{environment} has no output {name}.", next=f"opsctl up {environment}")


@dataclass(frozen=True)
class SmokeTarget:
    """Where to send requests and where to look for their effects.

    Attributes:
        base_url: what to connect to. Locally the loopback address of the local cloud's TLS port.
        host: whom we mean there; None when base_url already says it.
        authority_file: whom to trust there; None: the system's authorities.
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
    authority_file: Path | None = None

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
            base_url=f"https://127.0.0.1:{access.edge_port}" if access.is_local else f"https://{domain}",
            host=domain if access.is_local else None,
            api_key=key["value"],
            outputs=outputs,
            tags={"Project": environment.project, "Environment": environment.name, "ManagedBy": "opsctl"},
            aws=aws,
            authority_file=access.authority_file,
        )

    def beside(self, host: str) -> Edge:
        """Another host name of the same cloud, such as the API's own: how somebody would go round the edge."""
        return Edge(self.base_url if self.host else f"https://{host}", host if self.host else None,
                    authority_file=self.authority_file)  # fmt: skip

    def bucket_edge(self, bucket: str) -> Edge:
        """A bucket's own host, for a viewer without credentials."""
        access = self.aws.access
        host = f"{bucket}.s3.{access.region}.amazonaws.com"
        return Edge(access.endpoint_url, host) if access.endpoint_url else Edge(f"https://{host}")

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
