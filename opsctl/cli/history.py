"""opsctl history ENV"""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from opsctl.cli.context import EnvironmentArgument, Json, config, console
from opsctl.cli.context import environment as named
from opsctl.exit_codes import ExitCode

if TYPE_CHECKING:
    from rich.text import Text

    from opsctl.environments.history import History
    from opsctl.journal import Entry, Journal, Record, Unreadable, Verdict
    from opsctl.ui.console import Console

STYLES = {"done": "green", "failed": "red", "interrupted": "yellow", "abandoned": "red", "killed": "red"}
COLUMNS = ("#", "when", "command", "result", "who", "what", "took", "from")
DEPLOY_COLUMNS = ("#", "when", "command", "outcome", "who", "versions", "strategy", "took", "why")


def history(
    environment: EnvironmentArgument,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many at most.")] = 20,
    command: Annotated[str, typer.Option("--command", help="Only what this command did, such as up.")] = "",
    deploys: Annotated[
        bool, typer.Option("--deploys", help="Only deploys and rollbacks: what ran when, and why.")
    ] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Read every record and say whether anything was changed or taken out.")
    ] = False,
    json: Json = False,
) -> None:
    """Say what was done to an environment, by whom and with what result; the last first.

    Reads only, also where the environment is down or its local cloud is stopped. Exit code 3: --verify found something.
    """
    from opsctl.environments.history import open_journal, read_history

    screen, journal = console(), open_journal(config(), named(environment))
    if verify:
        verdict = journal.verify(datetime.now(UTC).isoformat(timespec="seconds"))
        if json:
            screen.json({"environment": environment, "verification": _verification(verdict)})
        else:
            _show_verdict(journal, verdict, screen)
        raise typer.Exit(ExitCode.DONE if verdict.whole else ExitCode.FINDINGS)
    found = read_history(journal, limit=limit, command=command, deploys=deploys)
    if json:
        screen.json(_document(environment, found))
    elif deploys:
        _show_deploys(environment, found, screen, datetime.now(UTC))
    else:
        _show(environment, found, screen, datetime.now(UTC))


def _document(environment: str, found: History) -> dict[str, Any]:
    return {
        "environment": environment,
        "records": [_record(record) for record in found.records],
        "under_way": [asdict(begun.entry) for begun in found.under_way],
        "waiting": [asdict(entry) for entry in found.waiting],
    }


def _record(record: Record | Unreadable) -> dict[str, Any]:
    from opsctl.journal import Unreadable

    if isinstance(record, Unreadable):
        return {"number": record.sequence, "readable": False}
    return {"number": record.sequence, "readable": True, "hash": record.hash} | asdict(record.entry)


def _verification(verdict: Verdict) -> dict[str, Any]:
    return {
        "whole": verdict.whole,
        "checked": verdict.checked,
        "findings": [asdict(finding) for finding in verdict.findings],
        "notes": list(verdict.notes),
        "head": asdict(verdict.head) if verdict.head else None,
        "seen": {"length": verdict.seen.head.length, "at": verdict.seen.at} if verdict.seen else None,
    }


def _show(environment: str, found: History, screen: Console, now: datetime) -> None:
    from opsctl.journal import Unreadable
    from opsctl.ui.console import literal

    rows: list[list[str | Text]] = [
        ["", *_cells(begun.entry, now, result="under way")] for begun in found.under_way
    ] + [["waits", *_cells(entry, now)] for entry in found.waiting]
    for record in found.records:
        if isinstance(record, Unreadable):
            rows.append([str(record.sequence), "", "", "unreadable", "", "gone or changed: see --verify", "", ""])
        else:
            rows.append([str(record.sequence), *_cells(record.entry, now)])
    if not rows:
        screen.say(f"Nothing was done to {literal(environment)} yet.")
        return
    screen.table(COLUMNS, rows)
    if found.waiting:
        screen.warn(
            f"{len(found.waiting)} of them are only on this machine; the next command puts them in the journal."
        )


def _show_deploys(environment: str, found: History, screen: Console, now: datetime) -> None:
    """A row for each deploy, and below the table how each step of the last one was judged."""
    from opsctl.cli.deploy_view import decision_line
    from opsctl.environments.in_flight import Decision
    from opsctl.journal import Unreadable
    from opsctl.ui.console import literal

    rows: list[list[str | Text]] = [["", *_deploy_cells(begun.entry, now, "under way")] for begun in found.under_way]
    records = [record for record in found.records if not isinstance(record, Unreadable)]
    rows += [[str(record.sequence), *_deploy_cells(record.entry, now)] for record in records]
    if not rows:
        screen.say(f"Nothing was deployed to {literal(environment)} yet.")
        return
    screen.table(DEPLOY_COLUMNS, rows)
    decisions = records[0].entry.details.get("decisions") or [] if records else []
    for told in filter(None, map(_table, decisions)):
        at, move, step, verdict, why = (str(told.get(key, "")) for key in ("at", "move", "step", "verdict", "why"))
        screen.say(decision_line(Decision(at, move, step, verdict, why)))
    screen.say("  [dim]--json has every decision with its evidence.[/]")


