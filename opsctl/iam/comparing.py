"""What a change lets somebody do that nobody could do before: `opsctl iam diff BASE HEAD`.

Where two sets of policies differ, requests are alike as far as they meet the same statements. So the space of requests
is cut along the policies' own lines: actions by which statements are about them, resources by which patterns they are
in, contexts by which conditions hold. Each piece that is not empty has one representative, both sides decide it with
`opsctl.iam.evaluation.decide`, and what is refused before and allowed after is reported with that request. Sound,
because every counterexample is decided; complete over the real actions as far as the pieces are (a test and a benchmark
compare with brute force).

Cost: linear in principals and resources; those whose policies are the same on both sides cost a comparison. Within one
that changed, with the number of pieces that its statements cut.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from itertools import combinations, islice, pairwise, product
from typing import Any, Literal, TypeVar

from opsctl.findings import NOWHERE, Place
from opsctl.iam.conditions import Context, holds, moment, operator_of
from opsctl.iam.estate import Estate, Guarded, Policy, Principal
from opsctl.iam.evaluation import ASSUMING, Applied, Decision, Request, account_of, decide
from opsctl.iam.patterns import (
    Answer,
    Automaton,
    Pattern,
    TooLarge,
    compiled,
    differ,
    fill,
    has_variables,
    variables_in,
)  # fmt: skip
from opsctl.iam.policy import Condition, Document, Statement
from opsctl.iam.policy import Principal as Named
from opsctl.iam.vocabulary import vocabulary

Kind = Literal["identity", "resource", "trust", "not-analysed"]
KINDS = 64  # kinds of resources for which one action class is given an example each
CONTEXTS = 2048  # combinations of condition values that are tried for one set of actions
Values = tuple[str, ...] | None
# What else than the ARN itself a resource's policy is about.
_INSIDE: Mapping[str, tuple[str, ...]] = {"s3_bucket": ("/*",), "lambda_function": (":*",)}


@dataclass(frozen=True)
class NewAccess:
    """Access that `head` gives and `base` doesn't, or a place where that can't be told.

    Attributes:
        kind: whose policy gives it: the principal's own, a resource's, a role's trust; or "not-analysed".
        principal: ARN of who gets it; "*" for anybody, a service's name.
        address: the Terraform address of what changed.
        actions: all real actions that are new in this way, in order.
        action, resource, context: the counterexample: a request refused before and allowed after.
        resources: examples of resources, one for each piece; the counterexample's first.
        before, after: what `decide` said: "no" and "yes"; "depends" where an unknown value has the last word.
        allowing: the statements of `head` that allow it.
        why: what refused it before.
        plausible: False where no action of it works on such a resource, so that the access is on paper only.
    """

    kind: Kind
    principal: str
    address: str
    message: str
    actions: tuple[str, ...] = ()
    action: str = ""
    resource: str = ""
    context: Mapping[str, Values] = field(default_factory=dict, hash=False)
    resources: tuple[str, ...] = ()
    before: Answer = "no"
    after: Answer = "yes"
    allowing: tuple[Applied, ...] = ()
    why: tuple[str, ...] = ()
    place: Place = NOWHERE
    plausible: bool = True

    def to_json(self) -> dict[str, Any]:
        """The shape that `iam diff --json` prints."""
        return {
            "kind": self.kind, "principal": self.principal, "address": self.address, "message": self.message,
            "actions": list(self.actions), "resources": list(self.resources),
            "counterexample": {
                "principal": self.principal, "action": self.action, "resource": self.resource,
                "context": {key: None if values is None else list(values) for key, values in self.context.items()},
                "before": self.before, "after": self.after,
            } if self.action else None,
            "allowed_by": [str(each) for each in self.allowing], "before": list(self.why),
            "file": self.place.file, "line": self.place.line, "plausible": self.plausible,
        }  # fmt: skip


def new_access(base: Estate, head: Estate) -> tuple[NewAccess, ...]:
    """What `head` allows and `base` doesn't: by principals' own policies, by resources' policies, by trust; and the
    places on either side that could not be read, where nobody can tell.

    Principals and resources are the same on both sides when their address is, or else their ARN.
    """
    base, head = _with_loose(base), _with_loose(head)
    return (
        *_by_identity(base, head),
        *_by_resource(base, head),
        *_by_trust(base, head),
        *_not_analysed(base, head),
    )


def lost_access(base: Estate, head: Estate) -> tuple[NewAccess, ...]:
    """What `base` allows and `head` doesn't any more: `before` and `after` are meant the other way round."""
    return tuple(each for each in new_access(head, base) if each.kind != "not-analysed")


