"""opsctl smoke ENV, opsctl smoke --url URL"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from opsctl.cli.context import Json, config, console, environment_names
from opsctl.cli.context import environment as named
from opsctl.errors import UsageError
from opsctl.exit_codes import ExitCode

if TYPE_CHECKING:
    from opsctl.environments.ports import Ports
    from opsctl.smoke import Check, CheckEnded, CheckStarted, Report, SmokeTarget
    from opsctl.smoke.watching import Heartbeat
    from opsctl.ui.board import Board


def check_names(incomplete: str) -> list[str]:
    from opsctl.smoke import check_names as names

    return [name for name in names() if name.startswith(incomplete)]


def tag_names(incomplete: str) -> list[str]:
    from opsctl.smoke.run import tag_names as names

    return [name for name in names() if name.startswith(incomplete)]


def smoke(
    environment: Annotated[
        str,
        typer.Argument(metavar="[ENV]", help="The environment; or --url.", autocompletion=environment_names),
    ] = "",
    only: Annotated[
        list[str] | None,
        typer.Option("--only", help="Run just this check; may be repeated.", autocompletion=check_names),
    ] = None,
    tag: Annotated[
        list[str] | None,
        typer.Option("--tag", help="Run the checks with this tag; may be repeated.", autocompletion=tag_names),
    ] = None,
    url: Annotated[
        str, typer.Option("--url", help="From outside: this address, no AWS, no configuration; what anybody can check.")
    ] = "",
    connect_to: Annotated[
        list[str] | None,
        typer.Option(
            "--connect-to", metavar="[80:]ADDRESS:PORT",
            help="With --url: where it really answers, as a local cloud's; with 80: before it, without TLS.",
        ),
    ] = None,
    cacert: Annotated[
        Path | None, typer.Option("--cacert", metavar="FILE", help="With --url: trust this authority (PEM) instead.")
    ] = None,
    junit: Annotated[Path | None, typer.Option("--junit", metavar="FILE", help="Also write JUnit XML here.")] = None,
    report: Annotated[
        str, typer.Option("--report", metavar="FILE.html", help="Also write one HTML file with timings and evidence.")
    ] = "",
    watch: Annotated[
        str, typer.Option("--watch", metavar="60s", help="A heartbeat: run again and again; Ctrl-C ends it.")
    ] = "",
    count: Annotated[int | None, typer.Option("--count", min=1, help="With --watch: end after so many runs.")] = None,
    json: Json = False,
) -> None:  # fmt: skip
    """Prove an environment through its edge: real requests, and a look at what each of them led to.

    Checks run side by side, clean up after themselves, and have a time budget each. Exit code 4: a check failed
    (with --watch: in the last run). With --watch --json each run is one line.
    """
    from opsctl.deploy.strategy import parse_duration
    from opsctl.smoke.outputs import report_file, require_writable, write_reports
    from opsctl.smoke.run import checks_for

    if bool(environment) == bool(url):
        raise UsageError("Name one environment, or say --url.", next="opsctl smoke local")
    if not url and (connect_to or cacert):
        raise UsageError("--connect-to and --cacert belong to --url.", next=f"opsctl smoke {environment}")
    if count and not watch:
        raise UsageError("--count belongs to --watch.", next="--watch 60s --count 10")
    seconds = parse_duration(watch) if watch else 0.0
    target, ports = (_outside(url, connect_to, cacert), None) if url else _inside(environment)
    files = {"junit": junit} if junit else {}
    if report:
        files["html"] = report_file(report, target.environment)
    require_writable(*files.values())
    checks = checks_for(target, only=only or (), tags=tag or ())
    if watch:
        raise typer.Exit(_watch(target, checks, seconds, count, lambda found: write_reports(found, files), json=json))
    found = _prove(target, checks)
    if ports and not only and not tag:
        _record(ports, found)
    write_reports(found, files)
    if json:
        console().json(found.to_json())
    raise typer.Exit(found.exit_code)


def prove(outputs: Mapping[str, Any], ports: Ports, *, only: Sequence[str]) -> Report:
    """Run smoke checks, show them as they end, record what all of them found, and return the report."""
    from opsctl.smoke import SmokeTarget
    from opsctl.smoke.run import checks_for

    target = SmokeTarget.of(ports.environment, ports.access, outputs, aws=ports.aws)
    report = _prove(target, checks_for(target, only=only))
    if not only:
        _record(ports, report)
    return report


def _outside(url: str, connect_to: Sequence[str] | None, cacert: Path | None) -> SmokeTarget:
    from opsctl.smoke.outside import aim

    return aim(url, connect_to=connect_to or (), authority_file=cacert)


def _inside(environment: str) -> tuple[SmokeTarget, Ports]:
    from opsctl.environments.events import ignore
    from opsctl.environments.outputs import read_outputs
    from opsctl.environments.ports import connect
    from opsctl.smoke import SmokeTarget

    ports = connect(config(), named(environment), on_event=ignore, start=False)
    return SmokeTarget.of(ports.environment, ports.access, read_outputs(ports), aws=ports.aws), ports


def _prove(target: SmokeTarget, checks: Sequence[Check]) -> Report:
    from opsctl.smoke import run
    from opsctl.ui.board import Board

    with Board(console()) as board:
        return run(target, checks=checks, on_event=lambda event: _show(event, board))


def _show(event: CheckStarted | CheckEnded, board: Board) -> None:
    from opsctl.smoke import CheckStarted
    from opsctl.ui.console import duration, literal

    name = event.check.name
    if isinstance(event, CheckStarted):
        board.begin(name, literal(name))
        return
    board.end(name)
    result = event.result
    mark = "[green]✓[/]" if result.passed else "[bold red]✗[/]"
    lines = [f"{mark} {name:<20} [dim]{duration(result.seconds):>10}[/]  [dim]{literal(result.proves)}[/]"]
    if not result.passed:
        lines.append(f"  [red]{literal(result.message)}[/]")
        if result.runbook:
            lines.append(f"  [bold]runbook:[/] {literal(result.runbook)}")
    board.line("\n".join(lines))  # at once: checks end in several threads


def _record(ports: Ports, report: Report) -> None:
    """The whole proof is a part of the environment's history."""
    from opsctl.environments.records import record_done

    failed = [result.name for result in report.failed]
    record_done(
        ports, "smoke", {"checks": len(report.results), "failed": failed},
        result="failed" if failed else "done", seconds=report.seconds,
    )  # fmt: skip


