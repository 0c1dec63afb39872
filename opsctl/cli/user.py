"""opsctl user add|list|remove"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from opsctl.cli.context import EnvironmentArgument, Json, Yes, config, console, group, notices
from opsctl.cli.context import environment as named

if TYPE_CHECKING:
    from opsctl.environments.ports import Ports

app = group("Say who may sign in to an environment, and what for.")

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The user's name.")]


def _scope_names(incomplete: str) -> list[str]:
    from opsctl.auth.users import SCOPES

    return [scope for scope in SCOPES if scope.startswith(incomplete)]


def _users(environment: str) -> tuple[Ports, str]:
    """The environment, and the name of its table of users."""
    from opsctl.environments.outputs import read_outputs
    from opsctl.environments.ports import connect
    from opsctl.smoke.target import output

    ports = connect(config(), named(environment), on_event=notices, start=False)
    return ports, str(output(environment, read_outputs(ports), "auth.users_table"))


@app.command()
def add(
    environment: EnvironmentArgument,
    name: NameArgument,
    scope: Annotated[
        list[str],
        typer.Option("--scope", "-s", help="What the user may do; once for each.", autocompletion=_scope_names),
    ],
    password_stdin: Annotated[
        bool,
        typer.Option("--password-stdin", help="Take the password from stdin; otherwise one is made and shown once."),
    ] = False,
) -> None:
    """Make a user, or give an existing one a new password and these scopes."""
    from opsctl.auth import add_user, new_password
    from opsctl.auth.users import check
    from opsctl.environments.records import recorded
    from opsctl.ui.console import literal

    check(name, scope)
    password = sys.stdin.readline().rstrip("\r\n") if password_stdin else new_password()
    ports, table = _users(environment)
    with recorded(ports, "user add", {"name": name, "scopes": scope}):
        user = add_user(ports.aws, table, name, password, scope)
    screen = console()
    screen.note(f"{literal(user.username)} may sign in to {literal(environment)}: {', '.join(user.scopes)}")
    if not password_stdin:
        screen.note("The password is shown this once:")
        screen.say(literal(password))


@app.command("list")
def list_(environment: EnvironmentArgument, json: Json = False) -> None:
    """List the users and their scopes."""
    from dataclasses import asdict

    from opsctl.auth import list_users

    ports, table = _users(environment)
    users, screen = list_users(ports.aws, table), console()
    if json:
        screen.json([asdict(user) for user in users])
        return
    screen.table(["user", "scopes"], [[user.username, ", ".join(user.scopes)] for user in users])


@app.command()
def remove(environment: EnvironmentArgument, name: NameArgument, yes: Yes = False) -> None:
    """Remove a user. Tokens given out before stay good for 15 minutes at most."""
    from opsctl.auth import remove_user
    from opsctl.environments.records import recorded
    from opsctl.errors import Refused
    from opsctl.ui.console import literal

    screen = console()
    if not (yes or screen.confirm(f"Remove {literal(name)} from {literal(environment)}?")):
        raise Refused("Nothing was changed.")
    ports, table = _users(environment)
    with recorded(ports, "user remove", {"name": name}):
        remove_user(ports.aws, table, name)
    screen.say(f"[green]✓[/] {literal(name)} can't sign in any more.")
