"""opsctl waf test ENV|--plan FILE --requests FILE"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from opsctl.cli.context import Json, config, console, environment_names, group
from opsctl.cli.context import environment as named
from opsctl.errors import UsageError

if TYPE_CHECKING:
    from opsctl.waf.replay import Replay

app = group("Ask the firewall what it would do with a request.")


@app.callback()
def waf() -> None:
    """Ask the firewall what it would do with a request."""


@app.command("test")
def replay_requests(
    environment: Annotated[
        str, typer.Argument(metavar="[ENV]", help="Ask this one's web ACL.", autocompletion=environment_names)
    ] = "",
    requests: Annotated[
        Path | None, typer.Option("--requests", help="Requests: .jsonl, .json or .toml.", show_default=False)
    ] = None,
    plan: Annotated[
        Path | None, typer.Option("--plan", help="Ask the web ACL that this plan would make.", show_default=False)
    ] = None,
    web_acl: Annotated[str, typer.Option("--web-acl", help="Its name; without one, CloudFront's.")] = "",
    json: Json = False,
) -> None:
    """Replay requests against a web ACL and say which rule would act. Exit code 3: an expectation was not met."""
    import asyncio

    from opsctl.waf import replay

    if requests is None or bool(environment) == (plan is not None):
        raise UsageError(
            "waf test needs --requests FILE, and either ENV or --plan FILE.", next="opsctl waf test --help"
        )
    cases = replay.read_requests(requests)
    if plan is not None:
        source, acl = replay.from_plan(plan, name=web_acl)
    else:
        from opsctl.environments.events import ignore
        from opsctl.environments.ports import connect

        ports = connect(config(), named(environment), on_event=ignore, start=False)
        source, acl = replay.from_aws(ports.aws, prefix=ports.environment.prefix, name=web_acl)
    result = asyncio.run(replay.run(acl, cases, source=source))
    if json:
        console().json(result.to_json())
    else:
        show(result)
    raise typer.Exit(result.exit_code)


def show(result: Replay) -> None:
    """The results as a table, then what is not enforced and what was not met."""
    from rich.text import Text

    from opsctl.ui.console import literal
    from opsctl.waf.replay import rule_name

    screen = console()
    rows = []
    for found in result.results:
        verdict = found.verdict
        mark = "" if found.case.expect is None else ("✗ " if found.is_unmet else "✓ ")
        action = f"block {verdict.answer.status if verdict.answer else 403}" if verdict.blocks else "allow"
        labels = (label.rpartition(":")[2] for label in verdict.labels)
        notes = [*(f"counted by {matched.rule}" for matched in verdict.counted), *labels]
        rows.append((
            Text(mark + found.case.name, style="red" if found.is_unmet else ""),
            Text(action, style="yellow" if verdict.blocks else "green"),
            rule_name(verdict),
            ", ".join(notes),
        ))  # fmt: skip
    screen.table(("request", "answer", "rule", "counted, labels"), rows, title=f"Web ACL {literal(result.web_acl)}")
    missing = dict.fromkeys(entry for found in result.results for entry in found.verdict.not_enforced)
    stand_ins = dict.fromkeys(name for found in result.results for name in found.verdict.stand_ins)
    for name in stand_ins:
        screen.say(f"[dim]stand-in:[/] {literal(name)}: AWS's rules are not public; the OWASP core rule set answered")
    for entry in missing:
        screen.say(f"[yellow]not enforced:[/] {literal(entry.rule)}: {literal(entry.reason)}")
    for found in result.unmet:
        expect = found.case.expect
        assert expect is not None
        wanted = f"{expect.action} by {expect.rule}" if expect.rule else expect.action
        screen.say(f"[red]✗[/] {literal(found.case.name)}: expected {literal(wanted)}")
    screen.say(f"{len(result.results)} requests, {len(result.unmet)} expectations not met.")
