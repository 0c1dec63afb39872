"""What a smoke test is aimed at: an environment's edge, its outputs and its cloud; or, from outside, an address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from opsctl.aws import Access, Aws
from opsctl.environments.environment import Environment
from opsctl.errors import OpsctlError
from opsctl.smoke.edge import Edge, EdgeUnreachable


class OutputMissing(OpsctlError):
    """The stack lacks an output that smoke tests need: the environment is not up, or not up to date."""

    def __init__(self, environment: str, name: str) -> None:
        super().__init__(f"{environment} has no output {name}.", next=f"opsctl up {environment}")


class NotSaid(OpsctlError):
    """From outside, only a part of the addresses was given."""

    def __init__(self, domain: str) -> None:
        super().__init__(f"Nobody said where {domain} answers without TLS.", next="Add --connect-to 80:ADDRESS:PORT.")


class OutsideOnly(OpsctlError):
    """A check that runs from outside asked for AWS."""


class _NoAws(Aws):
    """What stands for the cloud when there is only an address: nothing in it can be asked."""

    def client(self, service: str, *, region: str | None = None) -> Any:
        raise OutsideOnly(f"{service} can't be asked from outside.")


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
        inside: whether there is AWS access and every output; from outside (`from_outside`) there is neither.
        plain_url: where to connect to without TLS, as `base_url`; empty when nobody said.
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
    inside: bool = True
    plain_url: str = ""

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
        edge = Edge.to(domain, access)
        return cls(
            environment=environment.name,
            prefix=environment.prefix,
            base_url=edge.base_url,
            host=edge.host,
            api_key=key["value"],
            outputs=outputs,
            tags={"Project": environment.project, "Environment": environment.name, "ManagedBy": "opsctl"},
            aws=aws,
            authority_file=access.authority_file,
            plain_url=access.endpoint_url or f"http://{domain}",
        )

    @classmethod
    def from_outside(
        cls, url: str, *, connect_to: Mapping[int, str] | None = None, authority_file: Path | None = None
    ) -> SmokeTarget:
        """Aim at an address alone, as anybody can. The API key is the page's own, which anybody can read.

        Args:
            url: such as https://photos.example.com; a path is left out.
            connect_to: by port (443 for TLS, 80 without), the address:port that stands for it; as curl's --connect-to.

        Raises:
            EdgeUnreachable: nobody answers there.
        """
        parts, connect_to = urlsplit(url), connect_to or {}
        host, port = parts.hostname or "", parts.port or 443
        over, plain = connect_to.get(port), connect_to.get(80)
        target = cls(
            environment=host, prefix="", base_url=f"https://{over or parts.netloc}", host=host if over else None,
            api_key="", outputs={"edge": {"domain_name": host}}, tags={}, aws=_NoAws(Access("", "")),
            authority_file=authority_file, inside=False,
            plain_url=f"http://{plain}" if plain else "" if over else f"http://{host}",
        )  # fmt: skip
        try:
            page = Edge.of(target).request("GET", "/site.json", timeout_seconds=10).json()
        except EdgeUnreachable as error:
            if not error.is_about_trust:
                raise
            page = None  # somebody answers: the check of the certificate says what is wrong with it
        key = page.get("api_key") if isinstance(page, Mapping) else None
        return replace(target, api_key=str(key or ""))

    @property
    def domain(self) -> str:
        """The host name that viewers use."""
        return str(self.output("edge.domain_name"))

    def plain_edge(self) -> Edge:
        """The same edge without TLS.

        Raises:
            NotSaid: from outside, TLS was redirected to an address of its own, and this was not.
        """
        if not self.plain_url:
            raise NotSaid(self.domain)
        return Edge(self.plain_url, self.domain)

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
