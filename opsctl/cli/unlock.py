"""opsctl unlock ENV"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from opsctl.cli.context import EnvironmentArgument, Json, Yes, config, console
from opsctl.cli.context import environment as named

if TYPE_CHECKING:
    from opsctl.environments.locks.locking import Situation


def unlock(
    environment: EnvironmentArgument,
    force: Annotated[bool, typer.Option("--force", help="Also what may be at work; needs --name.")] = False,
    name: Annotated[str, typer.Option("--name", help="The environment's name once more, for --force.")] = "",
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Release the lock that a dead command left, Terraform's and opsctl's as one. What is at work stays locked.

    A command whose lock is taken by force notices it within 15 s and stops in order.
    """
    from opsctl.environments.events import Notice
    from opsctl.environments.locks.unlocking import unlock as release
    from opsctl.environments.ports import connect
    from opsctl.errors import UsageError
    from opsctl.ui.console import literal

    screen = console()
    if force and name != environment:
        raise UsageError(
            "--force needs the environment's name once more.",
            next=f"opsctl unlock {environment} --force --name {environment}",
        )

    def approve(situation: Situation) -> bool:
        if yes or force:
            return True
        screen.note(f"{literal(environment)} is locked by {literal(situation.holder)}.", style=None)
        screen.note(f"         {literal(situation.place)}", style=None)
        return screen.confirm("Release the lock?")

    def say(event: object) -> None:
        if isinstance(event, Notice):
            screen.warn(literal(event.text))

    done = release(connect(config(), named(environment), on_event=say, start=False), force=force, approve=approve)
    before = done.before
    if json:
        screen.json({
            "environment": environment, "released": before is not None, "forced": done.forced,
            "lock": before.to_json() if before else None,
        })  # fmt: skip
    elif before is None:
        screen.say(f"{literal(environment)} is not locked.")
    else:
        screen.say(f"[green]✓[/] {literal(environment)} is free. It was locked by {literal(before.holder)}.")
        screen.say(f"         [dim]{literal(before.place)}[/]")
