"""opsctl status ENV"""

from __future__ import annotations

from dataclasses import asdict

from opsctl.cli.context import EnvironmentArgument, Json, config, console
from opsctl.cli.context import environment as named

WORDS = {
    "up": "[green]up[/]",
    "absent": "[dim]not there[/]",
    "busy": "[yellow]busy: Terraform is at work[/]",
    "lost": "[red]lost: its local cloud was restarted[/]",
}


def status(environment: EnvironmentArgument, json: Json = False) -> None:
    """Say what an environment is and how it does. Reads only; a stopped local cloud stays stopped."""
    from opsctl.environments.events import ignore
    from opsctl.environments.ports import connect
    from opsctl.environments.status import read_status
    from opsctl.ui.console import duration, literal

    screen = console()
    found = read_status(connect(config(), named(environment), on_event=ignore, start=False))
    if json:
        screen.json(asdict(found))
        return
    screen.say(f"[bold]{literal(environment)}[/] is {WORDS[found.phase]}")
    place = found.endpoint_url or "AWS"
    rows = [("where", f"account {found.account_id}, {found.region}, {place}"), ("resources", str(found.resources))]
    if found.lock:
        rows.append(
            ("lock", f"{found.lock.get('Who')} since {found.lock.get('Created')} ({found.lock.get('Operation')})")
        )
    if found.last:
        entry = found.last
        rows.append(
            ("last", f"{entry.command} {entry.result} at {entry.at} in {duration(entry.seconds)} by {entry.who}")
        )
    for key, value in rows:
        screen.say(f"  [dim]{key:<10}[/] {literal(value)}")
