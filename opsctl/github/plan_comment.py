"""A plan as a comment on a pull request: what is lost first, then module by module, cut to what GitHub takes.

Addresses hold keys that anybody may have chosen (`for_each`), so each stands in <code>, where GitHub makes no link and
calls nobody, and without any character that could end it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from opsctl.github.markdown import LARGEST, code, plain
from opsctl.terraform.plan import Action, Change, Plan
from opsctl.terraform.wording import DONE_TO, counted, summary

MARKER = "opsctl plan {}"
"""By which the comment about an environment is found again."""

MOST_LINES = 200
"""For each module, as long as all of it fits; then half as many, and so on."""
MOST_LOSSES = 40
MOST_NAMES = 8
"""Attributes named for one resource."""
SPARE = 200
"""Characters kept free for the marker."""


def plan_comment(
    plan: Plan, *, mask: Callable[[str], str] = lambda text: text, apply: str = "",
    refusals: Sequence[str] = (), outside: Sequence[str] = (),
) -> str:  # fmt: skip
    """A plan in Markdown, at most `LARGEST` characters with its marker. It holds names and actions, no value.

    Args:
        mask: takes known secrets out of a text.
        apply: the command that applies it; by default `opsctl up ENV`.
        refusals: what guards would object to now.
        outside: addresses of what somebody changed outside of Terraform; the provider's noise is not among them.
    """
    modules = {
        module: [change for change in changes if change.action in DONE_TO] for module, changes in plan.by_module.items()
    }
    modules = {module: changes for module, changes in modules.items() if changes}
    most = MOST_LINES
    while True:
        parts = [
            _head(plan, mask),
            *_list("Guards would refuse it now:", refusals, lambda text: plain(mask(text))),
            *_list("Changed outside of Terraform since the last apply:", outside, lambda text: code(mask(text))),
        ]
        if most:
            parts += [_section(module, changes, most, mask) for module, changes in modules.items()]
        elif modules:
            parts.append(f"{len(modules)} modules change: too many to be told here.")
        text = "\n\n".join([*parts, _foot(plan, apply)])
        if len(text) <= LARGEST - SPARE:
            return text
        if not most:
            return "\n\n".join([_title(plan), "Its names are too long to be told here.", _foot(plan, apply)])
        most //= 2


def _title(plan: Plan) -> str:
    verb = " (destroy)" if plan.binding.destroy else ""
    return f"### opsctl plan: {plan.environment}{verb}\n\n**{summary(plan)}**"


def _head(plan: Plan, mask: Callable[[str], str]) -> str:
    lines = [_title(plan)]
    if plan.lossy:
        lines += ["", "> [!CAUTION]", "> **This would lose something that Terraform can't make again:**"]
        lines += [
            f"> - {code(mask(change.address))} would be "
            f"{'destroyed' if change.action is Action.DELETE else 'replaced'}: it {change.loses}"
            for change in plan.lossy[:MOST_LOSSES]
        ]
        lines += _more(len(plan.lossy) - MOST_LOSSES, "> - ")
    if plan.output_changes:
        names = ", ".join(code(mask(name)) for name in plan.output_changes[:MOST_LOSSES])
        left = len(plan.output_changes) - MOST_LOSSES
        lines += ["", f"Outputs that change: {names}" + (f" and {left:,} more" if left > 0 else "")]
    return "\n".join(lines)


def _section(module: str, changes: Sequence[Change], most: int, mask: Callable[[str], str]) -> str:
    title = f"{code(mask(module)) if module else 'stack'}: {counted(changes)}"
    lines = [_line(change, mask) for change in sorted(changes, key=lambda change: not change.loses)[:most]]
    lines += _more(len(changes) - most, "- ")
    return "\n".join(["<details>", f"<summary>{title}</summary>", "", *lines, "", "</details>"])


def _line(change: Change, mask: Callable[[str], str]) -> str:
    text = f"- {DONE_TO[change.action]} {code(mask(change.address))}"
    if change.action is Action.UPDATE and change.changed_attributes:
        return f"{text}: {_names(change.changed_attributes, mask)}"
    if change.action is Action.REPLACE:
        return f"{text} because of {_names(change.replace_reasons or ('its configuration',), mask)}"
    return text


def _names(names: Sequence[str], mask: Callable[[str], str]) -> str:
    shown = ", ".join(code(mask(name)) for name in names[:MOST_NAMES])
    return shown + (f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else "")


def _list(title: str, items: Sequence[str], shown: Callable[[str], str]) -> list[str]:
    lines = [f"- {shown(item)}" for item in items[:MOST_LOSSES]] + _more(len(items) - MOST_LOSSES, "- ")
    return ["\n".join([f"**{title}**", "", *lines])] if items else []


def _more(number: int, before: str) -> list[str]:
    return [f"{before}and {number:,} more"] if number > 0 else []


def _foot(plan: Plan, apply: str) -> str:
    made_at = plan.binding.origin.made_at
    facts = [
        f"plan `{plan.meaning[:16]}`", *([f"made {made_at[:16].replace('T', ' ')} UTC"] if made_at else []),
        f"Terraform {plan.binding.terraform_version}", f"provider {plan.binding.provider_version}",
    ]  # fmt: skip
    command = apply or f"opsctl {'down' if plan.binding.destroy else 'up'} {plan.environment}"
    last = f"\n\nTo apply it: {code(command)}" if plan.has_changes else ""
    return f"<sub>{' · '.join(facts)}</sub>{last}"
