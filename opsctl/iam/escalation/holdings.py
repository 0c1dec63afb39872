"""What a principal may do, of the actions that techniques need: the engine's grants, judged for a technique."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from fnmatch import translate
from functools import lru_cache
from itertools import chain, islice, product
from re import compile as expression

from opsctl.iam.conditions import NO, YES, context_of, holds
from opsctl.iam.escalation.technique import Technique
from opsctl.iam.escalation.techniques import ACTIONS, LIMITS, TECHNIQUES
from opsctl.iam.estate import Principal
from opsctl.iam.evaluation import Grant, grants_of
from opsctl.iam.patterns import TooLarge, covers, overlap
from opsctl.iam.policy import Statement

BY_SERVICE: Mapping[str, frozenset[str]] = {
    service: frozenset(action for action in ACTIONS if action.startswith(f"{service}:"))
    for service in {action.partition(":")[0] for action in ACTIONS}
}
# AWS's policies that give everything, or what it takes to get it: any of them makes attaching an escalation.
MIGHTY = ("arn:aws:iam::aws:policy/AdministratorAccess", "arn:aws:iam::aws:policy/IAMFullAccess")
CUSTOMERS = "arn:*:iam::*:policy/*"
MANY = 100  # ARNs of policies of its own making that are tried
Asked = tuple[tuple[str, str | None], ...]
# Where these are all gone, a principal with everything else is no administrator: it can't give itself the rest.
CORE = frozenset(
    f"iam:{call}"
    for call in ("createpolicyversion", "attachrolepolicy", "attachuserpolicy", "putrolepolicy", "putuserpolicy")
)


@lru_cache(maxsize=1 << 16)
def actions_like(pattern: str) -> frozenset[str]:
    """The actions of techniques that a statement's pattern (in lower case) names."""
    if "*" not in pattern and "?" not in pattern:
        return frozenset((pattern,)) & ACTIONS
    service, _, call = pattern.partition(":")
    if "*" in service or "?" in service:
        return ACTIONS if pattern in ("*", "*:*") else _matching(pattern, ACTIONS)
    own = BY_SERVICE.get(service, frozenset())
    return own if call == "*" else _matching(pattern, own)


def _matching(pattern: str, actions: frozenset[str]) -> frozenset[str]:
    if not actions:
        return actions
    if pattern.find("*") == len(pattern) - 1 and "?" not in pattern:
        return frozenset(action for action in actions if action.startswith(pattern[:-1]))
    found = expression(translate(pattern.replace("[", "[[]")))
    return frozenset(action for action in actions if found.match(action))


def named_by(statement: Statement) -> frozenset[str]:
    """The actions of techniques that a statement is about."""
    if statement.not_actions:
        return ACTIONS.difference(*(actions_like(pattern.lower()) for pattern in statement.not_actions))
    return frozenset().union(*(actions_like(pattern.lower()) for pattern in statement.actions))


@dataclass(frozen=True)
class Area:
    """The resources on which some grants together let an action be done; equal ones are looked up once.

    Attributes:
        parts: (pattern, patterns that must match too, patterns that must not).
    """

    parts: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...]

    @classmethod
    def of(cls, grants: Iterable[Grant]) -> Area:
        return cls(tuple(dict.fromkeys((grant.resource, grant.within, grant.without) for grant in grants)))


