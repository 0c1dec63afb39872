"""opsctl smoke ENV"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from opsctl.cli.context import EnvironmentArgument, Json, config, console
from opsctl.cli.context import environment as named

if TYPE_CHECKING:
    from opsctl.environments.ports import Ports
    from opsctl.smoke import Report


def check_names(incomplete: str) -> list[str]:
    from opsctl.smoke import check_names as names

    return [name for name in names() if name.startswith(incomplete)]


def smoke(
    environment: EnvironmentArgument,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", help="Run just this check; may be repeated.", autocompletion=check_names),
    ] = None,
    json: Json = False,
) -> None:
    """Prove an environment through its edge: real requests, and a look at what each of them led to.

    Checks run side by side, clean up after themselves, and have a time budget each. Exit code 4: a check failed.
    """
    from opsctl.environments.events import ignore
    from opsctl.environments.outputs import read_outputs
    from opsctl.environments.ports import connect

    ports = connect(config(), named(environment), on_event=ignore, start=False)
    report = prove(read_outputs(ports), ports, only=only or [])
    if json:
        console().json(report.to_json())
    raise typer.Exit(report.exit_code)


def prove(outputs: Mapping[str, Any], ports: Ports, *, only: Sequence[str]) -> Report:
    """Run smoke checks, show them as they end, record what all of them found, and return the report."""
    from opsctl.environments.records import record_done
    from opsctl.smoke import CheckEnded, CheckStarted, SmokeTarget, run
    from opsctl.ui.board import Board
    from opsctl.ui.console import duration, literal

    screen = console()
    with Board(screen) as board:

        def show(event: CheckStarted | CheckEnded) -> None:
            name = event.check.name
            if isinstance(event, CheckStarted):
                board.begin(name, literal(name))
                return
            board.end(name)
            result = event.result
            mark = "[green]✓[/]" if result.passed else "[bold red]✗[/]"
            board.line(f"{mark} {name:<18} [dim]{duration(result.seconds):>10}[/]  [dim]{literal(result.proves)}[/]")
            if not result.passed:
                board.line(f"  {literal(result.message)}", style="red")
                if result.runbook:
                    board.line(f"  [bold]runbook:[/] {literal(result.runbook)}")

        target = SmokeTarget.of(ports.environment, ports.access, outputs, aws=ports.aws)
        report = run(target, only=only, on_event=show)
    if not only:  # the whole proof is a part of the environment's history
        failed = [result.name for result in report.results if not result.passed]
        record_done(
            ports, "smoke", {"checks": len(report.results), "failed": failed},
            result="failed" if failed else "done", seconds=report.seconds,
        )  # fmt: skip
    return report