# The three ways to get access ---------------------------------------------------------------------------------------


def _by_identity(base: Estate, head: Estate) -> Iterator[NewAccess]:
    for before, after in _pairs(base.principals, head.principals):
        if after.kind == "group":
            continue  # its users hold its policies
        if before is not None and _own(before) == _own(after):
            continue
        old = replace(after, policies=(), boundary=None) if before is None else before
        statements = [each for side in (old, after) for each in _statements_of_principal(side)]
        yield from _compare(
            "identity", after.address or (before and before.address) or "", statements,
            _Side(base, old), _Side(head, after),
        )  # fmt: skip


def _by_resource(base: Estate, head: Estate) -> Iterator[NewAccess]:
    for before, after in _pairs(base.guarded, head.guarded):
        policies = tuple(side.policy if side is not None else None for side in (before, after))
        shut = tuple(side.shut if side is not None else True for side in (before, after))
        if _essence_of(policies[0]) == _essence_of(policies[1]) and (shut[0] <= shut[1] or before is None):
            continue
        if policies[1] is None and (policies[0] is None or not _denies(policies[0])):
            continue
        old, new = (_statements_of(policy) for policy in policies)
        where = (after.arn, *(after.arn + inside for inside in _INSIDE.get(after.kind, ())))
        change = _Change("resource", after.address, old, new, where, must=after.kind == "kms_key")
        yield from _by_policy(change, base, head)


def _by_trust(base: Estate, head: Estate) -> Iterator[NewAccess]:
    for before, after in _pairs(base.principals, head.principals):
        if after.kind != "role" or after.trust is None:
            continue
        if before is not None and _essence(before.trust) == _essence(after.trust):
            continue
        trust = before.trust if before is not None else None
        old, new = (
            [(each, _version(side)) for each in side.statements] if side else [] for side in (trust, after.trust)
        )
        change = _Change("trust", after.address, old, new, (after.arn,), must=True, absent=before is None)
        yield from _by_policy(change, base, head)


@dataclass(frozen=True)
class _Change:
    """A resource's or role's policy that changed.

    Attributes:
        where: patterns of the ARNs that it guards.
        must: a principal's own policies don't suffice within the account (keys and roles).
        absent: it wasn't there before.
    """

    kind: Kind
    address: str
    old: list[_Written]
    new: list[_Written]
    where: tuple[str, ...]
    must: bool = False
    absent: bool = False

    @property
    def lost_denies(self) -> bool:
        """Whether it denies less than before: then principals that nobody names may gain."""
        kept = {_meaning(one) for one, _ in self.new}
        return any(one.effect == "Deny" and _meaning(one) not in kept for one, _ in self.old)


def _by_policy(change: _Change, base: Estate, head: Estate) -> Iterator[NewAccess]:
    """New access that a changed policy gives; what anybody gets isn't said again for each principal."""
    only = ASSUMING if change.kind == "trust" else frozenset()
    statements = [*change.old, *change.new]
    open_to_all: set[int] = set()
    for who_before, who_after, own, named in _concerned(change, base, head):
        if open_to_all and not named and not change.lost_denies:
            continue
        for each in _compare(
            change.kind, change.address, [*statements, *own], _Side(base, who_before, change.absent),
            _Side(head, who_after), about=statements, where=change.where, only=only,
        ):  # fmt: skip
            by_policy = {id(one.statement) for one in each.allowing if one.layer == change.kind}
            if each.principal == "*":
                open_to_all |= by_policy
            elif by_policy and by_policy <= open_to_all:
                continue
            yield each


def _not_analysed(base: Estate, head: Estate) -> Iterator[NewAccess]:
    for hole in dict.fromkeys((*head.not_analysed, *base.not_analysed)):
        side = "after" if hole in head.not_analysed else "before"
        yield NewAccess(
            "not-analysed", "", hole.address, place=hole.place,
            message=f"What is new here can't be told: {hole.what} (not readable {side} the change)",
        )  # fmt: skip


# What is the same on both sides -------------------------------------------------------------------------------------

_Written = tuple[Statement, bool]  # a statement, and whether its policy variables are filled in
_Holder = TypeVar("_Holder", Principal, Guarded)


