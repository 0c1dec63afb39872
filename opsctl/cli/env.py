"""opsctl env new|list|show|extend|reap"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from opsctl.cli.context import EnvironmentArgument, Json, Yes, config, console, environment_names, group
from opsctl.cli.context import environment as named
from opsctl.exit_codes import ExitCode

if TYPE_CHECKING:
    from datetime import datetime

    from opsctl.environments.overview import Overview

app = group("List environments; make ones that live for hours, and reap them.")

Ttl = Annotated[str, typer.Option("--ttl", metavar="TIME", help="How long it lives: 90m, 8h, 2d.")]


@app.command()
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="1 to 16 lower-case letters, digits and hyphens.")],
    parent: Annotated[
        str, typer.Option("--from", metavar="ENV", help="What it is a copy of.", autocompletion=environment_names)
    ],
    ttl: Ttl,
    owner: Annotated[str, typer.Option("--owner", help="Whose it is.", show_default="who you are")] = "",
    setting: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A Terraform variable. Repeatable.")
    ] = None,
    json: Json = False,
) -> None:
    """Register an ephemeral environment. Nothing is built yet: `opsctl up NAME` does that.

    It is its parent with another name, a host below the parent's, the smallest sizes and nothing that outlives it; on
    the local cloud it has an account of its own.
    """
    from opsctl.cli.progress import Progress
    from opsctl.environments.ephemeral.copies import new_environment
    from opsctl.environments.ephemeral.registration import parse_setting, parse_ttl
    from opsctl.environments.overview import Overview
    from opsctl.environments.ports import connect
    from opsctl.ui.console import literal

    screen, origin = console(), named(parent)
    time, chosen = parse_ttl(ttl), dict(map(parse_setting, setting or ()))
    with Progress(screen) as progress:
        ports = connect(config(), origin, on_event=progress)
        made = new_environment(config(), name, origin, time, ports, owner=owner, chosen=chosen)
    registration = made.registration
    assert registration is not None
    if json:
        overview = Overview(made.name, made.target.value, made.account_id, made.region, registration, phase="absent")
        screen.json(overview.to_json(registration.created) | {"overrides": dict(registration.overrides)})
        return
    screen.say(
        f"[green]✓[/] {literal(name)} is a copy of {literal(parent)} until {registration.expires:%Y-%m-%d %H:%M} UTC, "
        f"in account {made.account_id}."
    )
    screen.say(f"  next: [bold]opsctl up {literal(name)}[/]")


@app.command("list")
def list_(json: Json = False) -> None:
    """List every environment: its age, owner, time left, last `up` and health. Exit code 7: some could not be asked."""
    from opsctl.clock import SystemClock
    from opsctl.environments.overview import survey
    from opsctl.ui.console import span

    found, now, screen = survey(config()), SystemClock().now(), console()
    if json:
        screen.json([overview.to_json(now) for overview in found])
    else:
        screen.table(
            ["environment", "health", "age", "time left", "last up", "owner", "account"],
            [
                [
                    f"  {one.environment}" if one.registration else one.environment,
                    _health(one, now),
                    span((now - one.created).total_seconds()) if one.created else "",
                    _left(one, now),
                    _last_up(one, now),
                    one.owner.rpartition(":")[2],
                    one.account_id,
                ]
                for one in found
            ],
        )
    raise typer.Exit(ExitCode.PARTIAL if any(one.problem for one in found) else ExitCode.DONE)


@app.command()
def show(environment: EnvironmentArgument, json: Json = False) -> None:
    """Show one environment, with the Terraform variables in which an ephemeral one differs from its parent."""
    from opsctl.clock import SystemClock
    from opsctl.environments.ephemeral.copies import current
    from opsctl.environments.events import ignore
    from opsctl.environments.overview import look_at
    from opsctl.environments.ports import connect
    from opsctl.ui.console import literal, span

    ports = connect(config(), named(environment), on_event=ignore, start=False)
    target = current(config(), ports)
    one, now, screen = look_at(target, ports), SystemClock().now(), console()
    if json:
        screen.json(one.to_json(now) | {"overrides": dict(target.overrides)})
        return
    rows = [("health", _health(one, now)), ("account", f"{one.account_id}, {one.region} ({one.target})")]
    if one.registration:
        rows += [("made from", one.registration.parent), ("time left", _left(one, now))]
    if one.created:
        rows.append(("age", f"{span((now - one.created).total_seconds())}, since {one.created:%Y-%m-%d %H:%M} UTC"))
    rows += [("owner", one.owner), ("last up", _last_up(one, now)), ("resources", str(one.resources))]
    rows += [(name, str(value)) for name, value in sorted(target.overrides.items())]
    screen.say(f"[bold]{literal(environment)}[/]")
    for key, value in rows:
        screen.say(f"  [dim]{literal(key):<26}[/] {literal(value)}")


@app.command()
def extend(environment: EnvironmentArgument, ttl: Ttl, json: Json = False) -> None:
    """Let an ephemeral environment live this much longer, from now."""
    from opsctl.environments.ephemeral.copies import extend as give_time
    from opsctl.environments.ephemeral.registration import parse_ttl
    from opsctl.environments.events import ignore
    from opsctl.environments.ports import connect
    from opsctl.ui.console import literal

    screen, target, time = console(), named(environment), parse_ttl(ttl)
    longer = give_time(config(), target, time, connect(config(), target, on_event=ignore, start=False))
    if json:
        screen.json({"environment": environment, "expires": longer.expires.isoformat()})
        return
    screen.say(f"[green]✓[/] {literal(environment)} has time until {longer.expires:%Y-%m-%d %H:%M} UTC.")


@app.command()
def reap(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]...", help="Just these, whether they expired or not.", show_default=False),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be taken down; change nothing.")] = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Take down the ephemeral environments whose time is over, one after the other, and strike them from the list.

    One that somebody is at work on is skipped; after a failure the rest goes on. The exit code is that of the worst.
    """
    from opsctl.cli.progress import Progress
    from opsctl.clock import SystemClock
    from opsctl.environments.ephemeral.reaping import Fate, decide
    from opsctl.environments.ephemeral.reaping import reap as take_away
    from opsctl.environments.overview import survey
    from opsctl.environments.ports import connect
    from opsctl.errors import Refused
    from opsctl.ui.console import literal

    screen, tell = console(), console().note if json else console().say
    decisions = decide(survey(config()), now=SystemClock().now(), only=names or ())
    due = [decision for decision in decisions if decision.fate is Fate.REAP]
    for decision in decisions:
        if decision.fate is not Fate.KEEP or dry_run:
            tell(f"  {decision.fate.value:<5} {literal(decision.registration.name)} [dim]({literal(decision.why)})[/]")
    question = f"Destroy {', '.join(decision.registration.name for decision in due)}?"
    if due and not (yes or dry_run or screen.confirm(literal(question))):
        raise Refused("Nothing was taken down.")
    with Progress(screen) as progress:
        done = take_away(
            config(), [] if dry_run else decisions,
            reach=lambda environment: connect(config(), environment, on_event=progress),
            on_next=lambda decision: screen.note(f"[bold]{literal(decision.registration.name)}[/]", style=None),
            on_done=lambda one: screen.error(one.error) if one.error else None,
        )  # fmt: skip
    if json:
        screen.json({
            "dry_run": dry_run,
            "decisions": [
                {"environment": one.registration.name, "fate": one.fate.value, "why": one.why} for one in decisions
            ],
            "reaped": [one.environment for one in done.reaped if not one.error],
            "failed": [{"environment": one.environment, "error": one.error and one.error.what} for one in done.failed],
        })  # fmt: skip
    else:
        for one in done.reaped:
            if one.error:
                screen.say(f"[red]✗[/] {literal(one.environment)} is still there: {literal(one.error.what)}")
            else:
                screen.say(f"[green]✓[/] {literal(one.environment)} is gone.")
        if not (due or done.skipped):
            screen.say("Nothing has expired.")
    raise typer.Exit(done.exit_code)


def _health(one: Overview, now: datetime) -> str:
    """What is known of how it does: its phase, and what smoke found last."""
    from datetime import datetime as moment

    from opsctl.ui.console import span

    if one.problem:
        return f"unknown: {one.problem}"
    phase = WORDS.get(one.phase, one.phase)
    if one.phase != "up" or one.smoke is None:
        return phase
    age = span((now - moment.fromisoformat(one.smoke.at)).total_seconds())
    return f"{phase}, smoke {one.smoke.result} {age} ago"


WORDS = {"absent": "not there", "stopped": "local cloud stopped", "lost": "lost: its local cloud was restarted"}


def _left(one: Overview, now: datetime) -> str:
    from opsctl.ui.console import span

    if one.registration is None:
        return ""
    seconds = one.registration.left(now).total_seconds()
    return span(seconds) if seconds > 0 else f"expired {span(-seconds)} ago"


def _last_up(one: Overview, now: datetime) -> str:
    from datetime import datetime as moment

    from opsctl.ui.console import span

    if one.last_up is None:
        return ""
    age = span((now - moment.fromisoformat(one.last_up.at)).total_seconds())
    return f"{age} ago" if one.last_up.result == "done" else f"{age} ago, {one.last_up.result}"