def _watch(
    target: SmokeTarget, checks: Sequence[Check], seconds: float, count: int | None,
    keep: Callable[[Report], None], *, json: bool,
) -> ExitCode:  # fmt: skip
    import json as formats

    from opsctl.clock import SystemClock
    from opsctl.smoke import run
    from opsctl.smoke.watching import watch
    from opsctl.ui.latency import LatencyBoard, Row

    with LatencyBoard(console()) as board:

        def show(heartbeat: Heartbeat) -> None:
            rows = [
                Row(name, beats.seconds, beats.runs, beats.failures, "" if beats.beats else beats.message)
                for name, beats in heartbeat.checks.items()
            ]
            board.show(rows, _line(heartbeat))
            if heartbeat.last:
                keep(heartbeat.last)
                if json:
                    console().text(formats.dumps(heartbeat.last.to_json()))

        heartbeat = watch(
            lambda: run(target, checks=checks), every_seconds=seconds, count=count, clock=SystemClock(), on_run=show
        )
    return ExitCode.DONE if heartbeat.passed else ExitCode.SMOKE_FAILED


def _line(heartbeat: Heartbeat) -> str:
    """A run in one line."""
    from opsctl.ui.console import duration, literal

    if heartbeat.last is None:
        return f"[bold red]✗[/] run {heartbeat.runs}: {literal(heartbeat.trouble)}"
    report = heartbeat.last
    at, took = f"{report.started_at:%H:%M:%S} UTC", f"{len(report.results)} checks in {duration(report.seconds)}"
    if report.passed:
        return f"[green]✓[/] {at}  run {heartbeat.runs}: {took}"
    failures = "; ".join(f"{result.name}: {result.message}" for result in report.failed)
    return f"[bold red]✗[/] {at}  run {heartbeat.runs}: {took}, {len(report.failed)} failed: {literal(failures)}"
