"""Why a principal may or may not do something: `opsctl iam explain ARN ACTION RESOURCE`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, TypeVar

from opsctl.errors import UsageError, did_you_mean
from opsctl.iam.conditions import Values
from opsctl.iam.estate import Carrier, Estate, Guarded, Policy, Principal
from opsctl.iam.evaluation import ASSUMING, Applied, Decision, Request, account_of, decide
from opsctl.iam.patterns import compiled, encode, match
from opsctl.iam.policy import Statement
from opsctl.iam.vocabulary import vocabulary

T = TypeVar("T")


@dataclass(frozen=True)
class Explanation:
    """An answer with its reasons.

    Attributes:
        principal: of the estate; None for a service, a stranger or anybody.
        needed: what would have to change for it to be allowed; () where it is.
        assumed: what was taken for granted: "⟦account⟧ is 111122223333".
    """

    request: Request
    decision: Decision
    principal: Principal | None
    needed: tuple[str, ...]
    assumed: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The shape that `iam explain --json` prints; stable."""
        who = self.request.principal
        return {
            "principal": who if isinstance(who, str) else who.arn or who.name,
            "address": self.principal.address if self.principal else "",
            "action": self.request.action, "resource": self.request.resource, "allowed": self.decision.allowed,
            "allowed_by": [_as_json(each) for each in self.decision.allowing],
            "denied_by": [_as_json(each) for each in self.decision.denying],
            "missing": list(self.decision.missing), "why": list(self.decision.why), "needed": list(self.needed),
            "assumed": list(self.assumed),
        }  # fmt: skip


def _as_json(applied: Applied) -> dict[str, Any]:
    return {
        "statement": applied.statement.name, "policy": applied.policy.name if applied.policy else "",
        "layer": applied.layer, "applies": applied.answer, "file": applied.place.file, "line": applied.place.line,
    }  # fmt: skip


def explain(
    estate: Estate, principal: str, action: str, resource: str = "*", context: Mapping[str, Values] | None = None
) -> Explanation:
    """Whether a principal may do an action on a resource, and by which statements.

    Args:
        principal: ARN, name or Terraform address of one of the estate; or the ARN of a stranger, a service, "*".
        resource: an ARN, the Terraform address of a resource or role of the estate, or "*".

    An account or region that the estate doesn't know is taken to be the one of the ARNs asked about, and a request to
    be made over TLS where that decides; `assumed` says so.
    Raises UsageError for a principal, action or resource that can't be meant.
    """
    bound = _bindings(estate, principal, resource)
    estate = bind(estate, bound)
    action = _action(action)
    found = _principal(estate, principal)
    request = Request(found or principal, action, _resource(estate, resource), context or {})
    decision = decide(request, estate)
    assumed = [f"⟦{name}⟧ is {value}" for name, value in bound.items()]
    if "aws:securetransport" in decision.missing:
        request = replace(request, context={**request.context, "aws:SecureTransport": "true"})
        decision = decide(request, estate)
        assumed.append("the request is made over TLS (aws:SecureTransport is true)")
    needed = () if decision.allowed == "yes" else tuple(dict.fromkeys(_needed(decision, request, found)))
    return Explanation(request, decision, found, needed, tuple(assumed))


# Who, what, on which ------------------------------------------------------------------------------------------------


def _principal(estate: Estate, asked: str) -> Principal | None:
    for attribute in ("arn", "address", "name"):
        fitting = [each for each in estate.principals if getattr(each, attribute) == asked]
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            several = ", ".join(each.address or each.arn or each.name for each in fitting)
            raise UsageError(f"{asked} may be any of {several}.", next="Say which, by its ARN or Terraform address.")
    stranger = account_of(asked) not in ("", estate.account)
    if asked == "*" or stranger or asked.endswith((":root", ".amazonaws.com")) or re.fullmatch(r"\d{12}", asked):
        return None
    if ":assumed-role/" in asked or "-provider/" in asked:
        return None
    known = [name for each in estate.principals for name in (each.arn, each.address, each.name) if name]
    raise UsageError(
        f"There is no principal {asked} here.{did_you_mean(asked, known)}",
        next=f"Name one of {len(estate.principals)} by ARN, name or Terraform address.",
    )


def _named(estate: Estate) -> tuple[Guarded | Carrier | Principal, ...]:
    return *estate.guarded, *estate.carriers, *estate.principals


def _action(asked: str) -> str:
    known = vocabulary().action(asked)
    if known is not None:
        return known.name
    if "*" in asked or "?" in asked or ":" not in asked:
        raise UsageError(f"{asked} is not one action.", next="Name one in full, such as s3:GetObject.")
    if vocabulary().is_retired(asked):
        return asked
    near = vocabulary().nearest(asked)
    raise UsageError(
        f"AWS has no action {asked}.{f' Did you mean {near}?' if near else ''}",
        where=f"the action list of {vocabulary().date}", next="`make iam-data` renews the list.",
    )  # fmt: skip


