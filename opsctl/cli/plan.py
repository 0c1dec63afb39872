"""opsctl plan ENV"""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from opsctl.cli.context import EnvironmentArgument, Json, Yes, config, console
from opsctl.cli.context import environment as named
from opsctl.exit_codes import ExitCode

if TYPE_CHECKING:
    from opsctl.terraform import Plan, Terraform


class Comment(Enum):
    """Where a plan is told as Markdown."""

    GITHUB = "github"
    MARKDOWN = "markdown"
    STDOUT = "-"


def plan(
    environment: EnvironmentArgument,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Save the plan here, and FILE.json beside it.")
    ] = None,
    destroy: Annotated[bool, typer.Option("--destroy", help="What `down` would destroy.")] = False,
    comment: Annotated[
        Comment | None,
        typer.Option("--comment", help="Tell it as Markdown: on the pull request (github) or here (markdown, -)."),
    ] = None,
    pr: Annotated[
        int | None, typer.Option("--pr", min=1, help="The pull request; in GitHub Actions it is known.")
    ] = None,
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="Exit 2 when the plan has changes, as Terraform does.")
    ] = False,
    json: Json = False,
    yes: Yes = False,
) -> None:
    """Show what `up` would change, in people's words, and keep the plan. Nothing is changed."""
    from opsctl.cli.approvals import Afresh
    from opsctl.cli.plan_view import (
        plan_document,
        saved_words,
        show_functions,
        show_objections,
        show_outside,
        show_plan,
    )
    from opsctl.cli.progress import Progress
    from opsctl.drift import findings_in
    from opsctl.environments import planning
    from opsctl.environments.guards.checking import objections
    from opsctl.environments.ports import connect
    from opsctl.environments.up import plan_up
    from opsctl.github import connect as connect_github
    from opsctl.terraform.wording import summary

    screen = console()
    if out:
        planning.check_out(out)
    if comment is Comment.GITHUB:
        connect_github()  # what is missing is told before anything slow begins
    with Progress(screen) as progress:
        ports = connect(config(), named(environment), on_event=progress)
        if destroy:
            terraform, made = planning.plan_down(ports, out=out)
        else:
            terraform, made = plan_up(ports, afresh=Afresh(screen, progress, yes), out=out)
        bundles = planning.bundles(ports, made)
        objecting = objections(ports, made)
        outside = [finding.address for finding in findings_in(made.file) if finding.is_real]
    refusals = [violation.what for violation in objecting]
    told = tell(made, terraform, refusals, outside, comment, pr, out) if comment else ""
    if comment in (Comment.MARKDOWN, Comment.STDOUT):
        screen.text(told)
    elif json:
        document = plan_document(made, bundles, outside) | {"guards": [violation.to_json() for violation in objecting]}
        screen.json(document | ({"comment": told} if told else {}))
    elif made.has_changes:
        show_functions(bundles, screen)
        show_plan(made, screen)
    else:
        screen.say(summary(made))
    if not json:
        show_outside(environment, outside, screen)
        show_objections(objecting, screen)
    if out and not json:
        screen.note(saved_words(made, out), style=None)
    if comment is Comment.GITHUB and not json:
        screen.note(f"Told on the pull request: {told}", style=None)
    raise typer.Exit(ExitCode.USAGE if detailed_exitcode and made.has_changes else ExitCode.DONE)


def tell(
    made: Plan, terraform: Terraform, refusals: list[str], outside: list[str], where: Comment, number: int | None,
    out: Path | None,
) -> str:  # fmt: skip
    """The plan as Markdown, or the address of the comment that now holds it."""
    from opsctl.github import comments, connect
    from opsctl.github.plan_comment import MARKER, plan_comment

    body = plan_comment(
        made,
        mask=terraform.masked,
        refusals=refusals,
        outside=outside,
        apply=f"opsctl up {made.environment} --plan {out}" if out and not made.binding.destroy else "",
    )
    if where is not Comment.GITHUB:
        return body
    client = connect()
    return comments.upsert(client, number or client.pull_request(), MARKER.format(made.environment), body)
