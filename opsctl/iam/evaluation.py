"""AWS's policy evaluation, pure: may this principal do this to that, by which statements, and what would decide.

Explicit Deny anywhere ends it. Otherwise, within an account, the resource's policy or the principal's own policies have
to allow; across accounts both have to. Permissions boundary, session policy and SCPs allow nothing and cut what the
principal's own policies allow. A role's trust policy and a key's policy always have a say: the principal's own policies
count only where these let its account in.

Answers are "yes", "no" and "depends"; the last where a condition key, a symbol or a policy that nobody could read
decides. Sources, all in the IAM User Guide: "Policy evaluation logic", "Policy evaluation for requests within a single
account", "Cross-account policy evaluation logic", "Permissions boundaries for IAM entities", "IAM JSON policy elements:
Principal"; for keys the KMS Developer Guide, "Key policies in AWS KMS".
"""

from __future__ import annotations

import re
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Generic, Literal, TypeVar

from opsctl.findings import Place
from opsctl.iam.conditions import DEPENDS, NO, WORDS, YES, Context, Values, context_of, holds
from opsctl.iam.estate import Estate, Guarded, Policy, Principal
from opsctl.iam.patterns import (
    Answer,
    Beginnings,
    TooLarge,
    Union,
    compiled,
    covers,
    encode,
    fill,
    has_variables,
    match,
    overlap,
)
from opsctl.iam.policy import Condition, Document, Statement
from opsctl.iam.policy import Principal as Named

Layer = Literal["identity", "resource", "trust", "boundary", "session", "scp", "rcp"]
Kind = Literal[
    "role", "user", "group", "anonymous", "account", "external", "unknown", "service", "federated", "everybody"
]
T = TypeVar("T")
M = TypeVar("M")
_ANSWER = {"no": NO, "depends": DEPENDS, "yes": YES}
MANY = 200  # patterns that one is held to, or of two layers together squared, beyond which each is not held to each
PAIRS = 20 * MANY  # of a grant and what a Deny takes: after so many, what may touch is taken to touch
ASSUMING = frozenset({"sts:assumerole", "sts:assumerolewithwebidentity", "sts:assumerolewithsaml", "sts:tagsession",
                      "sts:setsourceidentity", "sts:assumeroot"})  # fmt: skip


class _Once(Generic[T, M]):
    """What is made of an object, made once while that object lives: hashing a whole document would cost more."""

    def __init__(self, make: Callable[[T], M]) -> None:
        self._make = make
        self._kept: dict[int, tuple[weakref.ref[Any], M]] = {}

    def __call__(self, thing: T) -> M:
        key = id(thing)
        found = self._kept.get(key)
        if found is None or found[0]() is not thing:
            found = (weakref.ref(thing, lambda _: self._kept.pop(key, None)), self._make(thing))
            self._kept[key] = found
        return found[1]


# Requests and decisions ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Request:
    """Who wants to do what to which.

    Attributes:
        principal: of the estate, or an ARN (of a role, user, session, account root), an account id, a service
            ("sns.amazonaws.com"), an identity provider, or "*" for somebody without credentials.
        resource: an ARN; "*" where the action knows no resources.
        context: condition keys; None for a key that the request lacks. What the principal says of itself
            (aws:PrincipalArn, aws:username, aws:PrincipalTag/… and the like) is added.
        complete: keys that are not in `context` are lacking; otherwise they are unknown.
        resource_account: where the ARN doesn't say (S3); else that of the estate.
    """

    principal: str | Principal
    action: str
    resource: str = "*"
    context: Mapping[str, Values] = field(default_factory=dict)
    complete: bool = False
    resource_account: str = ""


@dataclass(frozen=True)
class Applied:
    """A statement that has a say in a decision: `answer` tells whether it applies for certain or perhaps."""

    statement: Statement
    policy: Policy | None
    layer: Layer
    answer: Answer

    @property
    def place(self) -> Place:
        return self.statement.place

    def __str__(self) -> str:
        where = f" ({self.place})" if self.place.file else ""
        of = f" of {self.policy.name}" if self.policy is not None and self.policy.name else ""
        return f"{self.statement.name}{of}{where}"


@dataclass(frozen=True)
class Decision:
    """What came out.

    Attributes:
        allowing, denying: the statements that allow and deny, certainly or perhaps.
        missing: condition keys (lower case) whose value would decide something.
        why: sentences, the deciding one first.
    """

    allowed: Answer
    allowing: tuple[Applied, ...]
    denying: tuple[Applied, ...]
    missing: tuple[str, ...]
    why: tuple[str, ...]