def _pairs(base: Sequence[_Holder], head: Sequence[_Holder]) -> Iterator[tuple[_Holder | None, _Holder]]:
    by_address = {each.address: each for each in base if each.address}
    by_arn = {each.arn: each for each in base if each.arn}
    holders = {policy.address: each for each in base for policy in getattr(each, "policies", ()) if policy.address}
    found = [
        # A policy that nobody holds any more gives nobody more than whoever held it had.
        (by_address.get(after.address) or by_arn.get(after.arn)
         or (holders.get(after.address) if after.kind == "anonymous" else None), after)
        for after in head
    ]  # fmt: skip
    met = {id(before) for before, _ in found}
    left = [each for each in base if id(each) not in met and each.kind == "anonymous"]
    new = [after for before, after in found if before is None and after.kind == "anonymous"]
    for before, after in found:
        # One document against another: the same policy, whatever the files are called.
        yield (left[0] if before is None and len(left) == len(new) == 1 and after is new[0] else before), after


def _with_loose(estate: Estate) -> Estate:
    """Documents with principals that no resource of the estate holds, as the policies of what they name."""
    guarded: dict[str, Guarded] = {}
    for policy in estate.loose:
        for statement, _ in _statements_of(policy):
            for text in statement.resources if statement.principals or statement.not_principals else ():
                arn = _guarded_arn(text, statement)
                kind = "s3_bucket" if ":s3:::" in arn else "kms_key" if ":key/" in arn else "loose"
                guarded.setdefault(arn, Guarded(kind, policy.name, arn, policy=policy))
    known = {each.arn for each in estate.guarded}
    return replace(estate, guarded=(*estate.guarded, *(each for arn, each in guarded.items() if arn not in known)))


def _guarded_arn(resource: str, statement: Statement) -> str:
    """The ARN of the resource whose policy says so: of an object its bucket; of "*" one that nobody named."""
    if ":s3:::" in resource:
        resource = resource.partition("/")[0]
    if "*" not in resource and "?" not in resource:
        return resource
    services = {action.partition(":")[0].lower() for action in statement.actions}
    return "arn:aws:kms:⟦region⟧:⟦account⟧:key/⟦key⟧" if services == {"kms"} else "⟦its resource⟧"


def _version(document: Document | None) -> bool:
    return document is not None and document.version >= "2012-10-17"


def _meaning(statement: Statement) -> tuple[Any, ...]:
    """All of a statement that decides anything: not its name, place or order."""
    return (
        statement.effect, frozenset(map(str.lower, statement.actions)),
        frozenset(map(str.lower, statement.not_actions)), frozenset(statement.resources),
        frozenset(statement.not_resources), frozenset(statement.principals), frozenset(statement.not_principals),
        frozenset(statement.conditions),
    )  # fmt: skip


def _essence(document: Document | None) -> object:
    if document is None:
        return None
    return _version(document), frozenset(map(_meaning, document.statements))


def _essence_of(policy: Policy | None) -> object:
    return None if policy is None else (_essence(policy.document), policy.document is None and policy.arn)


def _own(principal: Principal) -> object:
    policies = frozenset(map(_essence_of, principal.policies))
    return policies, _essence_of(principal.boundary), tuple(sorted(principal.tags.items())), principal.arn


def _denies(policy: Policy | None) -> bool:
    return any(statement.effect == "Deny" for statement, _ in _statements_of(policy))


def _statements_of(policy: Policy | None) -> list[_Written]:
    document = policy.document if policy is not None else None
    return [(each, _version(document)) for each in document.statements] if document is not None else []


def _statements_of_principal(principal: Principal) -> list[_Written]:
    return [each for policy in (*principal.policies, principal.boundary) for each in _statements_of(policy)]


def _concerned(
    change: _Change, base: Estate, head: Estate
) -> Iterator[tuple[str | Principal, str | Principal, list[_Written], bool]]:
    """Whom a resource's or a role's policy may let in or keep out.

    Gives (who before, who after, their own statements, whether it is named), anybody first. Principals of the estate
    that nobody names are asked only where that can matter, and only those whose own policies come near.
    """
    statements = [*change.old, *change.new]
    named = dict.fromkeys(each for one, _ in statements for each in (*one.principals, *one.not_principals))
    asked = dict.fromkeys(sorted((_as_asked(each) for each in named), key=lambda who: who != "*"), True)
    if any(one.not_principals and one.effect == "Allow" for one, _ in statements):
        asked = {"*": True} | asked
    ours = any(account_of(who) in (head.account, base.account) and who.endswith(":root") for who in asked)
    if "*" in asked or change.lost_denies or (ours and change.must):
        for each in head.principals:
            near = each.kind in ("role", "user") and each.arn
            if near and ("*" in asked or _comes_near(each, change)):
                asked.setdefault(each.arn, False)
    inside = {each.arn: each for each in head.principals if each.arn}
    before = {each.arn: each for each in base.principals if each.arn}
    for who, by_name in asked.items():
        if who in inside:
            after = inside[who]
            old = before.get(who, replace(after, policies=(), boundary=None))
            yield old, after, [*_statements_of_principal(old), *_statements_of_principal(after)], by_name
        else:
            yield who, who, [], by_name


