"""Where Terraform's AWS provider comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from opsctl.errors import OpsctlError
from opsctl.terraform.events import Listener, ignore

CONSTRAINT = ">= 5.100, < 7.0"


class ProviderNotFound(OpsctlError):
    """No AWS provider. `reasons` names each place that was looked at, and why it was no good."""

    def __init__(self, reasons: list[str]) -> None:
        self.reasons = tuple(reasons)
        super().__init__(
            "No AWS provider for Terraform was found.",
            where="; ".join(reasons),
            next="opsctl doctor --fix builds one; or name a mirror: OPSCTL_PROVIDER_MIRROR=/path/to/mirror",
        )


@dataclass(frozen=True)
class ProviderChoice:
    """The AWS provider to use.

    Attributes:
        version: such as "5.100.0".
        source: where it comes from, in people's words.
        cli_config: what TF_CLI_CONFIG_FILE must be; None leaves the user's own.
    """

    version: str
    source: str
    cli_config: Path | None


def find_provider(
    *,
    cache: Path,
    on_event: Listener = ignore,
    constraint: str = CONSTRAINT,
    env: Mapping[str, str] | None = None,
    build: bool = True,
) -> ProviderChoice:
    raise ProviderNotFound([])