# Compiled policies --------------------------------------------------------------------------------------------------


class _Compiled:
    """One statement, ready to be asked."""

    __slots__ = ("_dynamic", "_everywhere", "_fixed", "_negated", "_static", "allows", "statement", "variables")

    def __init__(self, statement: Statement, variables: bool) -> None:
        self.statement = statement
        self.allows = statement.effect == "Allow"
        self.variables = variables
        written = statement.not_resources or statement.resources
        self._negated = bool(statement.not_resources)
        self._dynamic = tuple(text for text in written if variables and has_variables(text))
        self._everywhere = not written or (not self._negated and "*" in written)
        self._fixed = tuple(text for text in written if text not in self._dynamic)
        self._static: Union | None = None  # made when first asked: most statements of most policies never are

    def on(self, resource: str, context: Context) -> int:
        """Whether its resources hold an encoded ARN. A statement without any (a trust policy's) is about its holder."""
        if self._everywhere:
            return YES
        if self._static is None:
            self._static = Union(compiled(text, "resource") for text in self._fixed)
        found = _ANSWER[self._static.answer(resource)]
        if found != YES and self._dynamic:
            filled = (fill(text, context.variable) for text in self._dynamic)
            patterns = [compiled(text, "resource") for text in filled if text is not None]
            found = max(found, *(_ANSWER[match(pattern, resource)] for pattern in patterns), NO)
        return YES - found if self._negated else found

    def taken(self, context: Context) -> Sequence[str]:
        """Its resource patterns, filled in; the same object each time where no variable is in them."""
        if not self._dynamic:
            return self.statement.resources or ("*",)
        filled = (_filled(one, self, context) for one in self.statement.resources)
        return [text for text in filled if text is not None]

    def when(self, context: Context) -> int:
        """Whether its conditions hold."""
        answer = YES
        for condition in self.statement.conditions:
            answer = min(answer, holds(condition, context, variables=self.variables))
            if answer == NO:
                break
        return answer


class _CompiledDocument:
    """A document's statements, found by action: exact names in a table, wildcards by service."""

    def __init__(self, document: Document) -> None:
        variables = document.version >= "2012-10-17"
        self.statements = tuple(_Compiled(statement, variables) for statement in document.statements)
        self._exact: dict[str, list[int]] = {}
        self._wild: dict[str, list[tuple[str, int]]] = {}
        self._not: list[tuple[tuple[str, ...], int]] = []
        self._found: dict[str, tuple[_Compiled, ...]] = {}
        for index, statement in enumerate(document.statements):
            if statement.not_actions:
                self._not.append((tuple(map(str.lower, statement.not_actions)), index))
            for action in map(str.lower, statement.actions):
                if "*" not in action and "?" not in action:
                    self._exact.setdefault(action, []).append(index)
                else:
                    service = action.partition(":")[0]
                    service = "" if "*" in service or "?" in service else service
                    self._wild.setdefault(service, []).append((action, index))

    def about(self, action: str) -> tuple[_Compiled, ...]:
        """The statements whose actions hold this one (lower case), in order."""
        found = self._found.get(action)
        if found is None:
            if len(self._found) > 4096:
                self._found.clear()
            indices = set(self._exact.get(action, ()))
            for service in ("", action.partition(":")[0]):
                indices.update(index for text, index in self._wild.get(service, ()) if _holds(text, action))
            indices.update(index for texts, index in self._not if not any(_holds(text, action) for text in texts))
            found = self._found[action] = tuple(self.statements[index] for index in sorted(indices))
        return found


def _holds(pattern: str, action: str) -> bool:
    return pattern == "*" or compiled(pattern).matches(action)


_compile: _Once[Document, _CompiledDocument] = _Once(_CompiledDocument)