class Holdings:
    """One principal's. Cost: its statements, and the actions of techniques that they name."""

    def __init__(self, principal: Principal) -> None:
        self.principal = principal
        statements = [
            statement
            for policy in principal.policies
            if policy.document is not None
            for statement in policy.document.statements
        ]
        allowing = [each for each in statements if each.effect == "Allow"]
        self.named = frozenset().union(*map(named_by, allowing))
        # The engine compiles all of a document; most name nothing that makes a technique.
        self._grants = grants_of(principal) if self.named & LIMITS or possible(self.named) else None
        self.held = frozenset(action for action in self.named if self._grants and self._grants.can(action))
        self._usable: dict[tuple[str, str], tuple[Grant, ...]] = {}
        self.everything = bool(CORE & self.held) and any(map(allows_all, allowing)) and self._wide()

    def _wide(self) -> bool:
        """Boundary and Denies leave it so much that it can take the rest."""
        return any(
            grant.resource == "*" and not grant.within and not grant.without
            for action in CORE & self.held
            for grant in self.can(action)
        )

    def can(self, action: str, service: str = "") -> tuple[Grant, ...]:
        """What lets it do an action, for a technique that passes a role to `service`.

        Conditions on what the technique decides (the service, the policy that is attached) are judged; others may hold:
        a grant to whoever used MFA is a grant.
        """
        key = (action.lower(), service)
        found = self._usable.get(key)
        if found is None:
            judged = (
                next(filter(None, (judge(grant, asked) for asked in self._choices(grant, key[0], service))), None)
                for grant in (self._grants.can(key[0]) if self._grants else ())
            )
            found = self._usable[key] = tuple(grant for grant in judged if grant is not None)
        return found

    def _choices(self, grant: Grant, action: str, service: str) -> Iterator[Asked]:
        """What a technique may choose, best first: any choice that the grant's conditions let through will do."""
        if not action.startswith("iam:attach"):
            yield context_for(action, service)
            return
        for policy in chain(MIGHTY, islice(self._own_policies(grant), MANY)):
            yield (("iam:PolicyARN", policy), *WITHOUT_BOUNDARY)

    def _own_policies(self, grant: Grant) -> Iterator[str]:
        """ARNs of policies that it may write itself, among what a grant or its Denies say of iam:PolicyARN."""
        conditions = (*grant.conditions, *(each for deny in grant.unless for each in deny.conditions))
        named = [value for each in conditions if each.key.lower() == "iam:policyarn" for value in each.values]
        writing = [*self.can("iam:CreatePolicy"), *self.can("iam:CreatePolicyVersion")] if conditions else []
        for wanted, written in product((*named, CUSTOMERS), writing):
            arn = shared(wanted, CUSTOMERS if written.resource == "*" else written.resource)
            if arn and ":iam::aws:" not in arn and written.on(arn) != "no":
                yield arn

    @property
    def walls(self) -> tuple[Statement, ...]:
        """The Deny statements that stand in its own policies."""
        return tuple(
            statement
            for policy in self.principal.policies
            if policy.document is not None
            for statement in policy.document.statements
            if statement.effect == "Deny"
        )


def shared(one: str, other: str) -> str | None:
    """An ARN in both patterns."""
    try:
        return overlap(one, other)
    except TooLarge:
        return None


WITHOUT_BOUNDARY: Asked = (("iam:PermissionsBoundary", None),)


def context_for(action: str, service: str) -> Asked:
    """Condition keys whose values the technique decides (IAM's and PassRole's, Service Authorization Reference)."""
    if action == "iam:passrole":
        return (("iam:PassedToService", service),) if service else ()
    if action in ("iam:putuserpolicy", "iam:putrolepolicy", "iam:createuser", "iam:createrole"):
        return WITHOUT_BOUNDARY
    return ()


def judge(grant: Grant, asked: Asked) -> Grant | None:
    """A grant with what `asked` decides; None where that leaves nothing."""
    if not asked or not (grant.conditions or grant.unless):
        return grant
    context = context_of(dict(asked))
    if any(holds(condition, context) == NO for condition in grant.conditions):
        return None
    for deny in grant.unless:
        if all(holds(condition, context) == YES for condition in deny.conditions):
            if deny.not_resources or any(covers(pattern, grant.resource) for pattern in deny.resources or ("*",)):
                return None
            grant = replace(grant, without=(*grant.without, *deny.resources))
    return grant


def allows_all(statement: Statement) -> bool:
    return any(each in ("*", "*:*") for each in statement.actions) and "*" in statement.resources


@lru_cache(maxsize=4096)
def possible(held: frozenset[str]) -> tuple[tuple[Technique, tuple[tuple[str, ...], ...]], ...]:
    """Techniques with a variant whose actions are all held; principals with the same actions share the answer."""
    found = []
    for technique, lowered in _LOWERED:
        needs = tuple(need for need, low in lowered if low <= held)
        if needs:
            found.append((technique, needs))
    return tuple(found)


_LOWERED = tuple(
    (technique, tuple((need, frozenset(action.lower() for action in need)) for need in technique.needs))
    for technique in TECHNIQUES
)
