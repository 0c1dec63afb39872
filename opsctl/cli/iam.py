"""opsctl iam check|suggest PATH…, opsctl iam diff BASE HEAD, opsctl iam explain PRINCIPAL ACTION RESOURCE"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from opsctl.cli import findings_output as output
from opsctl.cli.context import Json, config, console, environment_names, group
from opsctl.cli.context import environment as named
from opsctl.errors import UsageError

if TYPE_CHECKING:
    from opsctl.environments.ports import Ports
    from opsctl.iam.changes import Compared
    from opsctl.iam.explaining import Explanation

app = group("Say who may do what, who could get more, and what is granted for nothing.")

Select = Annotated[
    list[str] | None,
    typer.Option("--select", metavar="RULE", help="Only rules that begin so: escalation/, trust/public."),
]
In = Annotated[Path, typer.Option("--in", metavar="PATH", help="Terraform folder, plan, or policy documents to read.")]
STACK = Path("terraform/stack")


Live = Annotated[
    str,
    typer.Option(
        "--live", metavar="ENV", help="Ask this environment's account, too.", autocompletion=environment_names
    ),
]


def live_ports(environment: str) -> Ports:
    """The cloud of an environment that is up."""
    from opsctl.environments.events import ignore
    from opsctl.environments.ports import connect

    return connect(config(), named(environment), on_event=ignore, start=False)


@app.command()
def check(
    paths: output.Paths,
    source: output.Source = None,
    var_files: output.VarFiles = None,
    select: Select = None,
    live: Live = "",
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

    asked, given = None, dict[str, Any]()
    if live:
        from opsctl.environments.planning import given_to_stack
        from opsctl.iam.live import live_findings

        ports = live_ports(live)
        asked, given = partial(live_findings, aws=ports.aws, clock=ports.clock), given_to_stack(ports)
    if var_files:
        given["var_files"] = var_files

    def found(where: Sequence[Path]) -> output.Checked:
        report = run(where, source=source, select=select or (), live=asked, **given)
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
        show_new_access(compared)
    code = ExitCode.FINDINGS if compared.new else ExitCode.PARTIAL if compared.untold else ExitCode.DONE
    raise typer.Exit(code)


def show_new_access(compared: Compared) -> None:
    """Each new access as a sentence with its counterexample; then what could not be told."""
    from opsctl.ui.console import literal

    screen = console()
    for access in compared.new:
        screen.say(f"[red]+[/] {literal(access.message)}")
        given = ", ".join(f"{key} = {' or '.join(values or ('not there',))}" for key, values in access.context.items())
        example = f"{access.principal} → {access.action} on {access.resource}{f' with {given}' if given else ''}"
        screen.say(f"    [dim]for example[/] {literal(example)}")
        for statement in access.allowing:
            screen.say(f"    [dim]by[/] {literal(str(statement))}")
    for access in compared.untold:
        screen.say(f"[yellow]?[/] {literal(access.message)}")
    screen.say(f"{len(compared.new)} new." if compared.new else "No new access.")


@app.command()
def explain(
    principal: Annotated[str, typer.Argument(metavar="PRINCIPAL", help="ARN, name or Terraform address.")],
    action: Annotated[str, typer.Argument(metavar="ACTION", help="Such as s3:GetObject.")],
    resource: Annotated[str, typer.Argument(metavar="RESOURCE", help="An ARN.")] = "*",
    path: In = STACK,
    source: output.Source = None,
    context: Annotated[
        list[str] | None, typer.Option("--context", metavar="KEY=VALUE", help="A condition key of the request.")
    ] = None,
    live: Live = "",
    json: Json = False,
) -> None:
    """Say whether somebody may do something, and which statements decide; with --live also what AWS says."""
    from opsctl.iam.checking import estate_of
    from opsctl.iam.explaining import explain as judge

    given, ports, told = pairs(context or ()), None, dict[str, Any]()
    if live:
        from opsctl.environments.planning import given_to_stack

        ports = live_ports(live)
        told = given_to_stack(ports)
    explanation = judge(estate_of(path, source=source, **told), principal, action, resource, given)
    simulated = None
    if ports:
        from opsctl.iam.live import simulate

        simulated = simulate(ports.aws, arn_in(ports, explanation), action, resource, given)
    if json:
        console().json(explanation.to_json() | ({"aws": simulated.to_json()} if simulated else {}))
        return
    show_explanation(explanation)
    if simulated:
        console().say(f"  [dim]AWS says[/] {simulated.decision}")


def arn_in(ports: Ports, explanation: Explanation) -> str:
    """The ARN of who is asked about, in an environment's account."""
    who = explanation.request.principal
    return (who if isinstance(who, str) else who.arn).replace("⟦account⟧", ports.environment.account_id)


def pairs(given: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """`key=value` words as a context; the same key twice has both values."""
    found: dict[str, tuple[str, ...]] = {}
    for word in given:
        key, equals, value = word.partition("=")
        if not equals:
            raise UsageError(f"--context {word} is not KEY=VALUE.", next="--context aws:SourceVpce=vpce-1")
        found[key] = (*found.get(key, ()), value)
    return found


ANSWERS = {"yes": "[green]allowed[/]", "no": "[red]not allowed[/]", "depends": "[yellow]it depends[/]"}


def show_explanation(explanation: Explanation) -> None:
    """The answer, the statements behind it, and what would have to change."""
    from opsctl.ui.console import literal

    screen, decision = console(), explanation.decision
    screen.say(f"{ANSWERS[decision.allowed]}: {literal(str(explanation.request.action))} "
               f"on {literal(explanation.request.resource)}")  # fmt: skip
    for word, statements in (("allows", decision.allowing), ("denies", decision.denying)):
        for statement in statements:
            screen.say(f"  [dim]{word}[/] {literal(str(statement))}")
    sentences = (("why", decision.why), ("needs", explanation.needed), ("assumed", explanation.assumed))
    for word, told in sentences:
        for sentence in told:
            screen.say(f"  [dim]{word}[/] {literal(sentence)}")


@app.command()
def suggest(
    paths: output.Paths,
    source: output.Source = None,
    principal: Annotated[str, typer.Option("--for", metavar="PRINCIPAL", help="Only for this role.")] = "",
    json: Json = False,
) -> None:
    """Write the smallest policy that what carries a role needs, by its code, its triggers and its settings.

    PATH is a Terraform folder, a plan, or Python code alone (a file or a folder without Terraform).
    """
    from opsctl.iam.checking import suggestions_for

    suggestions = [one for path in paths for one in suggestions_for(path, source=source, principal=principal)]
    if json:
        console().json({"suggestions": [one.to_json() for one in suggestions]})
        return
    for one in suggestions:
        console().text(one.to_hcl())