class _Layer:
    """Policies that count together: what one of them allows, the layer allows."""

    def __init__(self, name: Layer, policies: Iterable[Policy]) -> None:
        self.name = name
        self.policies = tuple(policies)
        self._read = tuple((policy, _compile(policy.document)) for policy in self.policies if policy.document)
        self.unread = tuple(policy for policy in self.policies if policy.document is None)
        self._about: dict[str, tuple[tuple[_Compiled, Policy], ...]] = {}

    def about(self, action: str) -> tuple[tuple[_Compiled, Policy], ...]:
        found = self._about.get(action)
        if found is None:
            if len(self._about) > 4096:
                self._about.clear()
            found = self._about[action] = tuple(
                (each, policy) for policy, document in self._read for each in document.about(action)
            )
        return found

    def tally(
        self, action: str, resource: str, context: Context, allowing: list[Applied], denying: list[Applied]
    ) -> tuple[int, int]:
        """(whether it allows, whether it denies); the statements are added to the lists."""
        allow, deny = DEPENDS if self.unread else NO, NO
        for each, policy in self.about(action):
            answer = each.on(resource, context)
            if answer != NO:
                answer = min(answer, each.when(context))
            if answer == NO:
                continue
            if each.allows:
                allow = max(allow, answer)
                allowing.append(Applied(each.statement, policy, self.name, WORDS[answer]))
            else:
                deny = max(deny, answer)
                denying.append(Applied(each.statement, policy, self.name, WORDS[answer]))
        return allow, deny


# Who asks -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Subject:
    """Whoever makes a request, as policies see them.

    Attributes:
        names: ARNs, service names or providers that name exactly it.
        session: ARN of the role session, where that is what was asked about.
        keys: what it says of itself in every request.
    """

    kind: Kind
    names: tuple[str, ...] = ()
    session: str = ""
    account: str = ""
    principal: Principal | None = None
    keys: Mapping[str, tuple[str, ...] | None] = field(default_factory=dict)
    lacking: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        if self.principal is not None:
            return self.principal.name or self.principal.arn
        return self.names[0] if self.names else "anybody"


def account_of(arn: str) -> str:
    """The account part of an ARN; "" where there is none."""
    parts = arn.split(":", 5)
    return parts[4] if len(parts) == 6 and parts[0] == "arn" else ""


_Keys = Mapping[str, tuple[str, ...] | None]
_ABSENT_FOR_PEOPLE: _Keys = {"aws:sourcearn": None, "aws:sourceaccount": None, "aws:sourceorgid": None,
                      "aws:sourceorgpaths": None, "aws:principalservicename": None,
                      "aws:principalservicenameslist": None, "aws:principalisawsservice": ("false",)}  # fmt: skip
_ABSENT_FOR_STRANGERS: _Keys = {"aws:principalarn": None, "aws:principalaccount": None, "aws:principalorgid": None,
                                "aws:principalorgpaths": None, "aws:username": None,
                                "aws:principaltype": ("Anonymous",)}  # fmt: skip


def _subject_of(principal: Principal, session: str = "") -> Subject:
    keys: dict[str, tuple[str, ...] | None] = dict(_ABSENT_FOR_PEOPLE)
    keys |= {f"aws:principaltag/{name.lower()}": (value,) for name, value in principal.tags.items()}
    account = account_of(principal.arn)
    if principal.kind in ("role", "user"):
        keys["aws:principalarn"] = (principal.arn,)
        keys["aws:principalaccount"] = (account,)
        keys["aws:principaltype"] = ("User" if principal.kind == "user" else "AssumedRole",)
        keys["aws:username"] = (principal.name,) if principal.kind == "user" else None
    return Subject(
        principal.kind, (principal.arn,) if principal.arn else (), session, account, principal, keys,
        # A role's session may carry tags of its own; a user has just those it was given.
        ("aws:principaltag/",) if principal.kind == "user" else (),
    )  # fmt: skip


