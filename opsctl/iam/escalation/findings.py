"""Findings of escalations: one for each principal and rule, its strongest way, step by step, and what cuts it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from opsctl.findings import NOWHERE, Finding, Place, Severity
from opsctl.iam.escalation.graph import Edge, Way, World, held_variants
from opsctl.iam.escalation.holdings import Holdings, possible
from opsctl.iam.escalation.rules import LIFT, PREFIX, RULES
from opsctl.iam.escalation.targets import kinds_of, touches
from opsctl.iam.escalation.technique import Technique, Through
from opsctl.iam.estate import Carrier, Estate, Policy, Principal
from opsctl.iam.evaluation import Grant
from opsctl.iam.patterns import covers
from opsctl.iam.policy import Statement

LIFTING = {
    "role": ("iam:DeleteRolePermissionsBoundary", "iam:PutRolePermissionsBoundary"),
    "user": ("iam:DeleteUserPermissionsBoundary", "iam:PutUserPermissionsBoundary"),
}
DETACHING = {
    "role": ("iam:DetachRolePolicy", "iam:DeleteRolePolicy"),
    "user": ("iam:DetachUserPolicy", "iam:DeleteUserPolicy"),
}
Held = Sequence[Mapping[str, tuple[Grant, ...]]]


@dataclass(frozen=True)
class Cut:
    """A permission in a statement, or a name in a trust policy, without which a way is none."""

    action: str
    statement: Statement
    policy: Policy | None
    trusting: str = ""

    @property
    def key(self) -> tuple[str, int]:
        return self.action, id(self.statement)


@dataclass(frozen=True)
class Found:
    """What is to be said of one principal and rule."""

    severity: Severity
    technique: Technique
    principal: Principal
    path: tuple[str, ...]
    reaches: str
    resource: str
    cuts: tuple[tuple[Cut, ...], ...]


def find(estate: Estate) -> Iterator[Finding]:
    """All escalations of an estate. Raises nothing for any estate."""
    anonymous = [each for each in estate.principals if each.kind == "anonymous"]
    anonymous += [nameless(policy) for policy in estate.loose if is_identity_policy(policy)]
    for principal in anonymous:
        yield from told(principal_alone(principal))
    if any(each.kind != "anonymous" for each in estate.principals):
        world = World(estate)
        found = (one for at in world.starts for one in ways_of(world, at))
        yield from told(found)
        for at in world.starts:
            yield from lifted(world, at)


def is_identity_policy(policy: Policy) -> bool:
    document = policy.document
    return document is not None and not any(each.principals or each.not_principals for each in document.statements)


def nameless(policy: Policy) -> Principal:
    """Whoever holds a document."""
    return Principal("anonymous", policy.name, policy.arn, policy.address, (policy,), place=policy.place)


# A document by itself ------------------------------------------------------------------------------------------------


def principal_alone(principal: Principal) -> Iterator[Found]:
    """What a document gives whoever holds it; all that its permissions need is taken to be there."""
    holdings = Holdings(principal)
    if holdings.everything:
        return
    held: dict[str, tuple[Technique, list[Mapping[str, tuple[Grant, ...]]]]] = {}
    for technique, needs in possible(holdings.held):
        if not technique.seen_only:
            fitting = [each for each in held_variants(holdings, technique, needs) if is_useful(technique, each)]
            if fitting:
                held.setdefault(technique.id, (technique, []))[1].extend(fitting)
    for technique, variants in held.values():
        target = NAMELESS[technique.through]
        step = f"{principal.name} {technique.step.format(target=target)} ({' + '.join(variants[0])})."
        reaches = EVERYTHING if technique.through in (Through.SELF, Through.ANYTHING) else f"can act as {target}"
        yield Found(Severity.HIGH, technique, principal, (step,), reaches, principal.address, (common(variants),))


EVERYTHING = "can come to every permission"
NAMELESS = {
    Through.SELF: "itself",
    Through.ANYTHING: "a new principal",
    Through.ELSEWHERE: "somebody who has more",
    Through.GROUP: "a group that has more",
    Through.USER: "another user",
    Through.ROLE: "a role that has more",
    Through.TRUST: "a role that has more",
    Through.PASSED: "a role that has more",
    Through.CARRIER: "one whose role has more",
}


def is_useful(technique: Technique, variant: Mapping[str, tuple[Grant, ...]]) -> bool:
    """Whether each action is allowed on a resource of a kind that it can be done to."""
    others_only = technique.through is Through.USER
    return all(
        any(is_possible(action, each.resource, others_only) and is_left(action, each) for each in grants)
        for action, grants in variant.items()
    )


def is_left(action: str, grant: Grant) -> bool:
    """Whether what Denies and a boundary leave of a grant still holds something that the action can be done to."""
    if not grant.without and not grant.within:
        return True
    if not all(is_possible(action, each) for each in grant.within):
        return False
    arns = kinds_of(action)
    return not arns or not all(
        any(covers(taken, arn.replace("arn:*:", "arn:aws:", 1)) for taken in grant.without) for arn in arns
    )


@lru_cache(maxsize=1 << 14)
def is_possible(action: str, pattern: str, others_only: bool = False) -> bool:
    """Whether a pattern holds anything that an action can be done to; IAM's own resources to the letter.

    Elsewhere the service in the ARN decides: which types an action takes is told by other checks.
    """
    if others_only and "⟦${aws:username" in pattern.lower():
        return False
    if pattern == "*" or pattern.startswith("⟦"):
        return True
    arns = kinds_of(action)
    if not arns:
        return True
    if action.startswith(("iam:", "sts:")):
        if action.endswith("PolicyVersion") and pattern.startswith("arn:aws:iam::aws:"):
            return False
        return any(touches(arn, pattern) for arn in arns)
    service = pattern.split(":")[2] if pattern.count(":") >= 2 else "*"
    return any(touches(arn.split(":")[2], service) for arn in arns)


# A principal in an estate ---------------------------------------------------------------------------------------------


def ways_of(world: World, at: int) -> Iterator[Found]:
    """The strongest way of each rule."""
    best: dict[str, Found] = {}
    edges: dict[str, list[Edge]] = {}
    for edge in world.edges.get(at, ()):
        edges.setdefault(edge.technique.id, []).append(edge)
    for name, alike in edges.items():
        for edge in alike:
            found = way_of(world, at, edge, alike)
            if found is not None and world.nobodys(at):
                found = replace(found, severity=min(found.severity, Severity.LOW))
            if found is not None and (name not in best or found.severity > best[name].severity):
                best[name] = found
    yield from best.values()


def way_of(world: World, at: int, edge: Edge, alike: Sequence[Edge]) -> Found | None:
    principal = world.principals[at]
    held = [variant for each in (edge, *alike) if each.named is None for variant in each.held if variant]
    everyday = edge.technique.seen_only
    chain = world.to_administrator(at, edge)
    provided = next((way.edge.provided for way in chain if way.edge.provided), "")
    whole = None
    if chain:
        severity = Severity.MEDIUM if provided else Severity.HIGH if everyday else Severity.CRITICAL
        whole = found_on(world, severity, edge, chain, EVERYTHING, held, provided)
    if edge.wins or (whole is not None and (not provided or edge.provided)):
        return whole
    chain = world.to_more(at, edge)
    if chain:
        meant = (edge.named is not None or everyday) and len(chain) == 1
        last = chain[-1].to
        assert last is not None
        severity = Severity.MEDIUM if meant or edge.provided else Severity.HIGH
        reaches = f"can act as {world.principals[last].name}"
        more = found_on(world, severity, edge, chain, reaches, held, edge.provided)
        return more if whole is None or more.severity > whole.severity else whole
    if whole is not None:
        return whole
    hub = edge.hub
    if everyday or (hub is not None and not hub.open and not hub.unknown):
        return None
    useful = [each for each in edge.held if is_useful(edge.technique, each) and not is_own(principal, edge, each)]
    if not useful:
        return None
    if hub is not None and hub.unknown:
        target, reaches = hub.unknown[0].name, f"can act as {hub.unknown[0].name}, whose role this plan doesn't show"
    elif edge.technique.through is Through.SELF:
        target = edge.target.rpartition("/")[2] or "principals or policies other than its own"
        reaches = "may come to every permission, by what this plan doesn't show"
    else:
        target = NAMELESS[edge.technique.through]
        reaches = f"can act as {target}, which this plan doesn't show"
    step = sentence(principal, edge, target, useful[0])
    return Found(Severity.MEDIUM, edge.technique, principal, (step,), reaches, principal.address, (common(held),))


def is_own(principal: Principal, edge: Edge, variant: Mapping[str, tuple[Grant, ...]]) -> bool:
    """Whether a user's credentials that may be made are those of the user itself."""
    if principal.kind != "user" or edge.technique.through is not Through.USER:
        return False
    grants = next(iter(variant.values()))
    return all(grant.resource.endswith(f"/{principal.name}") for grant in grants)


