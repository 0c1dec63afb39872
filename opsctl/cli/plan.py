"""opsctl plan ENV"""

from __future__ import annotations

from typing import Annotated

import typer

from opsctl.cli.context import EnvironmentArgument, Json, Yes, config, console
from opsctl.cli.context import environment as named
from opsctl.exit_codes import ExitCode


def plan(
    environment: EnvironmentArgument,
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="Exit 2 when the plan has changes, as Terraform does.")
    ] = False,
    json: Json = False,
    yes: Yes = False,
) -> None:
    """Show what `up` would change, in people's words, and keep the plan. Nothing is changed."""
    from opsctl.cli.approvals import Afresh
    from opsctl.cli.plan_view import plan_document, show_functions, show_plan, summary
    from opsctl.cli.progress import Progress
    from opsctl.environments import planning
    from opsctl.environments.ports import connect
    from opsctl.environments.up import plan_up

    screen = console()
    with Progress(screen) as progress:
        ports = connect(config(), named(environment), on_event=progress)
        _, made = plan_up(ports, afresh=Afresh(screen, progress, yes))
        bundles = planning.bundles(ports, made)
    if json:
        screen.json(plan_document(made, bundles))
    elif made.has_changes:
        show_functions(bundles, screen)
        show_plan(made, screen)
    else:
        screen.say(summary(made))
    raise typer.Exit(ExitCode.USAGE if detailed_exitcode and made.has_changes else ExitCode.DONE)