class _World:
    """An estate, ready to be asked: who and what is in it, found by name."""

    def __init__(self, estate: Estate) -> None:
        self.account = estate.account
        self._principals = {each.arn: each for each in estate.principals if each.arn}
        self._roles = {
            (account_of(each.arn), each.name): each for each in estate.principals if each.kind == "role" and each.arn
        }
        self._guarded = {each.arn: each for each in estate.guarded if each.arn}
        self._subjects: dict[str, Subject] = {}
        self._resources: dict[str, _Layer] = {}

    def subject(self, who: str | Principal) -> Subject:
        if isinstance(who, Principal):
            return _subject(who)
        found = self._subjects.get(who)
        if found is None:
            found = self._subjects[who] = self._find(who)
        return found

    def _find(self, who: str) -> Subject:
        keys: _Keys
        if who in self._principals:
            return _subject(self._principals[who])
        if who == "*":
            return Subject("everybody", keys={**_ABSENT_FOR_PEOPLE, **_ABSENT_FOR_STRANGERS})
        if re.fullmatch(r"\d{12}", who):
            who = f"arn:aws:iam::{who}:root"
        if not who.startswith("arn:"):
            if who.endswith((".amazonaws.com", ".amazonaws.com.cn")):
                keys = {"aws:principalisawsservice": ("true",), "aws:principalservicename": (who,)}
                return Subject("service", (who,), keys=keys)
            return Subject("federated", (who,), keys=_ABSENT_FOR_PEOPLE)
        account, name = account_of(who), who.split(":", 5)[-1]
        if name.startswith(("oidc-provider/", "saml-provider/")):
            keys = {**_ABSENT_FOR_PEOPLE, "aws:federatedprovider": (who,)}
            return Subject("federated", (who,), account=account, keys=keys)
        if name.startswith("assumed-role/"):
            role = self._roles.get((account, name.split("/")[1]))
            if role is not None:
                return _subject_of(role, who)
        keys = {**_ABSENT_FOR_PEOPLE, "aws:principalaccount": (account,)}
        if name == "root":
            return Subject("account", (who,), account=account, keys=keys)
        inside = account == self.account
        return Subject("unknown" if inside else "external", (who,), account=account,
                       keys={**keys, "aws:principalarn": (who,)})  # fmt: skip

    def guarded(self, resource: str) -> Guarded | None:
        """What in the estate an ARN is, or is in: an object's bucket, a function's version."""
        if resource in self._guarded:
            return self._guarded[resource]
        for separator in ("/", ":"):
            found = self._guarded.get(resource.rpartition(separator)[0])
            if found is not None:
                return found
        if ":s3:::" in resource:
            return self._guarded.get(resource.partition("/")[0])
        return None

    def role(self, arn: str) -> Principal | None:
        found = self._principals.get(arn)
        return found if found is not None and found.kind == "role" else None

    def layer_on(self, kind: Layer, key: str, policy: Policy) -> _Layer:
        found = self._resources.get(key)
        if found is None:
            found = self._resources[key] = _Layer(kind, (policy,))
        return found


_world: _Once[Estate, _World] = _Once(_World)
_subject: _Once[Principal, Subject] = _Once(_subject_of)


class _Holder:
    """A principal's own layers."""

    def __init__(self, principal: Principal) -> None:
        self.identity = _Layer("identity", principal.policies)
        self.boundary = _Layer("boundary", (principal.boundary,)) if principal.boundary is not None else None


_holder: _Once[Principal, _Holder] = _Once(_Holder)


# Principals of resource policies ------------------------------------------------------------------------------------


@dataclass
class _Let:
    """Whom a resource's policy lets in, and how.

    Attributes:
        direct: the principal, or everybody, by name; no policy of its own is needed within the account.
        unlimited: the user, or the very session: not even its boundary counts.
        delegated: its account: that account's policies decide.
    """

    direct: int = NO
    unlimited: int = NO
    delegated: int = NO
    deny: int = NO


@lru_cache(maxsize=1 << 14)
def _same(one: str, other: str) -> int:
    """Whether two names that may hold symbols are the same."""
    if one == other:
        return YES
    if "⟦" not in one and "⟦" not in other:
        return NO
    literal = compiled(one.replace("*", "\ue000").replace("?", "\ue001"), "resource")
    return _ANSWER[match(literal, encode(other))]


def _account_named(named: Named) -> str:
    """The account that a principal means as a whole; "" where it means somebody in it."""
    if named.kind != "AWS":
        return ""
    if not named.value.startswith("arn:"):
        return named.value if re.fullmatch(r"\d{12}|⟦[^⟧]*account[^⟧]*⟧", named.value) else ""
    return account_of(named.value) if named.value.endswith(":root") else ""


def _names(named: Named, subject: Subject) -> tuple[int, int, int]:
    """(direct, unlimited, delegated): how one named principal means a subject."""
    direct = unlimited = delegated = NO
    if named.is_everybody:
        direct = YES
        unlimited = YES if subject.kind == "user" else NO
    elif named.kind in ("Service", "Federated"):
        if subject.kind in ("service", "federated"):
            direct = max((_same(named.value, name) for name in subject.names), default=NO)
    elif named.kind == "AWS" and subject.kind not in ("service", "federated", "everybody"):
        account = _account_named(named)
        if account:
            delegated = _same(account, subject.account)
        else:
            direct = max((_same(named.value, name) for name in subject.names), default=NO)
            unlimited = direct if subject.kind == "user" else NO
            if subject.session:
                by_session = _same(named.value, subject.session)
                direct, unlimited = max(direct, by_session), max(unlimited, by_session)
    return direct, unlimited, delegated


