"""What every command needs: the console, the configuration, the environment that was named."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from opsctl.config import Config, load_config
from opsctl.environments.environment import Environment, load_environment
from opsctl.environments.intent import Intent
from opsctl.errors import OpsctlError, UsageError

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
    """The environment that a person named, of opsctl.toml or ephemeral."""
    if name in config().environments:
        return load_environment(config(), name)
    from opsctl.environments.ephemeral.copies import find_environment

    return find_environment(config(), name)


def notices(event: object) -> None:
    """A listener for commands without progress: what a person should know is said, and nothing else."""
    from opsctl.environments.events import Notice
    from opsctl.ui.console import literal

    if isinstance(event, Notice):
        console().warn(literal(event.text))


def environment_names(incomplete: str) -> list[str]:
    """For shell completion: opsctl.toml and what this machine remembers; what is broken completes nothing."""
    try:
        remembered = [file.stem for file in sorted((config().work / "ephemeral").glob("*.json"))]
        return [name for name in (*config().environments, *remembered) if name.startswith(incomplete)]
    except OpsctlError:
        return []


def group(help: str) -> typer.Typer:
    """A command that has commands of its own."""
    return typer.Typer(
        no_args_is_help=True, rich_markup_mode="rich", help=help, add_completion=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )  # fmt: skip


EnvironmentArgument = Annotated[
    str,
    typer.Argument(metavar="ENV", help="The environment, as named in opsctl.toml.", autocompletion=environment_names),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Agree to what would be asked.")]
Why = Annotated[str, typer.Option("--why", help="A sentence for those who find the lock, and for the record.")]
LockWait = Annotated[
    float, typer.Option("--lock-wait", min=0, metavar="SECONDS", help="Wait this long for somebody else's lock.")
]
Override = Annotated[
    list[str] | None,
    typer.Option("--override", metavar="GUARD=REASON", help="Let a guard not hold this once; recorded. Repeatable."),
]


def intent(why: str, lock_wait: float, override: list[str] | None, plan_file: Path | None = None) -> Intent:
    """The options that every mutating command has, as one value.

    Raises:
        UsageError: an override without a reason.
    """
    overrides = {}
    for text in override or ():
        guard, _, reason = text.partition("=")
        if not reason.strip():
            raise UsageError(f"--override {text} gives no reason.", next=f'--override {guard}="why it is right today"')
        overrides[guard] = reason.strip()
    return Intent(why, lock_wait, overrides, plan_file)
