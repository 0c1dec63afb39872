"""opsctl down ENV"""

from __future__ import annotations

from typing import Annotated

import typer

from opsctl.cli.context import EnvironmentArgument, Json, LockWait, Override, Why, Yes, config, console, intent
from opsctl.cli.context import environment as named


def down(
    environment: EnvironmentArgument,
    yes: Yes = False,
    name: Annotated[
        str, typer.Option("--name", help="The environment's name once more: with --yes, for any but a local one.")
    ] = "",
    json: Json = False,
    why: Why = "",
    lock_wait: LockWait = 0,
    override: Override = None,
) -> None:
    """Destroy an environment: show what will go, ask, empty its buckets, destroy, and prove that nothing is left.

    What AWS keeps for a while (a key pending deletion, a final snapshot) is listed as a remainder.
    """
    from opsctl.cli.approvals import Afresh, Approval
    from opsctl.cli.progress import Progress
    from opsctl.environments.down import down as take_down
    from opsctl.environments.ports import connect
    from opsctl.ui.console import duration, literal

    screen, target = console(), named(environment)
    agreed = yes and (target.is_local or name == environment)
    with Progress(screen) as progress:
        ports = connect(config(), target, on_event=progress)
        approve = Approval(
            screen, progress, agreed, "Destroy all of this?", must_type="" if target.is_local else environment
        )
        removal = take_down(
            ports, approve=approve, afresh=Afresh(screen, progress, agreed), intent=intent(why, lock_wait, override)
        )
    if json:
        screen.json(
            {
                "environment": environment,
                "deleted": removal.deleted,
                "emptied": removal.emptied,
                "remainders": [{"arn": arn, "why": why} for arn, why in removal.leftovers.remainders],
                "processes_stopped": removal.stopped,
                "cloud_kept_for": list(removal.kept_for),
                "seconds": round(removal.seconds, 1),
            }
        )
        return
    screen.say(
        f"[green]✓[/] {literal(environment)} is gone in {duration(removal.seconds)}: "
        f"{removal.deleted} resources destroyed, nothing left with its tags."
    )
    for arn, why in removal.leftovers.remainders:
        screen.say(f"  [yellow]remains[/] {literal(arn)} [dim]({literal(why)})[/]")
    if removal.kept_for:
        screen.say(f"  [dim]the local cloud keeps running for {literal(', '.join(removal.kept_for))}[/]")