def _let_in(
    layer: _Layer, subject: Subject, action: str, resource: str, context: Context,
    allowing: list[Applied], denying: list[Applied],
) -> _Let:  # fmt: skip
    let = _Let()
    if layer.unread:
        let.direct = let.delegated = DEPENDS
    for each, policy in layer.about(action):
        statement = each.statement
        how = [_names(named, subject) for named in (statement.principals or statement.not_principals)]
        direct, unlimited, delegated = (max(column) for column in zip(*how, strict=True)) if how else (NO, NO, NO)
        if statement.not_principals:
            direct = YES - max(direct, delegated)
            unlimited = delegated = NO
        if not (direct or delegated):
            continue
        answer = each.on(resource, context)
        if answer != NO:
            answer = min(answer, each.when(context))
        if answer == NO:
            continue
        applied = Applied(statement, policy, layer.name, WORDS[min(answer, max(direct, delegated))])
        if each.allows:
            let.direct = max(let.direct, min(answer, direct))
            let.unlimited = max(let.unlimited, min(answer, unlimited))
            let.delegated = max(let.delegated, min(answer, delegated))
            allowing.append(applied)
        else:
            let.deny = max(let.deny, min(answer, max(direct, delegated)))
            denying.append(applied)
    return let


# The decision -------------------------------------------------------------------------------------------------------


def decide(
    request: Request,
    estate: Estate,
    *,
    session: Policy | None = None,
    scps: Sequence[Policy] = (),
    rcps: Sequence[Policy] = (),
) -> Decision:
    """Whether a request is allowed.

    Args:
        session: the policy passed when the role was assumed.
        scps, rcps: of one level of the organization: what none of them allows is denied. None given: no such limit.

    A principal of another account is taken to be allowed by its own account; one of this account that isn't in the
    estate "depends". A resource that isn't in the estate has no policy that we know: in another account it "depends".
    Cost: with the statements about the action, not with the estate.
    """
    world = _world(estate)
    subject = world.subject(request.principal)
    action = request.action.lower()
    resource = encode(request.resource)
    trusting = action in ASSUMING and ":role/" in request.resource
    guarded = None if trusting else world.guarded(request.resource)
    own_account = subject.account or world.account
    account = request.resource_account or account_of(request.resource)
    if not account.isdigit() and "⟦" not in account:  # AWS's own ("arn:aws:iam::aws:policy/…") are everybody's
        account = world.account if guarded is not None else own_account
    context = _context(request, subject, account)
    allowing: list[Applied] = []
    denying: list[Applied] = []
    notes: list[str] = []
    deny = NO

    # The resource's side.
    let, has_policy, must = _Let(), False, False
    if trusting:
        role = world.role(request.resource)
        must = True
        if role is None:
            let.delegated = DEPENDS
            let.direct = DEPENDS if subject.principal is None else NO  # as of any policy that nobody showed us
            notes.append(f"The trust policy of {request.resource} is not known.")
        else:
            has_policy = True
            trust = Policy(f"trust of {role.name}", role.trust, role.address, place=role.place)
            layer = world.layer_on("trust", role.arn, trust)
            let = _let_in(layer, subject, action, resource, context, allowing, denying)
    else:
        must = action.startswith("kms:") and ":key/" in request.resource
        if guarded is not None and guarded.policy is not None:
            has_policy = True
            layer = world.layer_on("resource", guarded.arn, guarded.policy)
            let = _let_in(layer, subject, action, resource, context, allowing, denying)
            if guarded.shut and subject.kind in ("everybody", "external", "account"):
                let.direct = min(let.direct, NO if _open_to_all(guarded.policy) else YES)
                notes.append(f"{guarded.name} blocks public access.")
        elif must:
            let.delegated = YES  # AWS's default key policy, or one that nobody showed us
            if guarded is None:
                notes.append(f"The key policy of {request.resource} is not known.")
    deny = max(deny, let.deny)

    # The principal's side.
    limit = YES
    identity = NO
    if subject.principal is not None:
        holder = _holder(subject.principal)
        identity, denied = holder.identity.tally(action, resource, context, allowing, denying)
        deny = max(deny, denied)
        notes.extend(f"{policy.name or policy.arn} could not be read." for policy in holder.identity.unread)
        if holder.boundary is not None:
            limit, deny = _limited(holder.boundary, action, resource, context, limit, deny, denying, notes)
    elif subject.kind in ("external", "account"):
        identity = YES
    elif subject.kind == "unknown":
        identity = DEPENDS
        notes.append(f"Nothing is known of the policies of {subject.label}.")
    if session is not None:
        limit, deny = _limited(_Layer("session", (session,)), action, resource, context, limit, deny, denying, notes)
    ceiling = YES
    if scps:
        ceiling, deny = _limited(_Layer("scp", scps), action, resource, context, ceiling, deny, denying, notes)
    if rcps:
        layer = _Layer("rcp", rcps)
        left = _let_in(layer, subject, action, resource, context, [], denying)
        ceiling, deny = min(ceiling, max(left.direct, left.delegated)), max(deny, left.deny)

    own = min(identity, limit)
    if subject.kind in ("everybody", "service", "federated"):
        allow = let.direct
    elif own_account != account:
        if not has_policy and guarded is None:
            let.direct = DEPENDS
            notes.append(f"It is in account {account}, which has to let account {own_account} in.")
        allow = min(own, max(let.direct, let.delegated))
    else:
        by_resource = max(let.unlimited, min(let.direct, limit))
        allow = max(by_resource, min(let.delegated, own) if must else own)
    answer = min(allow, ceiling, YES - deny)
    return Decision(
        WORDS[answer], tuple(allowing), tuple(denying),
        tuple(context.asked) if answer == DEPENDS else (),
        _why(allow, deny, allowing, denying, notes, subject, request, identity, limit, must),
    )  # fmt: skip