def found_on(
    world: World, severity: Severity, edge: Edge, chain: Sequence[Way], reaches: str, held: Held, provided: str = ""
) -> Found:  # fmt: skip
    if provided:
        reaches = f"{reaches.replace('can ', 'may ', 1)}, if {provided}"
    steps: list[str] = []
    for way in chain:
        steps += steps_of(world, way)
    start = world.principals[chain[0].start]
    cuts = tuple(cuts_of(way, held if way.edge is edge else way.edge.held) for way in chain)
    return Found(severity, edge.technique, start, tuple(steps), reaches, start.address, cuts)


def steps_of(world: World, way: Way) -> Iterator[str]:
    principal = world.principals[way.start]
    edge = way.edge
    target = name_of(world, way.to, way.carrier)
    if way.to is None:
        target = by_arn(world, edge.target) if edge.target else "itself"
    yield sentence(principal, edge, target, edge.held[0])
    if edge.then is not None:
        then, number, carrier = edge.then
        yield sentence(principal, then, name_of(world, number, carrier), then.held[0])


def name_of(world: World, number: int | None, carrier: Carrier | None) -> str:
    role = world.principals[number].name if number is not None else ""
    return f"{carrier.name} (which runs as {role})" if carrier is not None else role


def by_arn(world: World, arn: str) -> str:
    number = world.numbered(arn)
    return world.principals[number].name if number is not None else arn.rpartition("/")[2]


