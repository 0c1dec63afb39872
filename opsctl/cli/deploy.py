"""opsctl deploy function|service|site|resume"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from opsctl.cli.context import (
    EnvironmentArgument,
    Json,
    LockWait,
    Override,
    Why,
    Yes,
    config,
    console,
    group,
    intent,
)
from opsctl.cli.context import environment as named

if TYPE_CHECKING:
    from opsctl.deploy.deploying import Deployed
    from opsctl.environments.in_flight import Move
    from opsctl.environments.ports import Ports


def check_names(incomplete: str) -> list[str]:
    from opsctl.cli.smoke import check_names as names

    return names(incomplete)


app = group("Move code step by step, watched by its alarms; when it is bad, what ran before runs again.")

STRATEGIES = ("canary:10%:5m", "linear:10%:1m", "all-at-once")

Record = Annotated[
    Path | None,
    typer.Option("--record", metavar="FILE", help="Keep what was seen as JSON lines, for a picture.", dir_okay=False),
]
Approve = Callable[["tuple[Move, ...]"], bool]


def strategies(incomplete: str) -> list[str]:
    return [strategy for strategy in STRATEGIES if strategy.startswith(incomplete)]


@app.command()
def function(
    environment: EnvironmentArgument,
    names: Annotated[
        list[str], typer.Argument(metavar="NAME", help="Functions by their short names; moved in dependency order.")
    ],
    strategy: Annotated[
        str,
        typer.Option(
            metavar="STRATEGY",
            help="canary:10%:5m (a share for a time, then all), linear:10%:1m (a share more each time), all-at-once.",
            autocompletion=strategies,
        ),
    ] = STRATEGIES[0],
    check: Annotated[
        list[str] | None,
        typer.Option(
            "--check",
            metavar="CHECK",
            autocompletion=check_names,
            help="A smoke check that must pass while a step is watched, beside those of deploy.toml. Repeatable.",
        ),
    ] = None,
    exercise: Annotated[
        list[str] | None,
        typer.Option(
            "--exercise",
            metavar="CHECK",
            autocompletion=check_names,
            help="A smoke check that is repeated meanwhile just for its traffic. Repeatable.",
        ),
    ] = None,
    alarm: Annotated[
        list[str] | None, typer.Option("--alarm", metavar="NAME", help="Watch this alarm as well. Repeatable.")
    ] = None,
    ignore_alarm: Annotated[
        list[str] | None,
        typer.Option("--ignore-alarm", metavar="NAME", help="This alarm may fire when the deploy begins. Repeatable."),
    ] = None,
    min_requests: Annotated[
        int | None, typer.Option("--min-requests", min=1, help="A step counts after this many; 20 unless said.")
    ] = None,
    max_error_rate: Annotated[
        float | None,
        typer.Option("--max-error-rate", min=0, max=1, help="Above it a version is bad; 0.05 unless said."),
    ] = None,
    max_p99_ms: Annotated[
        float | None, typer.Option("--max-p99-ms", min=0, help="Likewise; 80 % of the function's timeout unless said.")
    ] = None,
    patience: Annotated[
        str, typer.Option(metavar="TIME", help="How much longer than its time a step waits for its requests.")
    ] = "10m",
    bake: Annotated[str, typer.Option(metavar="TIME", help="How long the whole traffic is watched at the end.")] = "1m",
    yes: Yes = False,
    json: Json = False,
    record: Record = None,
    why: Why = "",
    lock_wait: LockWait = 0,
    override: Override = None,
) -> None:
    """Build functions, publish a version of each, and shift their traffic to it, step by step.

    Exit code 1: it was taken back, or is half done; --json says which (`outcome`) and why.
    """

    def begin(ports: Ports, approve: Approve) -> Deployed:
        from opsctl.deploy.functions import deploy_functions
        from opsctl.deploy.judgement import Limits
        from opsctl.deploy.strategy import parse_duration

        limits: dict[str, Any] = {
            "minimum_requests": min_requests,
            "max_error_rate": max_error_rate,
            "max_p99_ms": max_p99_ms,
        }
        given = {name: value for name, value in limits.items() if value is not None}
        return deploy_functions(
            ports, names, strategy=strategy, bake_seconds=parse_duration(bake),
            limits=Limits(patience_seconds=parse_duration(patience), **given), alarms=alarm or (),
            ignore_alarms=ignore_alarm or (), checks=check or (), exercise=exercise or (),
            approve=approve, intent=intent(why, lock_wait, override),
        )  # fmt: skip

    carry_out(environment, begin, yes=yes, json=json, record=record)


@app.command()
def service(
    environment: EnvironmentArgument,
    artifact: Annotated[
        Path | None,
        typer.Option("--artifact", metavar="FILE", help="This jar instead of building one.", dir_okay=False),
    ] = None,
    min_healthy: Annotated[
        int | None, typer.Option("--min-healthy", metavar="%", help="Percent that must be healthy; 100 unless said.")
    ] = None,
    max_healthy: Annotated[
        int | None, typer.Option("--max-healthy", metavar="%", help="Percent there may be at once; 150 unless said.")
    ] = None,
    checkpoint: Annotated[
        list[int] | None,
        typer.Option("--checkpoint", metavar="%", help="Wait and judge when so many are new. Repeatable; 50 and 100."),
    ] = None,
    checkpoint_wait: Annotated[
        str, typer.Option("--checkpoint-wait", metavar="TIME", help="How long at each; 5m unless said.")
    ] = "",
    bake: Annotated[
        str, typer.Option("--bake", metavar="TIME", help="How long the whole is watched at the end; 5m unless said.")
    ] = "",
    warmup: Annotated[
        str, typer.Option("--warmup", metavar="TIME", help="Until a healthy instance counts; the group's unless said.")
    ] = "",
    alarm: Annotated[
        list[str] | None,
        typer.Option("--alarm", metavar="NAME", help="Watched instead of all of the service's. Repeatable, ten."),
    ] = None,
    watch_alarms: Annotated[
        bool, typer.Option(help="Without it AWS doesn't end the refresh for an alarm; needs --override.")
    ] = True,
    auto_rollback: Annotated[
        bool, typer.Option(help="Without it AWS doesn't roll a failed one back; needs --override.")
    ] = True,
    yes: Yes = False,
    json: Json = False,
    record: Record = None,
    why: Why = "",
    lock_wait: LockWait = 0,
    override: Override = None,
) -> None:
    """Build the Java service and replace its instances, a part after the other, watched by alarms.

    Exit code 1: it was taken back, or is half done; --json says which (`outcome`) and why.
    """

    def begin(ports: Ports, approve: Approve) -> Deployed:
        from dataclasses import replace

        from opsctl.deploy.refresh_preferences import RefreshPreferences
        from opsctl.deploy.service import deploy_service

        given: dict[str, Any] = {
            "min_healthy": min_healthy, "max_healthy": max_healthy, "checkpoints": tuple(checkpoint or ()) or None,
            "checkpoint_seconds": _seconds(checkpoint_wait), "bake_seconds": _seconds(bake),
            "warmup_seconds": _seconds(warmup), "alarms": tuple(alarm or ()),
            "watch_alarms": watch_alarms, "auto_rollback": auto_rollback,
        }  # fmt: skip
        preferences = replace(
            RefreshPreferences(), **{name: value for name, value in given.items() if value is not None}
        )
        return deploy_service(
            ports, artifact=artifact, preferences=preferences, approve=approve, intent=intent(why, lock_wait, override)
        )

    carry_out(environment, begin, yes=yes, json=json, record=record)


@app.command()
def site(
    environment: EnvironmentArgument,
    folder: Annotated[
        Path | None,
        typer.Option("--folder", metavar="FOLDER", help="This page instead of the stack's own.", file_okay=False),
    ] = None,
    yes: Yes = False,
    json: Json = False,
    record: Record = None,
    why: Why = "",
    lock_wait: LockWait = 0,
    override: Override = None,
) -> None:
    """Publish the page: hashed assets first, HTML last, then the cache's changed paths.

    Exit code 1: it was taken back, or is half done; --json says which (`outcome`) and why.
    """

    def begin(ports: Ports, approve: Approve) -> Deployed:
        from opsctl.deploy.site import deploy_site

        return deploy_site(ports, folder=folder, approve=approve, intent=intent(why, lock_wait, override))

    carry_out(environment, begin, yes=yes, json=json, record=record)


@app.command()
def resume(
    environment: EnvironmentArgument,
    back: Annotated[bool, typer.Option("--back", help="Take it back instead of going on.")] = False,
    json: Json = False,
    record: Record = None,
    why: Why = "",
    lock_wait: LockWait = 0,
    override: Override = None,
) -> None:
    """Go on with a deploy whose process was killed, or take it back."""

    def begin(ports: Ports, approve: Approve) -> Deployed:
        from opsctl.deploy.deploying import resume as go_on

        return go_on(ports, back=back, intent=intent(why, lock_wait, override))

    carry_out(environment, begin, yes=True, json=json, record=record)


def _seconds(time: str) -> float | None:
    """Of a time as people write it; 0 is one, too. None where nothing was said."""
    from opsctl.deploy.strategy import parse_duration

    if not time:
        return None
    return 0.0 if time in ("0", "0s") else parse_duration(time)


def carry_out(
    environment: str, begin: Callable[[Ports, Approve], Deployed], *, yes: bool, json: bool, record: Path | None = None
) -> None:
    """Have a deploy or a rollback done under the live view, and show how it ended.

    Args:
        begin: does it; asks its second argument before anything is changed.
        yes: nobody is asked. Without a terminal nobody is asked either: what is moved is watched, and goes back.

    Raises:
        DeployReturned, HalfDone, LeftInFlight: after its document was printed, with `json`.
    """
    from contextlib import ExitStack

    from opsctl.cli.deploy_view import DeployApproval, DeployView, show_deployed
    from opsctl.deploy.deploying import DeployReturned, HalfDone, LeftInFlight
    from opsctl.environments.ports import connect

    screen = console()
    try:
        with ExitStack() as stack:
            view = stack.enter_context(DeployView(screen))
            listener: Callable[[object], None] = view
            if record:
                from opsctl.deploy.recording import Recording

                listener = stack.enter_context(Recording(record, view))
            ports = connect(config(), named(environment), on_event=listener, start=False)
            deployed = begin(ports, DeployApproval(screen, view, yes))
    except (DeployReturned, HalfDone, LeftInFlight) as ended:
        if json:
            screen.json(ended.deployed.to_json())
        raise
    if json:
        screen.json(deployed.to_json())
    else:
        show_deployed(deployed, screen)
