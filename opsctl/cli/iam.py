"""opsctl iam check|suggest PATH…, opsctl iam diff BASE HEAD, opsctl iam explain PRINCIPAL ACTION RESOURCE"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from opsctl.cli import findings_output as output
from opsctl.cli.context import Json, console, group

if TYPE_CHECKING:
    from opsctl.iam.comparing import NewAccess

app = group("Say who may do what, who could get more, and what is granted for nothing.")

Select = Annotated[
    list[str] | None,
    typer.Option("--select", metavar="RULE", help="Only rules that begin so: escalation/, trust/public."),
]
In = Annotated[Path, typer.Option("--in", metavar="PATH", help="Terraform folder, plan, or policy documents to read.")]
STACK = Path("terraform/stack")


@app.command()
def check(
    paths: output.Paths,
    source: output.Source = None,
    select: Select = None,
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
    """Check least privilege in a Terraform folder, a plan (JSON), or policy documents. Needs no account.

    Escalation paths, public and cross-account trust, actions that don't exist, wildcards that could be narrower, code
    against its role. With a plan name the Terraform that it was made from with --source: what an apply has yet to
    make is then known from there, and findings land on its lines.

    Exit codes: 0 nothing at or above --fail-on; 2 a path, an option or a file is wrong; 3 findings at or above
    --fail-on; 7 with --fail-on-not-analysed, something could not be read.
    """
    from opsctl.iam.checking import check as run
    from opsctl.iam.checking import rules

    def found(where: Sequence[Path]) -> output.Checked:
        report = run(where, source=source, select=select or ())
        known = rules()
        ran = frozenset(name for name in known if not select or name.startswith(tuple(select)))
        return output.Checked(report, known, ran)

    wishes = output.Wishes(
        json, format, file, fail_on, fail_on_not_analysed, baseline, write_baseline, waivers, diff
    )  # fmt: skip
    raise typer.Exit(output.finish(found, paths, wishes, tool="opsctl iam check"))


@app.command()
def diff(
    base: Annotated[str, typer.Argument(metavar="BASE", help="Folder, plan JSON, or git ref.", show_default=False)],
    head: Annotated[str, typer.Argument(metavar="HEAD", help="Folder, plan JSON, or git ref.", show_default=False)],
    path: In = STACK,
    json: Json = False,
) -> None:
    """Say what new access a change grants, each with a request that was refused before and is allowed after.

    With git refs the folder that --in names is read as it was there. Exit code 3: there is new access; 7: there may be
    more, since something could not be read.
    """
    from opsctl.exit_codes import ExitCode
    from opsctl.iam.changes import compare

    compared = compare(base, head, path=path)
    if json:
        console().json(compared.to_json())
    else:
        show_new_access(compared.new, compared.holes)
    raise typer.Exit(ExitCode.FINDINGS if compared.new else ExitCode.PARTIAL if compared.holes else ExitCode.DONE)


def show_new_access(new: Sequence[NewAccess], holes: Sequence[str]) -> None:
    """Each new access as a sentence with its counterexample; then what could not be told."""
    from opsctl.ui.console import literal

    screen = console()
    for access in new:
        screen.say(f"[red]+[/] {literal(access.sentence)}")
        for name, value in access.counterexample().items():
            if value:
                screen.say(f"    [dim]{name}:[/] {literal(str(value))}")
    for hole in holes:
        screen.say(f"[yellow]?[/] {literal(hole)}")
    screen.say(f"{len(new)} new {'access' if len(new) == 1 else 'accesses'}." if new else "No new access.")


@app.command()
def explain(
    principal: Annotated[str, typer.Argument(metavar="PRINCIPAL", help="ARN, name or Terraform address.")],
    action: Annotated[str, typer.Argument(metavar="ACTION", help="Such as s3:GetObject.")],
    resource: Annotated[str, typer.Argument(metavar="RESOURCE", help="An ARN.")] = "*",
    path: In = STACK,
    source: output.Source = None,
    json: Json = False,
) -> None:
    """Say whether somebody may do something, and which statements decide."""
    from opsctl.iam.checking import estate_of
    from opsctl.iam.explaining import explain as judge
    from opsctl.ui.console import literal

    explanation = judge(estate_of(path, source=source), principal, action, resource)
    if json:
        console().json(explanation.to_json())
        return
    for line in explanation.lines():
        console().say(literal(line))


@app.command()
def suggest(
    paths: output.Paths,
    source: output.Source = None,
    principal: Annotated[str, typer.Option("--for", metavar="PRINCIPAL", help="Only for this role.")] = "",
    json: Json = False,
) -> None:
    """Write the smallest policy that what carries a role needs, by its code, its triggers and its settings."""
    from opsctl.iam.checking import estate_of
    from opsctl.iam.code.suggesting import suggest as write

    suggestions = [one for path in paths for one in write(estate_of(path, source=source), principal=principal)]
    if json:
        console().json({"suggestions": [one.to_json() for one in suggestions]})
        return
    for one in suggestions:
        console().text(one.to_hcl())
