"""opsctl local start|stop|status|logs|reset"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from opsctl.cli.context import Json, Yes, config, console, group

if TYPE_CHECKING:
    from opsctl.local import LocalCloud

app = group("Start, stop and look into the embedded local cloud.")


def _cloud() -> LocalCloud:
    """The project's local cloud."""
    from opsctl.environments.ports import local_cloud

    return local_cloud(config())


def _warn_of_losses(cloud: LocalCloud, *, kept: bool) -> None:
    """Say which environments lose something, before it happens. `kept`: what is on disk, too, is set aside."""
    from opsctl.environments.occupants import occupants
    from opsctl.ui.console import literal

    running = cloud.status().running
    if not (running or kept):
        return
    for lost in occupants(cloud.state_folder, incarnation=None if kept or running is None else running.incarnation):
        resources = "a state that can't be read" if lost.resources < 0 else f"{lost.resources} resources"
        busy = "; a command is at work on it" if lost.busy else ""
        console().warn(f"{literal(lost.environment)} is lost (account {lost.account_id}): {resources}{busy}")


@app.command()
def start() -> None:
    """Start the local cloud, or leave the one that runs."""
    from opsctl.cli.progress import Progress
    from opsctl.ui.console import duration

    screen = console()
    with Progress(screen) as progress:
        running = _cloud().start(on_event=progress)
    word = f"started in {duration(running.seconds)}" if running.started_now else "runs already"
    screen.say(f"[green]✓[/] the local cloud {word}: {running.endpoint_url} (process {running.pid})")


@app.command()
def stop() -> None:
    """Stop the local cloud and every process of it. Its resources are gone then; the states on disk stay."""
    cloud = _cloud()
    _warn_of_losses(cloud, kept=False)
    stopped = cloud.stop()
    console().say(
        f"[green]✓[/] stopped {stopped.processes} processes."
        if stopped.processes
        else "The local cloud was not running."
    )


@app.command()
def status(json: Json = False) -> None:
    """Say whether the local cloud runs, where, and how much memory it uses."""
    from opsctl.ui.console import literal

    found, screen = _cloud().status(), console()
    document = {
        "state": found.state.value,
        "pid": found.pid,
        "endpoint_url": found.running.endpoint_url if found.running else None,
        "port": found.running.port if found.running else None,
        "edge_port": found.running.edge_port if found.running else None,
        "authority_file": str(found.running.authority_file) if found.running else None,
        "started_at": found.running.started_at.isoformat() if found.running else None,
        "incarnation": found.running.incarnation if found.running else None,
        "daemon_mb": round(found.daemon_mb, 1),
        "workers": found.workers,
        "workers_mb": round(found.workers_mb, 1),
    }
    if json:
        screen.json(document)
        return
    for key, value in document.items():
        screen.say(f"  [dim]{key:<14}[/] {literal('-' if value is None else value)}")


@app.command()
def logs(lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="How many of the last lines.")] = 50) -> None:
    """Print the last lines of the local cloud's log."""
    from opsctl.ui.console import literal

    console().say(literal(_cloud().logs(lines)))


@app.command()
def reset(yes: Yes = False) -> None:
    """Stop the local cloud and set aside what it keeps, so that the next `up` begins with nothing."""
    from opsctl.environments.ephemeral.copies import forget_local
    from opsctl.errors import Refused
    from opsctl.ui.console import literal

    screen, cloud = console(), _cloud()
    _warn_of_losses(cloud, kept=True)
    if not (
        yes or screen.confirm("Stop the local cloud and set aside the states and databases of all local environments?")
    ):
        raise Refused("Nothing was changed.")
    archive = cloud.reset()
    forget_local(config())
    screen.say("[green]✓[/] reset." + (f" What was kept is in {literal(archive)}." if archive else ""))
