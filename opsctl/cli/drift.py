"""opsctl drift ENV, opsctl drift --all"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer

from opsctl.cli.context import Json, config, console, environment_names
from opsctl.cli.context import environment as named
from opsctl.errors import UsageError
from opsctl.exit_codes import ExitCode

if TYPE_CHECKING:
    from opsctl.drift.report import Outcome
    from opsctl.environments.events import Listener
    from opsctl.ui.console import Console


def drift(
    environment: Annotated[
        str,
        typer.Argument(metavar="[ENV]", help="The environment; or --all.", autocompletion=environment_names),
    ] = "",
    every: Annotated[bool, typer.Option("--all", help="Every environment, side by side.")] = False,
    json: Json = False,
    noise: Annotated[bool, typer.Option("--noise", help="Also list what only looks like drift, and why.")] = False,
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="Exit 2 instead of 3 on drift, as Terraform does on changes.")
    ] = False,
    issue: Annotated[
        str, typer.Option(metavar="github", help="Keep one issue that says what drifted; closed when nothing does.")
    ] = "",
) -> None:
    """Say what was changed outside of Terraform, by whom and when. Changes nothing, and takes no lock.

    What only looks changed is told apart: null against an empty list, a policy in another order, a counter that AWS
    moves, what deploys own.

    Exit codes: 0 no drift; 3 drift; 6 somebody is applying just now; 7 with --all, an environment could not be asked
    (it is named; 7 also when others drifted). A local environment whose cloud is stopped, and one that was never
    applied, count as absent: no drift.
    """
    from opsctl.cli.progress import Progress
    from opsctl.drift.looking import every_name, look, look_everywhere
    from opsctl.drift.report import exit_code
    from opsctl.environments.ports import connect

    screen = console()
    if every == bool(environment):
        raise UsageError("Name one environment, or say --all.", next="opsctl drift dev, or opsctl drift --all")
    if issue not in ("", "github"):
        raise UsageError(f"There is no way to open an issue at {issue!r}.", next="--issue github")
    outcomes: list[Outcome]
    if every:
        names = every_name(config())
        outcomes = look_everywhere(
            names, lambda name: connect(config(), named(name), on_event=_lines(screen, name, names), start=False)
        )
    else:
        with Progress(screen) as progress:
            outcomes = [look(connect(config(), named(environment), on_event=progress, start=False))]
    if json:
        documents = [outcome.to_json() for outcome in outcomes]
        screen.json({"environments": documents, "exit_code": int(exit_code(outcomes))} if every else documents[0])
    else:
        for outcome in outcomes:
            _show(outcome, screen, noise)
        _show_unanswered(outcomes, screen)
    if issue:
        from opsctl.drift.issue import keep_issue
        from opsctl.github.client import connect as github

        marker = f"opsctl drift {environment}".strip()
        if place := keep_issue(github(), outcomes, marker=marker):
            screen.note(f"issue: {place}", style=None)
    code = exit_code(outcomes)
    raise typer.Exit(ExitCode.USAGE if detailed_exitcode and code == ExitCode.FINDINGS else code)


def _lines(screen: Console, name: str, names: list[str]) -> Listener:
    """Progress of one of several environments: whole lines that begin with its name."""
    from opsctl.environments.events import Notice, StageFinished
    from opsctl.terraform.events import Interrupting
    from opsctl.ui.console import duration, literal

    label = name.ljust(max(map(len, names)))

    def hear(event: object) -> None:
        if isinstance(event, StageFinished):
            text = f"[green]✓[/] {literal(event.title)} {duration(event.seconds)}  {literal(event.result)}"
        elif isinstance(event, Notice):
            text = f"[yellow]![/] {literal(event.text)}"
        elif isinstance(event, Interrupting):
            text = f"[yellow]![/] {literal(event.message)}"
        else:
            return
        screen.note(f"[dim]{literal(label)} │[/] {text}", style=None)

    return hear


def _show(outcome: Outcome, screen: Console, noise: bool) -> None:
    from opsctl.drift.report import Unanswered, author_words, words
    from opsctl.ui.console import literal

    name = f"[bold]{literal(outcome.environment)}[/]"
    if isinstance(outcome, Unanswered):
        screen.say(f"[red]✗[/] {name} could not be asked: {literal(outcome.error.what)}")
        return
    if outcome.phase == "absent":
        screen.say(f"[dim]-[/] {name} is not there: nothing to look at.")
        return
    seeming = f" [dim]({len(outcome.noise)} only look changed)[/]" if outcome.noise else ""
    if outcome.drift:
        count = f"{len(outcome.drift)} of {outcome.resources} resources"
        screen.say(f"[red]✗[/] {name} drifted: {count} were changed outside of Terraform{seeming}.")
        screen.table(
            ("resource", "what", "who"),
            [
                (finding.address, "\n".join(map(words, finding.drift)) or finding.kind,
                 author_words(outcome.author_of(finding)) or "not known")
                for finding in outcome.drift
            ],
        )  # fmt: skip
        if outcome.unasked:
            screen.warn(literal(outcome.unasked))
        screen.note(f"undo it: opsctl up {literal(outcome.environment)}. Keep it: write it into the Terraform code.")
    else:
        screen.say(f"[green]✓[/] {name} has no drift in {outcome.resources} resources{seeming}.")
    if noise and outcome.noise:
        alike = Counter(
            (finding.type, one.path, one.reason) for finding in outcome.noise for one in finding.noise
        )  # fmt: skip
        screen.table(
            ("only looks changed", "attribute", "times", "why"),
            [(kind, path, str(times), reason) for (kind, path, reason), times in sorted(alike.items())],
        )


def _show_unanswered(outcomes: list[Outcome], screen: Console) -> None:
    from opsctl.drift.report import Unanswered
    from opsctl.ui.console import literal

    missing = [outcome for outcome in outcomes if isinstance(outcome, Unanswered)]
    for outcome in missing:
        hint = f" next: {outcome.error.next}" if outcome.error.next else ""
        screen.warn(f"not asked: [bold]{literal(outcome.environment)}[/] {literal(outcome.error.where)}{literal(hint)}")
