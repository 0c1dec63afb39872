"""opsctl approve ENV"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from opsctl.cli.context import EnvironmentArgument, Json, Why, Yes, config, console
from opsctl.cli.context import environment as named


def approve(
    environment: EnvironmentArgument,
    plan: Annotated[
        Path | None,
        typer.Option("--plan", metavar="FILE", help="A saved plan; without one, a plan is made from this checkout."),
    ] = None,
    destroy: Annotated[bool, typer.Option("--destroy", help="Without a file: what `down` would destroy.")] = False,
    minutes: Annotated[int, typer.Option("--minutes", min=1, max=1440, help="How long the approval holds.")] = 60,
    why: Why = "",
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Agree to what a plan would do, so that somebody else may apply it. Nothing is changed.

    The approval is bound to what the plan means, is for one apply, and is recorded with who AWS says that you are.
    """
    from opsctl.cli.approvals import Afresh, Approval
    from opsctl.cli.progress import Progress
    from opsctl.environments.approvals.approving import approve as record_approval
    from opsctl.environments.ports import connect
    from opsctl.ui.console import literal

    screen = console()
    with Progress(screen) as progress:
        ports = connect(config(), named(environment), on_event=progress)
        approval = record_approval(
            ports,
            plan_file=plan,
            destroy=destroy,
            ask=Approval(screen, progress, yes, "Approve this plan?"),
            afresh=Afresh(screen, progress, yes),
            minutes=minutes,
            why=why,
        )
    if json:
        screen.json(
            {
                "environment": environment,
                "meaning": approval.meaning,
                "approver": approval.approver,
                "requester": approval.requester or None,
                "expires_at": approval.expires_at.isoformat(timespec="seconds"),
            }
        )
    else:
        screen.say(
            f"[green]✓[/] Approved by {literal(approval.approver)} until {approval.expires_at:%H:%M} UTC, for one apply"
            f" of the plan {approval.meaning[:16]}."
        )