def _comes_near(principal: Principal, change: _Change) -> bool:
    """Whether one of its own policies allows something on such a resource, or nobody can tell."""
    where = [compiled(each, "resource").text for each in change.where]
    return any(policy.document is None for policy in principal.policies) or any(
        one.effect == "Allow"
        and (bool(one.not_resources) or any(
            not differ(compiled(each, "resource").text, text) for each in one.resources for text in where
        ))
        for policy in principal.policies for one, _ in _statements_of(policy)
    )  # fmt: skip


def _as_asked(named: Named) -> str:
    if named.is_everybody:
        return "*"
    return f"arn:aws:iam::{named.value}:root" if named.kind == "AWS" and named.value.isdigit() else named.value


# One question: what may this principal do now -----------------------------------------------------------------------


@dataclass(frozen=True)
class _Side:
    """One side of the change: `absent` where what is asked about isn't there yet, so that nobody may do anything."""

    estate: Estate
    who: str | Principal
    absent: bool = False

    def decide(self, action: str, resource: str, context: Mapping[str, Values]) -> Decision:
        if self.absent:
            return Decision("no", (), (), (), (f"{resource} was not there.",))
        return decide(Request(self.who, action, resource, context, complete=True), self.estate)


_RANK = {"no": 0, "depends": 1, "yes": 2}


@dataclass
class _Found:
    """One way to new access, while it is being gathered."""

    before: Decision
    after: Decision
    plausible: bool
    actions: dict[str, tuple[str, Mapping[str, Values]]]  # each with a resource and a context that prove it
    resources: dict[str, None]


def _compare(
    kind: Kind, address: str, statements: Sequence[_Written], base: _Side, head: _Side, *,
    about: Sequence[_Written] = (), where: tuple[str, ...] = (), only: frozenset[str] = frozenset(),
) -> Iterator[NewAccess]:  # fmt: skip
    """New access of one principal.

    Args:
        statements: all that have a say, of both sides.
        about: consider just the actions of these.
        where: patterns that the resource has to be in (one of them); none: anywhere.
        only: the actions to consider, in lower case.
    """
    unique = list({(_meaning(one), variables): (one, variables) for one, variables in statements}.values())
    who = head.who if isinstance(head.who, str) else head.who.arn or head.who.name
    found: dict[object, _Found] = {}
    hard: list[str] = []
    for actions, concerned in _action_classes(unique, about, only):
        mine = [unique[index] for index in concerned]
        if not any(one.effect == "Allow" for one, _ in mine) or (not where and _no_wider(mine, base, head)):
            continue
        try:
            _explore(actions, mine, base, head, where, found)
        except TooLarge as problem:
            hard.append(f"{actions.first}: {problem}")
    yield from _entries(kind, who, address, found)
    for trouble in hard:
        message = f"What is new here can't be told for {who}, {trouble}"
        yield NewAccess("not-analysed", who, address, message)


def _no_wider(mine: Sequence[_Written], base: _Side, head: _Side) -> bool:
    """Whether both principals hold just the same of these statements, in each layer: then nothing is new."""
    if isinstance(base.who, str) or isinstance(head.who, str):
        return False
    if base.who.arn != head.who.arn or base.who.tags != head.who.tags:
        return False
    meant = {(_meaning(one), variables) for one, variables in mine}

    def held(who: Principal) -> object:
        unread = any(policy.document is None for policy in (*who.policies, *([who.boundary] if who.boundary else ())))
        identity = {(_meaning(one), v) for policy in who.policies for one, v in _statements_of(policy)} & meant
        wall = {(_meaning(one), v) for one, v in _statements_of(who.boundary)} & meant
        return unread or (identity, wall, who.boundary is None)

    before, after = held(base.who), held(head.who)
    return before is not True and before == after


