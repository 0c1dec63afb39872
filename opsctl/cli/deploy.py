"""opsctl deploy function|service|site|resume"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
    yes: Yes = False,
    json: Json = False,
    record: Record = None,
    why: Why = "",
    lock_wait: LockWait = 0,
    override: Override = None,
) -> None:
    """Build functions, publish a version of each, and shift their traffic to it, step by step.

    Exit code 1: it was taken back, and what ran before runs again; --json says why.
    """

    def begin(ports: Ports, approve: Approve) -> Deployed:
        from opsctl.deploy.functions import deploy_functions

        return deploy_functions(
            ports, names, strategy=strategy, approve=approve, intent=intent(why, lock_wait, override)
        )

    carry_out(environment, begin, yes=yes, json=json, record=record)


@app.command()
def service(
    environment: EnvironmentArgument,
    yes: Yes = False,
    json: Json = False,
    record: Record = None,
    why: Why = "",
    lock_wait: LockWait = 0,
    override: Override = None,
) -> None:
    """Build the Java service and replace its instances, a part after the other, watched by alarms.

    Exit code 1: it was taken back, and what ran before runs again; --json says why.
    """

    def begin(ports: Ports, approve: Approve) -> Deployed:
        from opsctl.deploy.service import deploy_service

        return deploy_service(ports, approve=approve, intent=intent(why, lock_wait, override))

    carry_out(environment, begin, yes=yes, json=json, record=record)


@app.command()
def site(
    environment: EnvironmentArgument,
    yes: Yes = False,
    json: Json = False,
    record: Record = None,
    why: Why = "",
    lock_wait: LockWait = 0,
    override: Override = None,
) -> None:
    """Publish the page: hashed assets first, HTML last, then the cache's changed paths.

    Exit code 1: it was taken back, and what was there before is there again; --json says why.
    """

    def begin(ports: Ports, approve: Approve) -> Deployed:
        from opsctl.deploy.site import deploy_site

        return deploy_site(ports, approve=approve, intent=intent(why, lock_wait, override))

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


def carry_out(
    environment: str, begin: Callable[[Ports, Approve], Deployed], *, yes: bool, json: bool, record: Path | None = None
) -> None:
    """Have a deploy or a rollback done under the live view, and show how it ended.

    Args:
        begin: does it; asks its second argument before anything is changed.
        yes: nobody is asked. Without a terminal nobody is asked either: what is moved is watched, and goes back.

    Raises:
        DeployReturned: after its document was printed, with `json`.
    """
    from contextlib import ExitStack

    from opsctl.cli.deploy_view import DeployApproval, DeployView, show_deployed
    from opsctl.deploy.deploying import DeployReturned
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
    except DeployReturned as returned:
        if json:
            screen.json(returned.deployed.to_json())
        raise
    if json:
        screen.json(deployed.to_json())
    else:
        show_deployed(deployed, screen)