def sentence(principal: Principal, edge: Edge, target: str, variant: Mapping[str, tuple[Grant, ...]]) -> str:
    how = " + ".join(variant) or "trust policy"
    return f"{principal.name} {edge.technique.step.format(target=target)} ({how})."


# Cuts -----------------------------------------------------------------------------------------------------------------


def common(held: Held) -> tuple[Cut, ...]:
    """The permissions that every variant needs; where there is no such one, those of the first."""
    if not held:
        return ()
    actions = [action for action in held[0] if all(action in variant for variant in held)] or list(held[0])
    return tuple(Cut(action, grant.statement, grant.policy) for action in actions for grant in held[0][action])


def cuts_of(way: Way, held: Held) -> tuple[Cut, ...]:
    edge = way.edge
    cuts = common([variant for variant in held if variant])
    if edge.named is not None:
        statement, role = edge.named
        return (Cut("", statement, None, role),)
    return cuts


def told(found: Iterable[Found]) -> Iterator[Finding]:
    """Findings; each lies on its first step, and of all cuts the one that cuts most of all ways is proposed."""
    found = list(found)
    counts = Counter(key for one in found for key in {cut.key for step in one.cuts for cut in step})
    for one in found:
        yield finding(one, counts)


def finding(one: Found, counts: Counter[tuple[str, int]]) -> Finding:
    cut = most([cut for step in one.cuts for cut in step], counts)
    own = most(next(iter(one.cuts), ()), counts)
    place = place_of(own) if own is not None else one.principal.place
    message = f"{one.principal.name} {one.reaches}: {one.technique.title[0].lower()}{one.technique.title[1:]}."
    return Finding(
        PREFIX + one.technique.id, one.severity, message, one.principal.arn or one.principal.name, one.path,
        resource=(own.policy.address if own is not None and own.policy is not None else "") or one.resource,
        place=place, fix=mend(one, cut, counts),
        identity=f"{PREFIX}{one.technique.id} {one.principal.arn or one.principal.address}",
    )  # fmt: skip