def _explore(
    actions: _Class, statements: Sequence[_Written], base: _Side, head: _Side, where: tuple[str, ...],
    found: dict[object, _Found],
) -> None:  # fmt: skip
    """Decide one representative of each piece for one class of actions; what is new goes into `found`."""
    contexts = _contexts(statements, head.who)
    seen: set[object] = set()
    for number, context in enumerate(contexts):
        if number >= CONTEXTS:
            raise TooLarge(f"more than {CONTEXTS} combinations of condition values")
        patterns = tuple(dict.fromkeys((*where, *_patterns(statements, context, head.who, where))))
        holding = _holding(statements, context)
        if (patterns, holding) in seen:
            continue
        seen.add((patterns, holding))
        wanted = sum(1 << patterns.index(each) for each in where)
        for cell, shortest in _cells(patterns).items():
            if where and not cell & wanted:
                continue
            _judge(actions, context, cell, shortest, patterns, base, head, found)


@lru_cache(maxsize=256)
def _cells(patterns: tuple[str, ...]) -> Mapping[int, str]:
    return Automaton(compiled(each, "resource") for each in patterns).cells()


def _judge(
    actions: _Class, context: Mapping[str, Values], cell: int, shortest: str, patterns: tuple[str, ...],
    base: _Side, head: _Side, found: dict[object, _Found],
) -> None:  # fmt: skip
    after = head.decide(actions.first, shortest, context)
    if after.allowed == "no" or not after.allowing:
        return  # without a statement that allows it, only what nobody could read may: the holes are told by themselves
    before = base.decide(actions.first, shortest, context)
    if _RANK[before.allowed] >= _RANK[after.allowed]:
        return
    by_resource = _plausible(actions, cell, patterns, head.estate)
    for resource, some in by_resource.items():
        text = resource or shortest or "*"
        if resource and text != shortest:
            before, after = base.decide(some[0], text, context), head.decide(some[0], text, context)
            if _RANK[before.allowed] >= _RANK[after.allowed]:  # what the ARN says of its account changed the question
                text = shortest or "*"
                before, after = base.decide(some[0], text, context), head.decide(some[0], text, context)
        key = (tuple(id(each.statement) for each in after.allowing), before.allowed, after.allowed, bool(resource))
        entry = found.get(key)
        if entry is None:
            entry = found[key] = _Found(before, after, bool(resource), {}, {})
        for name in some:
            entry.actions.setdefault(name, (text, context))
        entry.resources[text] = None


def _entries(kind: Kind, who: str, address: str, found: Mapping[object, _Found]) -> Iterator[NewAccess]:
    """Plausible ways first; what a smaller set of statements has shown already isn't said again."""
    told: dict[str, list[frozenset[int]]] = {}
    for each in sorted(found.values(), key=lambda one: (not one.plausible, len(one.after.allowing))):
        statements = frozenset(id(applied.statement) for applied in each.after.allowing)
        actions = tuple(
            name for name in each.actions
            if not (name in told and (not each.plausible or any(one <= statements for one in told[name])))
        )  # fmt: skip
        if not actions:
            continue
        for name in actions:
            told.setdefault(name, []).append(statements)
        action = actions[0]
        resource, context = each.actions[action]
        place = each.after.allowing[0].place if each.after.allowing else NOWHERE
        yield NewAccess(
            kind, who, address, _sentence(who, actions, action, resource, context, each), tuple(sorted(actions)),
            action, resource, context, tuple(islice({resource: None, **each.resources}, 10)), each.before.allowed,
            each.after.allowed, each.after.allowing, each.before.why, place, each.plausible,
        )  # fmt: skip


def _sentence(
    who: str, actions: Sequence[str], action: str, resource: str, context: Mapping[str, Values], found: _Found
) -> str:
    verb = "may" if found.after.allowed == "yes" else "may, as far as can be told,"
    more = f" and {len(actions) - 1} more" if len(actions) > 1 else ""
    told = [f"{key} {'absent' if values is None else '= ' + ', '.join(values)}" for key, values in context.items()]
    when = f" with {', '.join(told)}" if told else ""
    open_before = " (whether it could before can't be told)" if found.before.allowed == "depends" else ""
    return f"{'Anybody' if who == '*' else who} now {verb} {action}{more} on {resource}{when}{open_before}"


# Actions ------------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def _universe() -> tuple[tuple[str, ...], Mapping[str, int]]:
    """All real actions in order, and each one's place in lower case."""
    names = vocabulary().expand("*")
    return names, {name.lower(): index for index, name in enumerate(names)}


