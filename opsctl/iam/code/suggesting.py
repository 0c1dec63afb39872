"""The smallest policy that what carries a role needs: `opsctl iam suggest`."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from opsctl.hcl.symbols import SYMBOL
from opsctl.iam.code.actions import Need, Where
from opsctl.iam.code.calls import CannotTell
from opsctl.iam.code.comparing import pattern_of
from opsctl.iam.code.reading import read_code
from opsctl.iam.code.usage import Catalogue, needs_of_code, usages
from opsctl.iam.estate import Estate

NARROWEST = 24
"""Resources of one statement that are named; with more of them a policy outgrows IAM's 10,240 characters for a role."""


@dataclass(frozen=True)
class Suggestion:
    """A policy for one role, or for one piece of code.

    Attributes:
        name: of the role or the code.
        statements: Sid, Effect, Action, Resource, as JSON has them.
        cannot_tell: what may be needed besides, and can't be told.
        expressions: ARN → the Terraform expression for it, where the estate has its resource.
    """

    name: str
    statements: tuple[Mapping[str, Any], ...]
    cannot_tell: tuple[CannotTell, ...] = ()
    expressions: tuple[tuple[str, str], ...] = ()
    principal: str = ""

    def document(self) -> dict[str, Any]:
        return {"Version": "2012-10-17", "Statement": [dict(each) for each in self.statements]}

    def to_json(self) -> dict[str, Any]:
        """{"name", "principal", "policy": the document, "cannot_tell": [{"why", "file", "line", "may"}]}; stable."""
        return {
            "name": self.name, "principal": self.principal, "policy": self.document(),
            "cannot_tell": [
                {"why": each.why, "file": each.place.file, "line": each.place.line, "may": list(each.may)}
                for each in self.cannot_tell
            ],
        }  # fmt: skip

    def to_hcl(self) -> str:
        """Terraform's `jsonencode({…})`, with comments for what can't be told."""
        known = dict(self.expressions)
        lines = [f"# {self.name}"]
        lines += [
            f"# cannot tell: {each.why}{_at(each)}: may need {', '.join(each.may[:6])}" for each in self.cannot_tell
        ]
        lines += ["policy = jsonencode({", '  Version = "2012-10-17"', "  Statement = ["]
        for each in self.statements:
            lines += [
                "    {", f"      Sid      = {json.dumps(each['Sid'])}", '      Effect   = "Allow"',
                f"      Action   = [{', '.join(map(json.dumps, each['Action']))}]",
                f"      Resource = [{', '.join(_hcl(resource, known) for resource in each['Resource'])}]", "    },",
            ]  # fmt: skip
        return "\n".join([*lines, "  ]", "})", ""])


def suggest(estate: Estate, *, principal: str = "") -> tuple[Suggestion, ...]:
    """A policy for each role that something carries.

    Args:
        principal: only for the role of this name, ARN or address.
    """
    catalogue = Catalogue.of(estate)
    found = []
    for usage in usages(estate):
        role = usage.role
        if principal and principal not in (role.name, role.arn, role.address):
            continue
        found.append(_suggestion(role.name, usage.needs, usage.cannot_tell, catalogue, role.arn))
    return tuple(found)


def suggest_code(
    code: str, handler: str = "", *, layers: Sequence[str] = (), environment: Mapping[str, str] | None = None
) -> Suggestion:
    """A policy for a folder or file of Python alone; what it reads from its environment stands as ${NAME}."""
    reading = read_code(code, handler, layers=layers, environment=environment)
    found = needs_of_code(reading, Where())
    needs = [each for each in found if isinstance(each, Need)]
    cannot = tuple(sorted({each for each in found if isinstance(each, CannotTell)}))
    return _suggestion(code, needs, cannot, Catalogue())


def _suggestion(
    name: str, needs: Iterable[Need], cannot: tuple[CannotTell, ...], catalogue: Catalogue, principal: str = ""
) -> Suggestion:
    on: dict[str, set[str]] = defaultdict(set)
    for need in needs:
        if not need.optional:
            on[pattern_of(need.resource)].add(need.action)
    on = _without_covered(on)
    together: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for resource, actions in on.items():
        by_service: dict[str, list[str]] = defaultdict(list)
        for action in sorted(actions):
            by_service[action.partition(":")[0]].append(action)
        for some in by_service.values():
            together[tuple(some)].append(resource)
    statements: list[Mapping[str, Any]] = []
    sids: set[str] = set()
    for names, resources in sorted(together.items()):
        shown = sorted(resources) if len(resources) <= NARROWEST else ["*"]
        statements.append({"Sid": _sid(names, sids), "Effect": "Allow", "Action": list(names), "Resource": shown})
    arns = {resource for each in statements for resource in each["Resource"]}
    expressions = tuple(
        sorted(
            (arn, guarded.address)
            for arn, guarded in catalogue.by_arn.items()
            if guarded.address and any(each == arn or each.startswith(f"{arn}/") for each in arns)
        )
    )
    return Suggestion(name, tuple(statements), cannot, expressions, principal)


def _without_covered(on: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """Without what a wider resource has already: bucket/* covers bucket/reports/*."""
    found: dict[str, set[str]] = {}
    for resource, actions in on.items():
        wider = [
            other
            for other in on
            if other != resource and other != "*" and other.endswith("*") and resource.startswith(other[:-1])
        ]
        left = actions - set().union(*(on[each] for each in wider)) if wider else actions
        if left:
            found[resource] = set(left)
    return found


def _sid(actions: Sequence[str], taken: set[str]) -> str:
    """ "DynamodbGetItemPutItem", "S3GetObject2": letters and digits only, each once."""
    service = actions[0].partition(":")[0]
    names = "".join(action.partition(":")[2] for action in actions[:3]) + ("AndMore" if len(actions) > 3 else "")
    base = re.sub(r"[^A-Za-z0-9]", "", service.title() + names)
    sid, number = base, 2
    while sid in taken:
        sid, number = f"{base}{number}", number + 1
    taken.add(sid)
    return sid


def _at(hole: CannotTell) -> str:
    return f" ({hole.place})" if hole.place.file else ""


def _hcl(resource: str, known: Mapping[str, str]) -> str:
    """A resource as a Terraform expression: a reference where the estate has it, else a string with interpolations."""
    for arn, address in known.items():
        if resource == arn:
            return f"{address}.arn"
        if resource.startswith(f"{arn}/"):
            return f'"${{{address}.arn}}{resource[len(arn) :]}"'
    if resource == "*":
        return '"*"'
    text = SYMBOL.sub(lambda found: "${" + _reference(found[1]) + "}", resource)
    whole = re.fullmatch(r"\$\{([^{}]*)\}", text)
    return whole[1] if whole else json.dumps(text, ensure_ascii=False)


ODD_REFERENCES = {
    "account": "data.aws_caller_identity.current.account_id", "region": "data.aws_region.current.region", "?": "*",
}  # fmt: skip


def _reference(reference: str) -> str:
    if reference.startswith("env."):
        return f"var.{reference[4:].lower()}"
    return ODD_REFERENCES.get(reference, reference)