def _context(request: Request, subject: Subject, account: str) -> Context:
    values: dict[str, tuple[str, ...] | None] = {**subject.keys, "aws:resourceaccount": (account,)}
    if request.context:
        values.update(context_of(request.context).values)
    return Context(values, request.complete, subject.lacking)


def _limited(
    layer: _Layer, action: str, resource: str, context: Context, limit: int, deny: int,
    denying: list[Applied], notes: list[str],
) -> tuple[int, int]:  # fmt: skip
    """A layer that allows nothing by itself: (what is left of the limit, whether something denies)."""
    allow, denied = layer.tally(action, resource, context, [], denying)
    if allow == NO:
        notes.append(f"The {_CALLED[layer.name]} {layer.policies[0].name} does not allow it.")
    notes.extend(f"The {_CALLED[layer.name]} {policy.name} could not be read." for policy in layer.unread)
    return min(limit, allow), max(deny, denied)


_CALLED: Mapping[str, str] = {
    "boundary": "permissions boundary", "session": "session policy", "scp": "service control policy",
    "rcp": "resource control policy", "identity": "policy", "resource": "resource policy", "trust": "trust policy",
}  # fmt: skip


def _open_to_all(policy: Policy) -> bool:
    """Whether S3 would call it public, roughly: somebody unnamed is allowed without a condition."""
    return policy.document is not None and any(
        statement.effect == "Allow" and not statement.conditions
        and (any(named.is_everybody for named in statement.principals) or statement.not_principals)
        for statement in policy.document.statements
    )  # fmt: skip


def _called(applied: Applied) -> str:
    return str(applied) if not applied.statement.sid else f"statement {applied}"


def _why(
    allow: int, deny: int, allowing: list[Applied], denying: list[Applied], notes: list[str],
    subject: Subject, request: Request, identity: int, limit: int, must: bool,
) -> tuple[str, ...]:  # fmt: skip
    said: list[str] = []
    for each in denying:
        if each.answer == "yes" or allow:
            sure = "denies it" if each.answer == "yes" else "may deny it"
            said.append(f"The {_CALLED[each.layer]} {_called(each)} {sure}.")
    if deny != YES:
        for each in allowing:
            sure = "allows it" if each.answer == "yes" else "may allow it"
            said.append(f"The {_CALLED[each.layer]} {_called(each)} {sure}.")
        if allow == NO and not (identity and limit == NO):
            said.append(f"Nothing allows {subject.label} {request.action} on {request.resource}.")
            if must and identity:
                said.append("Its own policies would, but the policy of the resource does not let its account in.")
    return (*said, *notes)