@lru_cache(maxsize=1 << 14)
def _mask(pattern: str) -> int:
    """The real actions of a pattern as bits."""
    names, places = _universe()
    if pattern in ("*", "*:*"):
        return (1 << len(names)) - 1
    bits = bytearray(len(names) // 8 + 1)
    for name in vocabulary().expand(pattern):
        place = places[name.lower()]
        bits[place >> 3] |= 1 << (place & 7)
    return int.from_bytes(bits, "little")


def _action_classes(
    statements: Sequence[_Written], about: Sequence[_Written], only: frozenset[str]
) -> Iterator[tuple[_Class, tuple[int, ...]]]:
    """(actions, the statements that are about them) of each class that at least one statement is about.

    Actions that the policies name and the vocabulary doesn't know count as real.
    """
    names, places = _universe()
    extra = dict.fromkeys(
        action
        for one, _ in statements for action in (*one.actions, *one.not_actions)
        if "*" not in action and "?" not in action and action.lower() not in places
    )  # fmt: skip
    unknown = list({action.lower(): action for action in extra}.items())

    def mask(patterns: Iterable[str]) -> int:
        bits = 0
        for pattern in patterns:
            bits |= _mask(pattern)
            for index, (lower, _) in enumerate(unknown):
                if compiled(pattern.lower()).matches(lower):
                    bits |= 1 << (len(names) + index)
        return bits

    everything = (1 << (len(names) + len(unknown))) - 1

    def actions_of(one: Statement) -> int:
        return everything & ~mask(one.not_actions) if one.not_actions else mask(one.actions)

    interesting = everything
    if about:
        interesting = 0
        for one, _ in about:
            interesting |= actions_of(one)
    if only:
        interesting &= mask(tuple(only))
    classes: list[tuple[int, tuple[int, ...]]] = [(interesting, ())]
    for index, (one, _) in enumerate(statements):
        bits = actions_of(one)
        split: list[tuple[int, tuple[int, ...]]] = []
        for held, concerned in classes:
            inside = held & bits
            if inside:
                split.append((inside, (*concerned, index)))
            if outside := held & ~bits:
                split.append((outside, concerned))
        classes = split
    more = tuple(name for _, name in unknown)
    for held, concerned in classes:
        if concerned:
            yield _Class(held, more), concerned


class _Class:
    """Actions that the same statements are about. Naming them all is left until somebody asks."""

    def __init__(self, bits: int, unknown: tuple[str, ...]) -> None:
        self._bits, self._unknown = bits, unknown

    def _name(self, place: int) -> str:
        names, _ = _universe()
        return names[place] if place < len(names) else self._unknown[place - len(names)]

    @property
    def first(self) -> str:
        return self._name((self._bits & -self._bits).bit_length() - 1)

    @cached_property
    def by_templates(self) -> Mapping[tuple[str, ...], Sequence[str]]:
        """Templates of the resources that actions work on → those actions."""
        found: dict[tuple[str, ...], list[str]] = {}
        text = bin(self._bits)[:1:-1]
        at = text.find("1")
        while at >= 0:
            name = self._name(at)
            found.setdefault(_templates(name), []).append(name)
            at = text.find("1", at + 1)
        return found


# Resources ----------------------------------------------------------------------------------------------------------


def _given(who: str | Principal) -> Mapping[str, Values]:
    """What a principal says of itself, which no context changes."""
    if isinstance(who, str):
        return {}
    given: dict[str, Values] = {f"aws:principaltag/{key.lower()}": (value,) for key, value in who.tags.items()}
    if who.kind in ("role", "user"):
        given |= {"aws:principalarn": (who.arn,), "aws:principalaccount": (account_of(who.arn),)}
        given["aws:username"] = (who.name,) if who.kind == "user" else None
        given["aws:principaltype"] = ("User" if who.kind == "user" else "AssumedRole",)
    return given


def _patterns(
    statements: Sequence[_Written], context: Mapping[str, Values], who: str | Principal, where: tuple[str, ...]
) -> Iterator[str]:
    """The resource patterns that cut the space, of those that can meet `where`."""
    asked = [compiled(each, "resource").text for each in where]
    values = {**_given(who), **{key.lower(): value for key, value in context.items()}}

    def value_of(key: str) -> str | None:
        found = values.get(key.lower())
        return found[0] if found and len(found) == 1 else None

    for one, variables in statements:
        for text in (*one.resources, *one.not_resources):
            filled = fill(text, value_of) if variables and has_variables(text) else text
            if filled is None or filled == "*":
                continue
            if not asked or not all(differ(compiled(filled, "resource").text, each) for each in asked):
                yield filled


@lru_cache(maxsize=1 << 15)
def _templates(action: str) -> tuple[str, ...]:
    """Patterns of ARNs on which an action works; "" for one that knows no resources."""
    known = vocabulary().action(action)
    if known is None:
        return ("",)
    found = dict.fromkeys(
        arn for use in known.resource_types for arn in vocabulary().resource_arns(known.service, use.name)
    )
    return tuple(found) or ("",)


def _plausible(actions: _Class, cell: int, patterns: tuple[str, ...], estate: Estate) -> Mapping[str, Sequence[str]]:
    """A resource of this piece on which actions really work → those actions; "" → those that work on none here.

    Of a class that is very wide ("*"), the first `KINDS` kinds are looked at, and the rest goes with what they gave.
    """
    walk = _Walk(cell, patterns, estate)
    found: dict[str, list[str]] = {}
    for number, (templates, names) in enumerate(actions.by_templates.items()):
        example = walk.example(templates) if number < KINDS else next(filter(None, found), "")
        found.setdefault(example, []).extend(names)
    return found


class _Walk:
    """Looks for real resources in one piece; each template of an ARN is tried once."""

    def __init__(self, cell: int, patterns: tuple[str, ...], estate: Estate) -> None:
        self._cell, self._estate = cell, estate
        self._patterns = [compiled(each, "resource") for each in patterns]
        self._tried: dict[str, str] = {}
        self._chosen: dict[tuple[str, ...], str] = {}

    def example(self, templates: tuple[str, ...]) -> str:
        """A text of the piece that fits one of the templates, rather of the estate's own account and region; or ""."""
        if templates not in self._chosen:
            full = [
                each.replace("*", "?*") for each in templates
            ]  # no part of a real ARN that stands for a name is empty
            likely = (*map(self._at_home, full), *full, *map(self._at_home, templates), *templates)
            self._chosen[templates] = next(filter(None, map(self._in, likely)), "")
        return self._chosen[templates]

    def _at_home(self, template: str) -> str:
        parts = template.split(":", 5)
        if len(parts) < 6:
            return template
        for index, value in ((3, self._estate.region), (4, self._estate.account)):
            parts[index] = value if parts[index] in ("*", "?*") else parts[index]
        return ":".join(parts)

    def _in(self, template: str) -> str:
        if template in self._tried:
            return self._tried[template]
        asked = template
        template = re.sub(r"^arn:\??\*:", f"arn:{self._estate.partition}:", template)
        if any(differ(each.text, template) for index, each in enumerate(self._patterns) if self._cell >> index & 1):
            found = ""
        elif not template:
            found = "*" if Automaton(self._patterns).within("*") == self._cell else ""
        else:
            size = len(self._patterns)
            walk = Automaton([*self._patterns, compiled(template, "arn")])
            try:
                found = walk.first(self._cell | 1 << size, ~self._cell & ((1 << size) - 1)) or ""
            except TooLarge:
                found = ""
        self._tried[asked] = found
        return found


# Contexts -----------------------------------------------------------------------------------------------------------


def _holding(statements: Sequence[_Written], context: Mapping[str, Values]) -> tuple[object, ...]:
    """What of a context the statements can see, so that two that look alike are decided once."""
    asked = Context({key.lower(): values for key, values in context.items()})
    return tuple(
        tuple(holds(condition, asked, variables=variables) for condition in one.conditions)
        for one, variables in statements
        if one.conditions
    )


def _contexts(statements: Sequence[_Written], who: str | Principal) -> Iterator[dict[str, Values]]:
    """One context for each combination of what the conditions on each key can tell apart."""
    by_key: dict[str, list[Condition]] = {}
    names: dict[str, str] = {}
    for one, variables in statements:
        for condition in one.conditions:
            by_key.setdefault(condition.key.lower(), []).append(condition)
            names.setdefault(condition.key.lower(), condition.key)
        for text in (*one.resources, *one.not_resources, *(v for c in one.conditions for v in c.values)):
            for key in variables_in(text) if variables else ():
                by_key.setdefault(key.lower(), [])
                names.setdefault(key.lower(), key)
    given = _given(who)
    untagged = "aws:principaltag/" if isinstance(who, Principal) and who.kind == "user" else None
    keys = [key for key in by_key if key not in given and not (untagged and key.startswith(untagged))]
    choices = [_choices(by_key[key]) for key in keys]
    for values in product(*choices):
        yield {names[key]: value for key, value in zip(keys, values, strict=True)}


def _choices(conditions: Sequence[Condition]) -> list[Values]:
    """The values of one key that its conditions tell apart, "absent" last."""
    singles = list(dict.fromkeys(each for kind, some in _by_kind(conditions) for each in _values(kind, some)))
    if not singles:
        singles = ["example"]
    choices: list[Values] = [(each,) for each in singles]
    if any(operator_of(each.operator).quantifier for each in conditions):
        sizes = range(2, len(singles) + 1) if len(singles) <= 4 else (2, len(singles))
        choices += [several for size in sizes for several in combinations(singles, size)]
        choices.append(())
    choices.append(None)
    return choices


def _by_kind(conditions: Sequence[Condition]) -> Iterator[tuple[str, list[Condition]]]:
    kinds: dict[str, list[Condition]] = {}
    for condition in conditions:
        name = operator_of(condition.operator).name
        beginnings = ("numeric", "date", "bool", "null")
        kind = (
            "address" if "ipaddress" in name else next((each for each in beginnings if name.startswith(each)), "text")
        )
        kinds.setdefault(kind, []).append(condition)
    return iter(kinds.items())


def _values(kind: str, conditions: Sequence[Condition]) -> Iterable[str]:
    written = [(operator_of(each.operator).name, value) for each in conditions for value in each.values]
    return _PICKERS[kind](written)


def _texts(written: Sequence[tuple[str, str]]) -> Iterable[str]:
    """One text for each piece that the patterns cut, and one in none of them."""
    patterns: dict[Pattern, None] = {}
    swapped: list[str] = []
    for name, value in written:
        value = fill(value, lambda key: f"⟦${{{key}}}⟧") or value if has_variables(value) else value
        if "like" in name or name.startswith("arn"):
            patterns[compiled(value, "arn" if name.startswith("arn") else "glob")] = None
        else:
            patterns[compiled(value.replace("*", "\ue000").replace("?", "\ue001"))] = None
            if "ignorecase" in name and value.swapcase() != value:
                swapped.append(value.swapcase())
    cells = Automaton(patterns).cells()
    return [*(text or "example" for _, text in sorted(cells.items(), reverse=True)), *swapped]


def _numbers(written: Sequence[tuple[str, str]]) -> Iterable[str]:
    return [f"{number:g}" for number in _between(_parsed(written, float), 1)]


def _dates(written: Sequence[tuple[str, str]]) -> Iterable[str]:
    seconds = _between(_parsed(written, moment), 1)
    return [datetime.fromtimestamp(each, UTC).isoformat().replace("+00:00", "Z") for each in seconds]


def _parsed(written: Sequence[tuple[str, str]], parse: Callable[[str], float]) -> list[float]:
    found = set()
    for _, value in written:
        try:
            found.add(parse(value))
        except (ValueError, OverflowError):
            continue
    return sorted(found)


def _between(numbers: Sequence[float], step: float) -> list[float]:
    """The numbers, one between each two, one below and one above."""
    if not numbers:
        return [0.0]
    middles = [(one + other) / 2 for one, other in pairwise(numbers)]
    return sorted({*numbers, *middles, numbers[0] - step, numbers[-1] + step})


def _addresses(written: Sequence[tuple[str, str]]) -> Iterable[str]:
    """The first and last address of each network, and the ones before and after: those that any two networks part."""
    from ipaddress import ip_address, ip_network

    found: dict[str, None] = {}
    for _, value in written:
        try:
            network = ip_network(value, strict=False)
        except ValueError:
            continue
        first, last = int(network[0]), int(network[-1])
        limit = (1 << network.max_prefixlen) - 1
        for number in (first, last, first - 1, last + 1):
            if 0 <= number <= limit:
                kind = type(network[0])
                found[str(kind(number))] = None
    outside = ("203.0.113.9", "2001:db8::9")
    return [*found, *(each for each in outside if str(ip_address(each)) not in found)]


_PICKERS: Mapping[str, Callable[[Sequence[tuple[str, str]]], Iterable[str]]] = {
    "text": _texts,
    "numeric": _numbers,
    "date": _dates,
    "bool": lambda written: ("true", "false"),
    "null": lambda written: (),
    "address": _addresses,
}
