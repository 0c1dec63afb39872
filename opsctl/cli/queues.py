"""opsctl queues list|show|redrive"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from opsctl.cli.context import EnvironmentArgument, Json, Yes, config, console, group, notices
from opsctl.cli.context import environment as named

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opsctl.environments.ports import Ports
    from opsctl.queues import Letter

app = group("Look at work queues and put back what could not be worked off.")

QueueArgument = Annotated[
    str, typer.Argument(metavar="QUEUE", help="The queue's short name (`opsctl queues list`), or its name in AWS.")
]


def _reach(environment: str) -> tuple[Ports, Mapping[str, Any]]:
    """The environment, and the stack's outputs."""
    from opsctl.environments.outputs import read_outputs
    from opsctl.environments.ports import connect

    ports = connect(config(), named(environment), on_event=notices, start=False)
    return ports, read_outputs(ports)


@app.command("list")
def list_(environment: EnvironmentArgument, json: Json = False) -> None:
    """List every work queue: what waits, what was given up, and why."""
    from opsctl.queues import stores_of, survey

    ports, outputs = _reach(environment)
    states = ports.aws.map(lambda store: survey(ports.aws, store), stores_of(outputs))
    screen = console()
    if json:
        screen.json([
            {
                "queue": state.store.name, "kind": state.store.kind.value, "source": state.store.source_name,
                "place": state.store.place_name, "waiting": state.waiting, "in_flight": state.in_flight,
                "letters": state.letters, "oldest": state.oldest, "reasons": state.reasons,
            }
            for state in states
        ])  # fmt: skip
        return
    screen.table(
        ["queue", "waiting", "in flight", "given up", "oldest", "why"],
        [
            [
                state.store.name, _number(state.waiting), _number(state.in_flight), str(state.letters),
                _age(state.oldest), "; ".join(state.reasons),
            ]
            for state in states
        ],
    )  # fmt: skip


@app.command()
def show(
    environment: EnvironmentArgument,
    queue: QueueArgument,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many at most.")] = 100,
    json: Json = False,
) -> None:
    """Show what a queue has given up, each letter with its reason; --json with its original."""
    from opsctl.queues import find_store, read_letters

    ports, outputs = _reach(environment)
    letters = read_letters(ports.aws, find_store(environment, outputs, queue), limit=limit)
    screen = console()
    if json:
        screen.json([_as_json(letter) | {"body": letter.body, "attributes": letter.attributes} for letter in letters])
        return
    screen.table(
        ["id", "age", "put back", "reason"],
        [[letter.id, _age(letter.sent_at), str(letter.redriven), letter.reason] for letter in letters],
    )


@app.command("redrive")
def redrive_(
    environment: EnvironmentArgument,
    queue: QueueArgument,
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="ID", help="Just this letter; once for each.")
    ] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="How many at most.", show_default=False)] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be put back; change nothing.")] = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Put letters back to where they came from. Exit code 1: some could not be; they are where they were."""
    from opsctl.environments.records import recorded
    from opsctl.errors import Refused
    from opsctl.queues import find_store, redrive
    from opsctl.ui.console import literal

    ports, outputs = _reach(environment)
    store, screen = find_store(environment, outputs, queue), console()
    which = f"{len(only)} letters" if only else f"at most {limit} letters" if limit else "all letters"
    question = f"Put {which} of {literal(store.place_name)} back to {literal(store.goes_back_to)}?"
    if not (dry_run or yes or screen.confirm(question)):
        raise Refused("Nothing was changed.")
    if dry_run:
        report = redrive(ports.aws, store, only=only or (), limit=limit, dry_run=True)
    else:
        with recorded(ports, "queues redrive", {"queue": store.name, "to": store.goes_back_to}) as details:
            report = redrive(ports.aws, store, only=only or (), limit=limit)
            details["counts"] = {"moved": len(report.moved), "stayed": len(report.failed) + len(report.missing)}
    if json:
        screen.json({
            "queue": store.name, "to": store.goes_back_to, "dry_run": dry_run,
            "moved": [_as_json(letter) for letter in report.moved],
            "failed": [_as_json(letter) | {"error": error} for letter, error in report.failed],
            "missing": report.missing,
        })  # fmt: skip
        raise typer.Exit(report.exit_code)
    verb = "would go" if dry_run else "went"
    screen.say(f"{len(report.moved)} letters {verb} back to {literal(store.goes_back_to)}.")
    for letter, error in report.failed:
        screen.say(f"[red]✗[/] {literal(letter.id)} stayed: {literal(error)}")
    for missing in report.missing:
        screen.say(f"[red]✗[/] {literal(missing)} is not among the letters of {literal(store.name)}.")
    raise typer.Exit(report.exit_code)


def _as_json(letter: Letter) -> dict[str, Any]:
    return {
        "id": letter.id, "sent_at": letter.sent_at.isoformat(), "reason": letter.reason, "redriven": letter.redriven,
        "receives": letter.receives,
    }  # fmt: skip


def _number(count: int | None) -> str:
    return "" if count is None else str(count)


def _age(since: datetime | None) -> str:
    from opsctl.ui.console import duration

    return "" if since is None else duration((datetime.now(UTC) - since).total_seconds())