def _deploy_cells(entry: Entry, now: datetime, outcome: str = "") -> list[str | Text]:
    from rich.text import Text

    from opsctl.environments.in_flight import short
    from opsctl.ui.console import duration

    details = entry.details
    killed = "killed" if entry.result == "abandoned" else ""
    word = outcome or killed or str(details.get("outcome") or entry.result)
    moves = [_table(move) for move in details.get("moves") or ()]
    versions = "; ".join(
        f"{move.get('name')} {short(str(move.get('before')))} → {short(str(move.get('after') or '?'))}"
        for move in moves
    )
    why = str(details.get("returned_because") or details.get("why") or "")
    return [
        _when(entry.at, now), entry.command, Text(word, style=STYLES.get(word, "yellow")), person(entry.who), versions,
        str(details.get("strategy", "")), duration(entry.seconds) if entry.seconds else "", why,
    ]  # fmt: skip


def _cells(entry: Entry, now: datetime, *, result: str = "") -> list[str | Text]:
    from rich.text import Text

    from opsctl.ui.console import duration

    word = result or entry.result
    took = duration(entry.seconds) if entry.seconds else ""
    return [
        _when(entry.at, now), entry.command, Text(word, style=STYLES.get(word, "yellow")), person(entry.who),
        what(entry), took, _place(entry),
    ]  # fmt: skip


def what(entry: Entry) -> str:
    """What a record says, in words: changes, error, why, who approved, which guards were set aside."""
    details = entry.details
    counts = _table(details.get("counts"))
    parts = [", ".join(f"{number} {word}" for word, number in counts.items() if number)]
    if details.get("error"):
        parts.append(str(details.get("said") or details["error"]))
    if entry.result == "abandoned":
        parts.append(f"killed; {details.get('outcome', 'unknown')}; told by {person(_recorder(entry))}")
    parts += [str(details[key]) for key in ("queue", "name", "archive", "why") if details.get(key)]
    if approvers := _table(details.get("approval")).get("by"):
        parts.append(f"approved by {', '.join(map(person, approvers))}")
    parts += [f"guard {guard} set aside: {reason}" for guard, reason in _table(details.get("overrides")).items()]
    return "; ".join(part for part in parts if part)


def person(arn: str) -> str:
    """The part of an ARN by which people know each other: ada, deploy/ada, root."""
    return str(arn).rpartition(":")[2].removeprefix("user/").removeprefix("assumed-role/")


def _recorder(entry: Entry) -> str:
    return str(_table(entry.details.get("recorded_by")).get("who", "unknown"))


def _place(entry: Entry) -> str:
    origin = _table(entry.details.get("from"))
    sources = "@".join(str(part) for part in (origin.get("branch"), origin.get("commit")) if part)
    return " ".join(str(part) for part in (origin.get("ci") or entry.host, sources) if part)


def _table(value: Any) -> dict[str, Any]:
    """A record may say anything in its details, in a later version or after an edit."""
    return value if isinstance(value, dict) else {}


def _when(at: str, now: datetime) -> str:
    from opsctl.environments.locks.lock import age, moment

    try:
        return f"{age((now - moment(at)).total_seconds())} ago"
    except ValueError:
        return at


def _show_verdict(journal: Journal, verdict: Verdict, screen: Console) -> None:
    from opsctl.ui.console import literal

    name = literal(journal.environment)
    if verdict.whole:
        screen.say(
            f"[green]✓[/] {verdict.checked} records of {name} are whole: none edited, removed, moved or cut off."
        )
    else:
        screen.say(f"[red]✗[/] the journal of {name} is not whole ({verdict.checked} records read):")
    for finding in verdict.findings:
        screen.say(f"  [red]·[/] {literal(finding.text)}")
    for note in verdict.notes:
        screen.say(f"  [dim]· {literal(note)}[/]")
    if verdict.seen:
        screen.say(
            f"  [dim]· this machine had seen {verdict.seen.head.length} records at {literal(verdict.seen.at)}[/]"
        )
    elif verdict.checked:
        screen.say(
            "  [dim]· this machine had not seen it before: an end cut off together with the head would not show[/]"
        )
    if not verdict.whole:
        screen.say("  next: the bucket keeps earlier versions of every object; compare, and restore what is right.")
        if verdict.seen and journal.witness:
            screen.say(f"  [dim]What this machine remembers: {literal(journal.witness.file)}[/]", whole=True)
