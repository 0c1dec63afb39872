"""A plan in people's words: what is created, changed, replaced and destroyed, module by module."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opsctl.builds.function_rules import MEGABYTE, judge
from opsctl.builds.packages import LARGEST_UNZIPPED_BYTES
from opsctl.terraform.plan import Action, Change
from opsctl.terraform.wording import summary
from opsctl.ui.console import Console, literal

if TYPE_CHECKING:
    from opsctl.builds.function_rules import Bundle
    from opsctl.environments.guards.rules import Violation
    from opsctl.terraform import Plan

MARKS = {
    Action.CREATE: ("+", "green"),
    Action.UPDATE: ("~", "yellow"),
    Action.REPLACE: ("±", "red"),
    Action.DELETE: ("-", "red"),
}
MANY = 12
"""A module whose changes are all creations is summed up by type beyond this number of lines."""


def show_plan(plan: Plan, console: Console) -> None:
    """Print a plan to stderr: it is shown in order to be approved, and is not the command's result."""
    for module, changes in plan.by_module.items():
        shown = [change for change in changes if change.action in MARKS]
        if not shown:
            continue
        console.note(f"\n[bold]{literal(module or 'stack')}[/]", style=None)
        for line in _lines(shown):
            console.note(line, style=None)
    console.note(f"\n{summary(plan)}", style="bold")
    for change in plan.lossy:
        verb = "destroyed" if change.action is Action.DELETE else "replaced"
        console.note(f"  {literal(change.address)} would be {verb}: it {change.loses}", style="bold red")


def _lines(changes: list[Change]) -> list[str]:
    if len(changes) > MANY and len({change.action for change in changes}) == 1:
        kinds: dict[str, int] = {}
        for change in changes:
            kinds[change.type] = kinds.get(change.type, 0) + 1
        mark, style = MARKS[changes[0].action]
        return [
            f"  [{style}]{mark}[/] {literal(kind)}" + (f" [dim]× {number}[/]" if number > 1 else "")
            for kind, number in sorted(kinds.items())
        ]
    return [_line(change) for change in changes]


def _line(change: Change) -> str:
    mark, style = MARKS[change.action]
    text = f"  [{'bold red' if change.loses else style}]{mark}[/] {literal(change.type)}.{literal(change.name)}"
    if change.action is Action.UPDATE:
        text += f" [dim]({literal(', '.join(change.changed_attributes))})[/]"
    if change.action is Action.REPLACE:
        text += f" [dim](because of {literal(', '.join(change.replace_reasons) or 'its configuration')})[/]"
    return text


def saved_words(plan: Plan, file: Path) -> str:
    """What can be done with a plan that was saved; rich markup."""
    environment, name = literal(plan.environment), literal(file)
    lines = [
        f"\nSaved in {name}, and {name}.json beside it. The file holds secrets as the state does: keep it private."
    ]
    if not plan.binding.destroy:
        lines.append(f"Apply what it says, and nothing else: [bold]opsctl up {environment} --plan {name}[/]")
    lines.append(f"Approve it: [bold]opsctl approve {environment} --plan {name}[/]   meaning {plan.meaning[:16]}")
    return "\n".join(lines)


def show_functions(bundles: Sequence[Bundle], console: Console) -> None:
    """Print how large each function is with its layers, largest first, and what may go wrong with it."""
    if bundles:
        console.note(
            f"\n[bold]functions[/] with their layers, of {LARGEST_UNZIPPED_BYTES / MEGABYTE:.0f} MB", style=None
        )
    for bundle in sorted(bundles, key=lambda bundle: -bundle.unzipped_bytes):
        name = bundle.package.name if bundle.package else bundle.where
        console.note(f"  {bundle.unzipped_bytes / MEGABYTE:6.1f} MB  {literal(name)}", style=None)
    for finding in judge(bundles):
        console.warn(literal(f"{finding.where}: {finding.what}"))


def show_objections(violations: Sequence[Violation], console: Console) -> None:
    """Print which guards would refuse the plan if it were applied now, and how to comply."""
    for violation in violations:
        way = f", or {violation.override}" if violation.override else ""
        console.warn(literal(f"It would be refused now: {violation.what}. {violation.next}{way}."))


def show_outside(environment: str, outside: Sequence[str], console: Console) -> None:
    """Print what was changed outside of Terraform, and how to learn by whom."""
    for address in outside:
        console.warn(literal(f"Changed outside of Terraform: {address}"))
    if outside:
        console.note(f"  [dim]by whom and when:[/] opsctl drift {literal(environment)}", style=None)


def plan_document(plan: Plan, bundles: Sequence[Bundle] = (), outside: Sequence[str] = ()) -> dict[str, Any]:
    """The plan as `--json` prints it: names and actions, never values; and how large its functions are.

    Args:
        outside: addresses of what was changed outside of Terraform. What only looks so after a refresh is not among
            them (hashicorp/terraform#10507): `opsctl drift --json` lists it as `noise`.
    """
    return {
        "environment": plan.environment,
        "has_changes": plan.has_changes,
        "sha256": plan.sha256,
        "meaning": plan.meaning,
        "destroy": plan.binding.destroy,
        "file": str(plan.file),
        "terraform_version": plan.terraform_version,
        "changes": [
            {
                "address": change.address,
                "module": change.module,
                "type": change.type,
                "action": change.action.value,
                "changed_attributes": list(change.changed_attributes),
                "replace_reasons": list(change.replace_reasons),
                "stateful": change.is_stateful,
            }
            for change in plan.changes
        ],
        "drift": list(outside),
        "output_changes": list(plan.output_changes),
        "functions": [
            {
                "address": bundle.where,
                "package": bundle.package.name if bundle.package else None,
                "layers": [layer.name for layer in bundle.layers],
                "unmeasured": list(bundle.unmeasured),
                "unzipped_bytes": bundle.unzipped_bytes,
                "zipped_bytes": bundle.zipped_bytes,
                "largest_unzipped_bytes": LARGEST_UNZIPPED_BYTES,
                "extensions": list(bundle.extensions),
                "findings": [{"rule": finding.rule, "what": finding.what} for finding in judge([bundle])],
            }
            for bundle in bundles
        ],
    }
