"""What every command needs: the console, the configuration, the environment that was named."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Annotated

import typer

from opsctl.config import Config, load_config
from opsctl.environments.environment import Environment, load_environment
from opsctl.errors import OpsctlError

if TYPE_CHECKING:
    from opsctl.ui.console import Console


@cache
def console() -> Console:
    from opsctl.ui.console import Console  # rich: completion does without it

    return Console()


@cache
def config() -> Config:
    return load_config()


def environment(name: str) -> Environment:
    return load_environment(config(), name)


def environment_names(incomplete: str) -> list[str]:
    """For shell completion: opsctl.toml alone is read, and a broken one completes nothing."""
    try:
        return [name for name in config().environments if name.startswith(incomplete)]
    except OpsctlError:
        return []


EnvironmentArgument = Annotated[
    str,
    typer.Argument(metavar="ENV", help="The environment, as named in opsctl.toml.", autocompletion=environment_names),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Agree to what would be asked.")]
