"""opsctl policy lint PATH…, opsctl policy test, opsctl policy list, opsctl policy explain RULE"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from opsctl.cli import findings_output as output
from opsctl.cli.context import Json, console, group

app = group("Rules over Terraform, made for pull requests: with or without a plan.")

Select = Annotated[
    list[str] | None,
    typer.Option("--select", metavar="RULE", help="Only these: an id, an area (s3), a pattern (s3/*) or a tag (S5)."),
]
Skip = Annotated[list[str] | None, typer.Option("--skip", metavar="RULE", help="Not these; as --select.")]


@app.command()
def lint(
    paths: output.Paths,
    source: output.Source = None,
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

    def check(where: Sequence[Path]) -> output.Checked:
        linted = run(where, source=source, select=select or (), skip=skip or ())
        return output.Checked(linted.report, linted.rules, linted.ran, linted.files)

    wishes = output.Wishes(
        json, format, file, fail_on, fail_on_not_analysed, baseline, write_baseline, waivers, diff
    )  # fmt: skip
    raise typer.Exit(output.finish(check, paths, wishes, tool="opsctl policy lint"))


@app.command("list")
def list_(select: Select = None, json: Json = False) -> None:
    """List the rules."""
    from opsctl.policy.linting import OWN_RULES, known_rules
    from opsctl.policy.loading import built_in, chosen

    rules = sorted((*known_rules(built_in()), *OWN_RULES), key=lambda rule: rule.id)
    wanted = chosen(rules, select or ())
    rows = [rule for rule in rules if rule.id in wanted]
    if json:
        console().json(
            {"rules": [{"id": each.id, "severity": each.severity.word, "title": each.title, "tags": list(each.tags)}
                       for each in rows]}
        )  # fmt: skip
    else:
        console().table(
            ("rule", "severity", "what it finds"), [(each.id, each.severity.word, each.title) for each in rows]
        )