# What a principal may do at all -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Grant:
    """One resource pattern on which a principal may do an action, after Deny and boundary.

    Attributes:
        resource: pattern, as written or cut down by a boundary.
        conditions: that have to hold and of which the principal alone doesn't tell: empty means without condition.
        statement, policy: that allow it.
        within: patterns that the resource has to match as well (a boundary that is neither wider nor narrower).
        without: patterns that a Deny (or NotResource) takes out.
        unless: Deny statements that apply under conditions, and policies' names that couldn't be read.
    """

    action: str
    resource: str
    conditions: tuple[Condition, ...]
    statement: Statement
    policy: Policy | None = None
    within: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    unless: tuple[Statement, ...] = ()
    unread: tuple[str, ...] = ()

    @property
    def conditional(self) -> bool:
        return bool(self.conditions or self.unless or self.unread)

    def on(self, arn: str) -> Answer:
        """Whether it holds for one resource."""
        text = encode(arn)
        answer = min(_ANSWER[match(compiled(each, "resource"), text)] for each in (self.resource, *self.within))
        for each in self.without:
            answer = min(answer, YES - _ANSWER[match(compiled(each, "resource"), text)])
        return WORDS[min(answer, DEPENDS)] if self.conditional else WORDS[answer]


class Grants:
    """What a principal's own policies let it do, after Deny, boundary and session policy. Get it from `grants_of`.

    Resource policies are not in it; they are `decide`'s.
    """

    def __init__(self, principal: Principal, session: Policy | None = None) -> None:
        self.principal = principal
        holder = _holder(principal)
        self._identity = holder.identity
        self._limits = [each for each in (holder.boundary, _Layer("session", (session,)) if session else None) if each]
        self._subject = _subject(principal)
        self._can: dict[str, tuple[Grant, ...]] = {}

    @property
    def unread(self) -> tuple[Policy, ...]:
        """Its policies that could not be read: what they grant is not known."""
        return self._identity.unread

    def can(self, action: str) -> tuple[Grant, ...]:
        """On what it may do an action; () where it may not. Kept, so that asking again costs nothing."""
        action = action.lower()
        found = self._can.get(action)
        if found is None:
            found = self._can[action] = self._grants(action)
        return found

    def can_on(self, action: str, arn: str, context: Mapping[str, Values] | None = None) -> Answer:
        """Whether its own policies allow an action on one resource."""
        asked = Context({**self._subject.keys, **context_of(context or {}).values}, lacking=self._subject.lacking)
        text, action = encode(arn), action.lower()
        allow, deny = self._identity.tally(action, text, asked, [], [])
        for layer in self._limits:
            limit, denied = layer.tally(action, text, asked, [], [])
            allow, deny = min(allow, limit), max(deny, denied)
        return WORDS[min(allow, YES - deny)]

    def _grants(self, action: str) -> tuple[Grant, ...]:
        about = self._identity.about(action)
        if not any(each.allows for each, _ in about):
            return ()
        context = Context(self._subject.keys, lacking=self._subject.lacking)
        grants = [grant for each, policy in about if each.allows
                  for grant in _as_written(action, each, policy, context)]  # fmt: skip
        denies = [each for each, _ in about if not each.allows]
        for layer in self._limits:
            limiting = layer.about(action)
            denies += [each for each, _ in limiting if not each.allows]
            if layer.unread:
                names = tuple(policy.name for policy in layer.unread)
                grants = [_but(grant, unread=(*grant.unread, *names)) for grant in grants]
            else:
                walls = [wall for each, policy in limiting if each.allows
                         for wall in _as_written(action, each, policy, context)]  # fmt: skip
                if len(grants) * len(walls) > MANY * MANY:
                    grants = [
                        _but(grant, unread=(*grant.unread, "a boundary of very many resources")) for grant in grants
                    ]
                else:
                    grants = [kept for grant in grants for wall in walls for kept in _both(grant, wall)]
        taken: list[_Taken] = []
        for deny in denies:
            if (answer := deny.when(context)) == NO:
                continue
            if deny.statement.not_resources:
                grants = [kept for grant in grants for kept in _only(grant, deny, answer == YES, context)]
            else:
                taken += [(text, deny.statement, answer == YES) for text in deny.taken(context)]
        if taken:
            grants = list(_less(grants, taken))
        return tuple(dict.fromkeys(grants)) if 1 < len(grants) <= MANY else tuple(grants)


_Taken = tuple[str, Statement, bool]  # a resource pattern, the Deny that takes it, and whether it does for certain


def _but(grant: Grant, **changes: Any) -> Grant:
    return replace(grant, **changes)


