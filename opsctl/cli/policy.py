"""opsctl policy lint PATH…, opsctl policy test, opsctl policy list, opsctl policy explain RULE"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from opsctl.cli import findings_output as output
from opsctl.cli.context import Json, console, group
from opsctl.exit_codes import ExitCode

if TYPE_CHECKING:
    from opsctl.findings import Rule
    from opsctl.policy.own_rules import OwnRules
    from opsctl.policy.settings import Settings

app = group("Rules over Terraform, made for pull requests: with or without a plan.")

Rules = Annotated[
    list[Path] | None,
    typer.Option("--rules", metavar="DIR", help="Also your own: Rego as for conftest, Python as in policies/."),
]
Select = Annotated[
    list[str] | None,
    typer.Option("--select", metavar="RULE", help="Only these: an id, an area (s3), a pattern (s3/*) or a tag (S5)."),
]
Skip = Annotated[list[str] | None, typer.Option("--skip", metavar="RULE", help="Not these; as --select.")]


@app.command()
def lint(
    paths: output.Paths,
    source: output.Source = None,
    var_file: output.VarFiles = None,
    rules: Rules = None,
    select: Select = None,
    skip: Skip = None,
    fail_on: output.FailOn = "high",
    fail_on_not_analysed: output.FailOnNotAnalysed = False,
    baseline: output.Baseline = None,
    write_baseline: output.WriteBaseline = None,
    waivers: output.Waivers = None,
    diff: output.Diff = "",
    json: Json = False,
    format: output.Format = "text",
    file: output.Output = None,
) -> None:
    """Run every rule over Terraform folders and plans (JSON). Needs no account, no configuration and no Terraform.

    A folder is read as Terraform reads it, modules and variables included; a plan (terraform show -json) with
    --source lands on the lines of its .tf files. What can't be read is a finding `not-analysed`, never silence.

    Exit codes: 0 nothing at or above --fail-on; 2 a path, an option or a file is wrong; 3 findings at or above
    --fail-on; 7 with --fail-on-not-analysed, something could not be read.
    """
    from opsctl.policy.linting import lint as run

    wishes = output.Wishes(
        json, format, file, fail_on, fail_on_not_analysed, baseline, write_baseline, waivers, diff
    )  # fmt: skip
    with _own(rules) as (own, settings):

        def check(where: Sequence[Path]) -> output.Checked:
            linted = run(
                where, source=source, var_files=var_file or (), select=select or (), skip=skip or (), own=own,
                settings=settings.values,
            )  # fmt: skip
            return output.Checked(linted.report, linted.rules, linted.ran, linted.files, linted.moved)

        code = output.finish(check, paths, wishes, tool="opsctl policy lint")
    raise typer.Exit(code)


@app.command("test")
def run_fixtures(rules: Rules = None, select: Select = None, json: Json = False) -> None:
    """Run the rules over their fixtures: nothing found in the passing one, and in the failing one what its lines say.

    The built-in rules, or those of --rules DIR. Exit codes: 0 all as they should be; 1 a fixture is not.
    """
    from opsctl.policy.fixtures import examine_rules
    from opsctl.ui.console import literal

    screen = console()
    with _own(rules) as (own, _):
        results = examine_rules(own if rules else None, select or ())
    wrong = [result for result in results if not result.passed]
    if json:
        screen.json(
            {"fixtures": [{"fixture": str(each.fixture), "rules": list(each.rules), "problems": list(each.problems)}
                          for each in results]}
        )  # fmt: skip
    else:
        for result in wrong:
            screen.say(f"[red]✗[/] {literal(result.fixture)}")
            for problem in result.problems:
                screen.say(f"    {literal(problem)}", whole=True)
        count = len({rule for result in results for rule in result.rules})
        screen.say(
            f"[red]✗[/] {len(wrong)} of {len(results)} fixtures are not as they should be." if wrong
            else f"[green]✓[/] {count} rules find what their {len(results)} fixtures say, and nothing else."
        )  # fmt: skip
    raise typer.Exit(ExitCode.FAILED if wrong else ExitCode.DONE)


@app.command("list")
def list_(rules: Rules = None, select: Select = None, json: Json = False) -> None:
    """List the rules."""
    from opsctl.policy.loading import chosen

    with _known(rules) as known:
        wanted = chosen(known, select or ())
        rows = sorted((rule for rule in known if rule.id in wanted), key=lambda rule: rule.id)
    if json:
        console().json({"rules": [_as_json(rule) for rule in rows]})
    else:
        console().table(
            ("rule", "severity", "what it finds"), [(each.id, each.severity.word, each.title) for each in rows]
        )


@app.command()
def explain(
    rule: Annotated[str, typer.Argument(metavar="RULE", help="Its id, as in `opsctl policy list`.")],
    rules: Rules = None,
    json: Json = False,
) -> None:
    """Say what a rule looks for, why, and how to mend it."""
    from opsctl.errors import UsageError, did_you_mean
    from opsctl.ui.console import literal

    with _known(rules) as known:
        by_id = {each.id: each for each in known}
    if rule not in by_id:
        raise UsageError(f"There is no rule {rule}.{did_you_mean(rule, by_id)}", next="opsctl policy list")
    found, screen = by_id[rule], console()
    if json:
        screen.json(_as_json(found))
        return
    colour = output.COLOUR[found.severity]
    screen.say(f"[bold]{literal(found.id)}[/] [{colour}]{found.severity.word}[/]  {literal(found.title)}")
    for name, text in (("why", found.why), ("mend", found.mend), ("tags", ", ".join(found.tags))):
        if text:
            screen.say(f"\n[dim]{name}:[/] {literal(text)}")
    for link in found.links:
        screen.say(f"  {literal(link)}", whole=True)


def _as_json(rule: Rule) -> dict[str, object]:
    return {
        "id": rule.id, "severity": rule.severity.word, "title": rule.title, "why": rule.why, "mend": rule.mend,
        "links": list(rule.links), "tags": list(rule.tags),
    }  # fmt: skip


@contextmanager
def _own(folders: Sequence[Path] | None) -> Iterator[tuple[OwnRules | None, Settings]]:
    """Users' own rules (of --rules, else of opsctl.toml), and the settings; the worker is gone afterwards."""
    from opsctl.policy.settings import read_settings

    settings = read_settings(Path.cwd())
    found = folders or settings.rules
    if not found:
        yield None, settings
        return
    from opsctl.policy.own_rules import SECONDS, OwnRules

    with OwnRules(seconds=settings.seconds or SECONDS) as own:
        yield own.load(found), settings


@contextmanager
def _known(folders: Sequence[Path] | None) -> Iterator[list[Rule]]:
    """Every rule that `lint` would run here, and those about waivers and about what could not be read."""
    from opsctl.findings.waivers import RULES
    from opsctl.policy.linting import OWN_RULES, known_rules
    from opsctl.policy.loading import built_in

    with _own(folders) as (own, _):
        yield [*known_rules(built_in()), *OWN_RULES, *RULES, *(own.rules if own else ())]
