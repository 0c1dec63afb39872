"""opsctl status ENV"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from opsctl.cli.context import EnvironmentArgument, Json, config, console
from opsctl.cli.context import environment as named
from opsctl.environments.locks.lock import age

if TYPE_CHECKING:
    from opsctl.environments.in_flight import InFlight

WORDS = {
    "up": "[green]up[/]",
    "absent": "[dim]not there[/]",
    "busy": "[yellow]busy: locked by a command[/]",
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
        rows += lock_rows(found.lock)
    if found.deploy:
        rows += deploy_rows(found.deploy, at_work=found.phase == "busy")
    if found.last:
        entry = found.last
        rows.append(
            ("last", f"{entry.command} {entry.result} at {entry.at} in {duration(entry.seconds)} by {entry.who}")
        )
    for key, value in rows:
        screen.say(f"  [dim]{key:<10}[/] {literal(value)}")


def deploy_rows(deploy: InFlight, *, at_work: bool) -> list[tuple[str, str]]:
    """A deploy in flight: what moves, where it is, and what to do when nobody does it."""
    way = f"on its way back: {deploy.returning}" if deploy.returning else f"at: {deploy.step or 'its begin'}"
    rows = [(deploy.command, f"{', '.join(map(str, deploy.moves))} ({deploy.strategy}) by {deploy.user}"), ("", way)]
    return rows if at_work else [*rows, ("", f"half done: opsctl deploy resume {deploy.environment} [--back]")]


def lock_rows(lock: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Who holds the lock, where and why, and whether anybody still does."""
    command = "Terraform itself" if lock["terraform"] else "unreadable"
    if lock["command"]:
        command = f"opsctl {lock['command']}"
    process = f"{lock['host']}, process {lock['pid']}" if lock["pid"] else lock["host"] or "unknown"
    rows = [
        ("lock", f"{command} by {lock['user'] or lock['who'] or 'unknown'}, {age(lock['held_seconds'])} ago"),
        ("", process), ("", f"{lock['state']}: {lock['reason']}"),
    ]  # fmt: skip
    rows += [("", f"why: {lock['why']}")] if lock["why"] else []
    return rows + ([("", lock["url"])] if lock["url"] else [])