def most(cuts: Sequence[Cut], counts: Counter[tuple[str, int]]) -> Cut | None:
    return max(cuts, key=lambda each: counts[each.key], default=None)


def mend(one: Found, cut: Cut | None, counts: Counter[tuple[str, int]]) -> str:
    rule = RULES[one.technique.id]
    if cut is None:
        return rule.mend
    where = f" ({cut.statement.place})" if cut.statement.place.file else ""
    if cut.trusting:
        return f"Take {one.principal.name} out of {cut.statement.name}{where} of the trust policy of {cut.trusting}."
    of = f" of {cut.policy.name}" if cut.policy is not None and cut.policy.name else ""
    others = counts[cut.key] - 1
    also = f" That cuts {others} other way{'s' if others > 1 else ''} too." if others else ""
    rest = sum(each.action == cut.action for step in one.cuts for each in step) - 1
    again = f" ({rest} more statement{'s grant' if rest > 1 else ' grants'} it)" if rest else ""
    if cut.policy is not None and ":iam::aws:" in cut.policy.arn:  # nobody but AWS can change it
        at = " ".join(map(str, filter(None, (cut.policy.address, cut.policy.place if cut.policy.place.file else ""))))
        what = f"Detach {cut.policy.name} ({at}) or replace it by a policy without {cut.action}"
    else:
        what = f"Take {cut.action} out of {cut.statement.name}{of}{where}"
    return f"{what}{again}, or: {rule.mend}{also}"


def place_of(cut: Cut) -> Place:
    """The line of the action where that is known, else the statement's; of AWS's own policy that of its attachment."""
    statement, document = cut.statement, cut.policy.document if cut.policy is not None else None
    if document is not None and cut.action:
        from opsctl.iam.escalation.holdings import actions_like

        for at, action in enumerate(statement.actions):
            if cut.action.lower() in actions_like(action.lower()):
                place = document.places.get(f"{statement.index}.actions.{at}", NOWHERE)
                if place.line:
                    return place
                break
    return statement.place if statement.place.file or cut.policy is None else cut.policy.place


# Limits ---------------------------------------------------------------------------------------------------------------


def lifted(world: World, at: int) -> Iterator[Finding]:
    """A boundary, or a Deny in its own policies, that the principal may take away, and then has more."""
    principal, holdings = world.principals[at], world.holdings[at]
    if holdings.everything or principal.kind not in LIFTING:
        return
    for limited, actions, bare, what in (
        (principal.boundary is not None, LIFTING[principal.kind], replace(principal, boundary=None), "its boundary"),
        (bool(holdings.walls), DETACHING[principal.kind], without_denies(principal), "the policy that denies it more"),
    ):
        grants = {action: on_itself(holdings, action, principal.arn) for action in actions} if limited else {}
        action = next((action for action, found in grants.items() if found), "")
        if not action:
            continue
        free = Holdings(bare)
        gained = free.everything or any(True for _ in principal_alone(replace(bare, kind="anonymous")))
        already = any(True for _ in principal_alone(replace(principal, kind="anonymous")))
        if not gained or (already and not free.everything):
            continue
        grant = grants[action][0]
        cut = Cut(action, grant.statement, grant.policy)
        severity = Severity.CRITICAL if free.everything else Severity.HIGH
        yield Finding(
            LIFT.id, severity, f"{principal.name} can take away what limits it: {what}.", principal.arn,
            (f"{principal.name} takes away {what} ({action}).",), principal.address, place_of(cut),
            f"Take {action} out of {grant.statement.name}, or: {LIFT.mend}", f"{LIFT.id} {principal.arn} {what}",
        )  # fmt: skip


def on_itself(holdings: Holdings, action: str, arn: str) -> tuple[Grant, ...]:
    return tuple(grant for grant in holdings.can(action) if grant.on(arn) != "no")


def without_denies(principal: Principal) -> Principal:
    policies = []
    for policy in principal.policies:
        if policy.document is not None:
            kept = tuple(each for each in policy.document.statements if each.effect == "Allow")
            policy = replace(policy, document=replace(policy.document, statements=kept))
        policies.append(policy)
    return replace(principal, policies=tuple(policies))
