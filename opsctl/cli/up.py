"""opsctl up ENV"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from opsctl.cli.context import EnvironmentArgument, Json, LockWait, Override, Why, Yes, config, console, intent
from opsctl.cli.context import environment as named
from opsctl.exit_codes import ExitCode

QUICK_CHECKS = ["edge-health"]
"""What `up` proves at once; `opsctl smoke` proves the rest."""


def up(
    environment: EnvironmentArgument,
    yes: Yes = False,
    json: Json = False,
    why: Why = "",
    lock_wait: LockWait = 0,
    override: Override = None,
    plan: Annotated[
        Path | None,
        typer.Option("--plan", metavar="FILE", help="A saved plan: apply only what it says.", dir_okay=False),
    ] = None,
    smoke: Annotated[bool, typer.Option(help="Prove the environment after a change; a gate may ask for it.")] = True,
) -> None:
    """Take an environment up: plan, show what will change, ask, apply, record, prove.

    A second `up` says that nothing changes. Interrupt it at any time: what was made is in the state, and the next `up`
    goes on from there.
    """
    from opsctl.cli.approvals import Afresh, Approval
    from opsctl.cli.progress import Progress
    from opsctl.cli.smoke import prove
    from opsctl.environments.ports import connect
    from opsctl.environments.up import up as take_up
    from opsctl.ui.console import duration, literal

    screen = console()
    with Progress(screen) as progress:
        ports = connect(config(), named(environment), on_event=progress)
        deployment = take_up(
            ports,
            approve=Approval(screen, progress, yes, "Apply this plan?"),
            afresh=Afresh(screen, progress, yes),
            intent=intent(why, lock_wait, override, plan),
        )
    gated = "smoke" in ports.environment.guards.gates
    checks = [] if gated else QUICK_CHECKS
    report = prove(deployment.outputs, ports, only=checks) if (smoke or gated) and deployment.changed else None
    if json:
        screen.json(
            {
                "environment": environment,
                "changed": deployment.changed,
                "counts": deployment.counts,
                "seconds": round(deployment.seconds, 1),
                "outputs": deployment.outputs,
                "smoke": report.to_json() if report else None,
            }
        )
    elif not deployment.changed:
        screen.say(f"[green]✓[/] {literal(environment)} is as its Terraform says: [bold]no changes[/].")
    else:
        counts = ", ".join(f"{number} {word}" for word, number in deployment.counts.items() if number)
        screen.say(f"[green]✓[/] {literal(environment)} is up in {duration(deployment.seconds)}: {counts}.")
        if edge := deployment.outputs.get("edge"):
            screen.say(f"  edge: {literal(edge['url'])}   more: [bold]opsctl outputs {literal(environment)}[/]")
    raise typer.Exit(report.exit_code if report else ExitCode.DONE)
