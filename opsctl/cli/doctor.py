"""opsctl doctor [--fix]"""

from __future__ import annotations

from typing import Annotated

import typer

from opsctl.cli.context import Json, config, console, environment_names
from opsctl.exit_codes import ExitCode

MARKS = {"ok": "[green]✓[/]", "warning": "[yellow]![/]", "problem": "[bold red]✗[/]"}


def doctor(
    environment: Annotated[
        str, typer.Option("--env", help="Also check the credentials for this one.", autocompletion=environment_names)
    ] = "",
    fix: Annotated[bool, typer.Option("--fix", help="Mend what opsctl can mend by itself.")] = False,
    json: Json = False,
) -> None:
    """Check this machine for all that opsctl needs, and say how to mend what is missing. Exit code 1: a problem."""
    from opsctl.cli.progress import Progress
    from opsctl.doctor import examine, mend
    from opsctl.environments.environment import load_environment
    from opsctl.ui.console import literal

    screen = console()
    with Progress(screen) as progress:
        report = examine(config(), environment=load_environment(config(), environment) if environment else None)
        if fix:
            report = mend(report, on_event=progress)
    if json:
        screen.json(
            {
                "healthy": report.is_healthy,
                "findings": [
                    {
                        "name": finding.name,
                        "status": finding.status.value,
                        "message": finding.message,
                        "fix": finding.fix,
                        "fixable": finding.fixable,
                    }
                    for finding in report.findings
                ],
            }
        )
    else:
        for finding in report.findings:
            message = finding.message.replace("\n", "\n                    ")
            screen.say(f"{MARKS[finding.status.value]} {finding.name:<17} {literal(message)}")
            if finding.fix and finding.status.value != "ok":
                by_itself = " [dim](or: opsctl doctor --fix)[/]" if finding.fixable else ""
                screen.say(f"                    [bold]fix:[/] {literal(finding.fix)}{by_itself}")
    raise typer.Exit(ExitCode.DONE if report.is_healthy else ExitCode.FAILED)