def _filled(text: str, each: _Compiled, context: Context) -> str | None:
    if not (each.variables and has_variables(text)):
        return text
    return fill(text, context.variable)


def _as_written(action: str, each: _Compiled, policy: Policy, context: Context) -> Iterable[Grant]:
    """What an Allow statement gives by itself, one grant for each of its resources."""
    statement = each.statement
    open_conditions = []
    for condition in statement.conditions:
        answer = holds(condition, context, variables=each.variables)
        if answer == NO:
            return
        if answer == DEPENDS:
            open_conditions.append(condition)
    conditions = tuple(open_conditions)
    without = tuple(text for one in statement.not_resources if (text := _filled(one, each, context)) is not None)
    for one in statement.resources or ("*",):
        text = _filled(one, each, context)
        if text is not None:
            yield Grant(action, text, conditions, statement, policy, without=without)


def _apart(one: str, other: str) -> bool:
    """Whether no resource is in both patterns; symbols that may turn out alike are not apart."""
    if "*" in (one, other):
        return False
    try:
        if overlap(one, other) is not None:
            return False
        if "⟦" not in one + other:
            return True
        loose = [re.sub("⟦[^⟧]*⟧", "*", each) for each in (one, other)]
        return overlap(*loose) is None
    except TooLarge:
        return False


def _both(grant: Grant, wall: Grant) -> Iterable[Grant]:
    """What is left of a grant inside what a boundary allows."""
    if _apart(grant.resource, wall.resource):
        return
    conditions = (*grant.conditions, *(each for each in wall.conditions if each not in grant.conditions))
    without = (*grant.without, *wall.without)
    if covers(wall.resource, grant.resource):
        yield _but(grant, conditions=conditions, without=without)
    elif covers(grant.resource, wall.resource):
        yield _but(grant, resource=wall.resource, conditions=conditions, without=without)
    else:
        yield _but(grant, within=(*grant.within, wall.resource), conditions=conditions, without=without)


def _only(grant: Grant, deny: _Compiled, sure: bool, context: Context) -> Iterable[Grant]:
    """What a Deny of all but its NotResource leaves of a grant."""
    statement = deny.statement
    spared = [text for one in statement.not_resources if (text := _filled(one, deny, context)) is not None]
    if any(covers(text, grant.resource) for text in spared):
        yield grant
    elif not sure:
        yield _but(grant, unless=(*grant.unless, statement))
    else:
        for text in spared:
            if covers(grant.resource, text):
                yield _but(grant, resource=text)
            elif not _apart(grant.resource, text):
                yield _but(grant, within=(*grant.within, text))


def _less(grants: Sequence[Grant], taken: Sequence[_Taken]) -> Iterator[Grant]:
    """What Denies leave of grants. Cost: linear, and at most `PAIRS` looks at a pair of patterns.

    What isn't looked at is taken to touch: a `without` that takes nothing says the same, only less briefly.
    """
    by_beginning = Beginnings(text for text, _, _ in taken)
    gone = {text for text, _, sure in taken if sure}
    everything = _split(taken)
    left = PAIRS  # looks at a pair
    for grant in grants:
        if "*" in gone or grant.resource in gone:
            continue
        around = by_beginning.around(grant.resource)[: min(MANY, left)]
        left -= len(around)
        if any(taken[at][2] and covers(taken[at][0], grant.resource) for at in around):
            continue
        near = by_beginning.near(grant.resource, min(MANY, left))
        if near is None:
            without, unless = everything
        else:
            left -= len(near)
            without, unless = _split([taken[at] for at in near if not _apart(grant.resource, taken[at][0])])
        if without or unless:
            grant = _but(
                grant, without=(*grant.without, *without) if grant.without else without,
                unless=(*grant.unless, *unless) if grant.unless else unless,
            )  # fmt: skip
        yield grant


def _split(taken: Sequence[_Taken]) -> tuple[tuple[str, ...], tuple[Statement, ...]]:
    """What is taken for certain, and the statements that take it perhaps, each once."""
    perhaps = {id(statement): statement for _, statement, sure in taken if not sure}
    return tuple(text for text, _, sure in taken if sure), tuple(perhaps.values())


_grants: _Once[Principal, Grants] = _Once(Grants)


def grants_of(principal: Principal, estate: Estate | None = None, *, session: Policy | None = None) -> Grants:
    """What a principal may do by its own policies; kept as long as the principal lives."""
    return Grants(principal, session) if session is not None else _grants(principal)