def _resource(estate: Estate, asked: str) -> str:
    if asked == "*" or asked.startswith("arn:"):
        return asked
    arns = {
        name: each.arn
        for each in _named(estate) if each.arn
        for name in (each.address, each.name) if name
    }  # fmt: skip
    if asked in arns:
        return arns[asked]
    raise UsageError(
        f"There is no resource {asked} here.{did_you_mean(asked, arns)}",
        next="Give its ARN, or * for an action that knows none.",
    )


# Accounts and regions that nobody knew ------------------------------------------------------------------------------


def _bindings(estate: Estate, *asked: str) -> dict[str, str]:
    """What the estate's unknown account and region are, if the ARNs that were asked about are in it."""
    found: dict[str, str] = {}
    known = [each.arn for each in _named(estate) if each.arn]
    for arn in asked:
        parts = arn.split(":", 5)
        if len(parts) < 6:
            continue
        for unknown, value in ((estate.account, parts[4]), (estate.region, parts[3])):
            meant = unknown.startswith("⟦") and value and not value.startswith("⟦") and value != "aws"
            if meant and any(match(compiled(each, "resource"), encode(arn)) != "no" for each in known):
                found.setdefault(unknown.strip("⟦⟧"), value)
    return found


def bind(thing: T, values: Mapping[str, str]) -> T:
    """A copy of an estate (or of any part of it) in which symbols have become values: {"account": "111122223333"}.

    What holds none of them is kept as it is. Cost: linear in the estate.
    """
    if not values:
        return thing
    symbols = {f"⟦{name}⟧": value for name, value in values.items()}
    done: dict[int, tuple[Any, Any]] = {}

    def bound(part: Any) -> Any:
        if isinstance(part, str):
            if "⟦" in part:
                for symbol, value in symbols.items():
                    part = part.replace(symbol, value)
            return part
        if id(part) in done:
            return done[id(part)][1]
        made = part
        if isinstance(part, tuple):
            items = tuple(map(bound, part))
            made = items if any(new is not old for new, old in zip(items, part, strict=True)) else part
        elif isinstance(part, dict):
            made = {bound(key): bound(value) for key, value in part.items()}
            made = made if made != part else part
        elif is_dataclass(part) and not isinstance(part, type):
            changes = {each.name: bound(getattr(part, each.name)) for each in fields(part) if each.init}
            changed = {name: value for name, value in changes.items() if value is not getattr(part, name)}
            made = replace(part, **changed) if changed else part
        done[id(part)] = (part, made)
        return made

    return bound(thing)  # type: ignore[no-any-return]


# What would have to change ------------------------------------------------------------------------------------------


def _needed(decision: Decision, request: Request, principal: Principal | None) -> Iterator[str]:
    for each in decision.denying:
        yield f"{each} must not deny it: narrow its actions, resources or conditions."
    if decision.missing:
        yield f"A request with the right {', '.join(decision.missing)}."
    who = principal.name if principal else str(request.principal)
    own = [each for each in decision.allowing if each.layer == "identity"]
    if principal is not None and not own and not decision.missing:
        near = list(_nearly(principal.policies, request))
        yield from near or [f"A policy of {who} must allow {request.action} on {request.resource}."]
    cut = any(sentence.startswith("The permissions boundary") for sentence in decision.why)
    if principal is not None and principal.boundary is not None and own and cut:
        yield f"The permissions boundary {principal.boundary.name} must allow {request.action} too."
    if request.action.lower() in ASSUMING and not any(each.layer == "trust" for each in decision.allowing):
        yield f"The trust policy of {request.resource} must let {who} in."
    elif principal is None and not any(each.layer == "resource" for each in decision.allowing):
        yield f"The policy of {request.resource} must let {who} in."


def _nearly(policies: tuple[Policy, ...], request: Request) -> Iterator[str]:
    """Statements that miss by their resources or by their conditions alone."""
    for policy in policies:
        for statement in policy.document.statements if policy.document else ():
            if statement.effect == "Allow" and _is_about(statement, request.action):
                what = statement.resources or tuple(f"all but {each}" for each in statement.not_resources)
                under = f" under {', '.join(each.key for each in statement.conditions)}" if statement.conditions else ""
                where = f" ({statement.place})" if statement.place.file else ""
                shown = ", ".join(what[:3]) + (f" and {len(what) - 3} more" if len(what) > 3 else "")
                yield (
                    f"{statement.name} of {policy.name}{where} allows {request.action} on {shown}{under}: "
                    f"it would have to hold {request.resource}."
                )  # fmt: skip


def _is_about(statement: Statement, action: str) -> bool:
    patterns = statement.not_actions or statement.actions
    return any(compiled(each.lower()).matches(action.lower()) for each in patterns) != bool(statement.not_actions)
