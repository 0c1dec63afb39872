"""Who can come to act as whom: principals as nodes, what a technique gives as edges, searched from administrators back.

A permission on a pattern leads to a hub, which leads to everything that the pattern holds: principals with the same
permission share it, so a thousand roles that may pass a thousand roles are two thousand edges, not a million. Cost:
linear in principals, statements, and what the distinct patterns hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from heapq import heapify, heappop, heappush
from itertools import combinations, islice, product

from opsctl.findings import NOWHERE
from opsctl.hcl.symbols import is_symbolic
from opsctl.iam.escalation.holdings import Area, Holdings, possible
from opsctl.iam.escalation.targets import Register, fits, is_open, kinds_of, resource_part, touches
from opsctl.iam.escalation.technique import Technique, Through
from opsctl.iam.escalation.techniques import OPERATED, PASSING, RUNS_AS, TECHNIQUES
from opsctl.iam.estate import Carrier, Estate, Principal
from opsctl.iam.evaluation import Grant, Request, decide
from opsctl.iam.patterns import Beginnings, Dialect, covers, has_variables
from opsctl.iam.policy import Condition, Statement

MOST_COMPARED = 25  # targets of one hub that are looked at for what the principal lacks; the mightiest come first
LONGEST_CHAIN = 8
FAR = 1 << 30
EC2 = "ec2.amazonaws.com"
TAGS = "the tags of what it is done to are the ones that it asks for"
PROFILE = "the role is in an instance profile"
MANY = 100  # patterns of each of two calls that are held to each other
NEEDS_AIM = ("Invoke", "Start", "Stop", "Update", "Execute", "Modify")  # verbs of calls on the thing that is taken over
# What every function and instance may do: nobody gains anything by it.
IDLE = ("logs:", "xray:", "cloudwatch:putmetricdata", "ssmmessages:", "ec2messages:", "sts:getcalleridentity")


@dataclass(frozen=True, eq=False)
class Hub:
    """What an area holds, shared by all who reach it.

    Attributes:
        targets: (principal's number, the carrier that leads to it or None), the mightiest first.
        unknown: carriers whose role the estate doesn't have.
        open: it may hold more than the estate shows.
    """

    targets: tuple[tuple[int, Carrier | None], ...]
    unknown: tuple[Carrier, ...] = ()
    open: bool = True

    @cached_property
    def numbers(self) -> frozenset[int]:
        return frozenset(number for number, _ in self.targets)


@dataclass(frozen=True, eq=False)
class Edge:
    """One principal's use of one technique.

    Attributes:
        held: the variants that it has, each with the grants of its actions.
        hub: where it leads; None: to everything at once (`wins`) or to what no estate shows.
        wins: it gives every permission.
        target: what it is done to, where that is known beforehand.
        named: the trust statement that names the principal: what lets it in is not (only) its own permission.
        then: an edge that is gone after it (a policy on the role that is then assumed), to whom, and what carries it.
        provided: what has to be so besides and the estate doesn't show; "" for nothing.
    """

    technique: Technique
    held: tuple[Mapping[str, tuple[Grant, ...]], ...]
    hub: Hub | None = None
    wins: bool = False
    target: str = ""
    named: tuple[Statement, str] | None = None
    then: tuple[Edge, int, Carrier | None] | None = None
    provided: str = ""

    @property
    def length(self) -> int:
        """In steps; one that depends on something is longer than any way that doesn't."""
        return 1000 if self.provided else 1


@dataclass(frozen=True)
class Way:
    """An edge and the principal that it leads to; None: to every permission."""

    start: int
    edge: Edge
    to: int | None = None
    carrier: Carrier | None = None


@dataclass
class Trust:
    """Who may assume a role, as its trust policy says.

    Attributes:
        named: ARN → the first statement that names it.
        account: some statement lets in whoever the account's own policies let.
        services: "lambda.amazonaws.com", …
        others: identity providers, or whoever NotPrincipal leaves.
        known: there is a trust policy that could be read.
        limits: what it says, where more than the name of the account decides who comes in; else ().
            Roles that say the same share it.
    """

    named: dict[str, Statement] = field(default_factory=dict)
    account: bool = False
    services: set[str] = field(default_factory=set)
    others: bool = False
    known: bool = False
    limits: tuple[Statement, ...] = ()


def service_of(principal: str) -> str:
    """A service principal without region or partition: "states.eu-west-1.amazonaws.com" → "states.amazonaws.com"."""
    name = principal.lower().removesuffix(".cn").removesuffix(".amazonaws.com").removesuffix(".amazon.com")
    parts = name.split(".")
    if len(parts) > 1 and parts[-1].count("-") >= 2 and parts[-1][-1].isdigit():
        parts.pop()
    return ".".join(parts) + ".amazonaws.com"


def trust_of(role: Principal, account: str) -> Trust:
    trust = Trust()
    if role.trust is None:
        return trust
    trust.known = True
    plain = all(statement.effect == "Allow" for statement in role.trust.statements)
    for statement in role.trust.statements:
        if statement.effect != "Allow":
            continue
        trust.others |= bool(statement.not_principals)
        for principal in statement.principals:
            trust.others |= principal.kind == "Federated"
            if principal.kind == "Service":
                trust.services.add(service_of(principal.value))
            elif principal.is_everybody or is_account(principal.value, account):
                trust.account = True
                plain = plain and not about_callers(statement) and lets_assume(statement)
            elif principal.kind == "AWS":
                trust.named.setdefault(principal.value, statement)
    if trust.account and not plain:
        trust.limits = tuple(
            replace(each, sid="", index=0, place=NOWHERE, conditions=about_callers(each))
            for each in role.trust.statements
        )
    return trust


def about_callers(statement: Statement) -> tuple[Condition, ...]:
    """The conditions that who calls may decide; what a caller adds (MFA, an external id) any may. All of a Deny's."""
    return tuple(
        each for each in statement.conditions
        if statement.effect == "Deny" or each.key.lower().startswith(("aws:principal", "aws:user", "aws:source"))
    )  # fmt: skip


def lets_assume(statement: Statement) -> bool:
    return any(covers(action.lower(), "sts:assumerole", "glob") for action in statement.actions)


NAMING = ("arnequals", "arnlike", "stringequals", "stringlike")


def callers(limits: Sequence[Statement]) -> tuple[str, ...] | None:
    """Patterns of those of the account whom a trust policy's conditions on aws:PrincipalArn name; None: of anybody."""
    patterns: list[str] = []
    for statement in limits:
        if statement.effect == "Allow":
            named = [each.values for each in statement.conditions
                     if each.key.lower() == "aws:principalarn" and each.operator.lower() in NAMING
                     and not any(map(has_variables, each.values))]  # fmt: skip
            if not named:
                return None
            patterns.extend(named[0])
    return tuple(patterns)


def is_account(value: str, account: str) -> bool:
    """Whether a principal is, or may be, the account as a whole: its number or its root's ARN.

    A symbol ("⟦var.account_id⟧") may be any account; one that isn't in an ARN only where its name says so.
    """
    if value.startswith("arn:"):
        number = value.split(":")[4] if value.endswith(":root") else ""
    else:
        number = value if value.isdigit() or "account" in value else ""
    return bool(number) and (number == account or is_symbolic(number) or is_symbolic(account))


class World:
    """An estate, ready to be asked who can act as whom."""

    def __init__(self, estate: Estate) -> None:
        self.estate = estate
        members = {group for principal in estate.principals for group in principal.groups}
        self.principals: tuple[Principal, ...] = estate.principals
        self.holdings: tuple[Holdings, ...] = tuple(map(Holdings, estate.principals))
        self.trusts = [trust_of(each, estate.account) for each in estate.principals]
        # A group with members is judged in each of them.
        self.starts = [
            at for at, each in enumerate(estate.principals)
            if each.kind in ("role", "user") or (each.kind == "group" and not {each.name, each.arn} & members)
        ]  # fmt: skip
        self._common: dict[tuple[int, int], list[tuple[int, Carrier | None]]] = {}
        self._parts: dict[int, tuple[Parts, Parts]] = {}
        self._narrowed: dict[tuple[int, tuple[int, ...]], Hub] = {}
        self._plain: dict[int, tuple[Hub, Mapping[int, Sequence[tuple[int, Carrier | None]]]]] = {}
        self._hubs: dict[tuple[str, tuple[Area, ...]], Hub] = {}
        self._registers: dict[str, Register[tuple[int | None, Carrier | None]]] = {}

    @cached_property
    def _by_arn(self) -> Mapping[str, int]:
        return {each.arn: at for at, each in enumerate(self.principals)}

    @cached_property
    def _by_name(self) -> Mapping[str, Sequence[int]]:
        found: dict[str, list[int]] = {}
        for at, each in enumerate(self.principals):
            found.setdefault(resource_part(each.arn), []).append(at)
        return found

    def numbered(self, arn: str) -> int | None:
        """Who has an ARN, or may have it: "role/ci" of an account that isn't known may be that of any."""
        at = self._by_arn.get(arn)
        if at is None:
            twins = self._by_name.get(resource_part(arn), ())
            at = next((twin for twin in twins if fits(arn, self.principals[twin].arn)), None)
        return at

    @cached_property
    def might(self) -> Sequence[tuple[int, int]]:
        """How much each may do, roughly: to look at the mightiest targets first."""
        return [(int(each.everything), len(each.held)) for each in self.holdings]

    def nobodys(self, at: int) -> bool:
        """Whether only AWS's own services act as a role, with nothing in it that a caller writes."""
        trust = self.trusts[at]
        others = trust.named or trust.account or trust.others
        return bool(trust.services) and trust.services <= OPERATED and not others

    def _numbers(self, kind: str) -> list[int]:
        found = [at for at, each in enumerate(self.principals) if each.kind == kind]
        return sorted(found, key=lambda at: self.might[at], reverse=True)

    def register(self, name: str) -> Register[tuple[int | None, Carrier | None]]:
        """By what it lists: "user", "role", "group", "trusting account", "trusting SERVICE", "carrier KIND KIND".

        "profiled SERVICE" are the roles of "trusting SERVICE" that are in an instance profile.
        """
        found = self._registers.get(name)
        if found is None:
            found = self._registers[name] = Register(self._listed(name))
        return found

    def _listed(self, name: str) -> Iterator[tuple[str, tuple[int | None, Carrier | None]]]:
        what, _, which = name.partition(" ")
        if what == "carrier":
            kinds = which.split()
            carriers = [
                each for each in self.estate.carriers
                if each.kind in kinds and RUNS_AS.get(each.kind, each.service) == each.service
            ]  # fmt: skip
            known = [(self.numbered(each.role), each) for each in carriers if each.role]
            for at, carrier in sorted(known, key=lambda row: (-1, -1) if row[0] is None else self.might[row[0]],
                                      reverse=True):  # fmt: skip
                yield carrier.arn, (at, carrier)
            return
        trusting = what in ("trusting", "profiled")
        for at in self._numbers("role" if trusting else what):
            trust = self.trusts[at]
            if what == "profiled" and self.principals[at].arn not in self.estate.profiled:
                continue
            if trusting and trust.known:
                if which == "account" and not trust.account:
                    continue
                if which != "account" and which not in trust.services:
                    continue
            yield self.principals[at].arn, (at, None)

    def hub(self, name: str, areas: Sequence[Area], loosely: tuple[str, ...] = ()) -> Hub:
        """What areas hold together of what a register lists, and what a wildcard in them means besides."""
        key = (name, tuple(areas))
        found = self._hubs.get(key)
        if found is None:
            register = self.register(name)
            rows = list(register.within(areas[0]))
            for area in areas[1:]:
                kept = set(register.within(area))
                rows = [row for row in rows if row in kept]
            if loosely and all(map(is_open, areas)):
                rows += self.register(" ".join(("carrier", *loosely))).things
            targets = tuple((at, carrier) for at, carrier in rows if at is not None)
            unknown = tuple(carrier for at, carrier in rows if at is None and carrier is not None)
            found = self._hubs[key] = Hub(targets, unknown, all(map(self._is_open, areas)))
        return found

    def _is_open(self, area: Area) -> bool:
        """Something outside the estate may be meant: a wildcard, or an ARN that the estate doesn't know."""
        return is_open(area) or any(not self._known.within(Area((part,))) for part in area.parts)

    @cached_property
    def _known(self) -> Register[None]:
        arns = [*(each.arn for each in self.principals), *(each.arn for each in self.estate.carriers)]
        return Register((arn, None) for arn in arns)

    # Edges ----------------------------------------------------------------------------------------------------------

    @cached_property
    def edges(self) -> Mapping[int, Sequence[Edge]]:
        found: dict[int, list[Edge]] = {}
        for at in self.starts:
            if not self.holdings[at].everything:
                found[at] = list(self._edges(at))
        for at, edge in self._named():
            if at in found:
                found[at].append(edge)
        for at, edges in found.items():
            edges.extend(self._reshaped(at, edges))
        return found

    def _edges(self, at: int) -> Iterator[Edge]:
        holdings = self.holdings[at]
        for technique, needs in possible(holdings.held):
            held = held_variants(holdings, technique, needs)
            firm = tuple(variant for each in held if all((variant := untagged(technique, each)).values()))
            if firm:
                yield from self._leading(at, technique, firm)
            if held != firm:
                yield from (replace(edge, provided=TAGS) for edge in self._leading(at, technique, held))

    def _leading(
        self, at: int, technique: Technique, held: tuple[Mapping[str, tuple[Grant, ...]], ...]
    ) -> Iterator[Edge]:
        match technique.through:
            case Through.SELF:
                yield self._own(at, technique, held)
            case Through.ANYTHING:
                yield Edge(technique, held, wins=True)
            case Through.ELSEWHERE:
                yield Edge(technique, held)
            case Through.CARRIER:
                name = " ".join(("carrier", *technique.carriers))
                for variant in held:
                    areas = tuple(Area.of(variant[action]) for action in aimed(technique, tuple(variant)))
                    yield Edge(technique, (variant,), self.hub(name, areas, technique.loosely))
            case Through.PASSED:
                area = Area.of(held[0][PASSING])
                for service in technique.services:
                    anybody = Edge(technique, held, self.hub(f"trusting {service}", (area,)))
                    if service == EC2 and not self.holdings[at].can("iam:AddRoleToInstanceProfile"):
                        profiled = self.hub(f"profiled {service}", (area,))
                        if profiled.targets:
                            yield replace(anybody, hub=profiled)
                        anybody = replace(anybody, provided=PROFILE)
                    yield anybody
            case through:
                names = {Through.GROUP: "group", Through.USER: "user", Through.ROLE: "role",
                         Through.TRUST: "trusting account"}  # fmt: skip
                for variant in held:
                    first = next(iter(variant.values()))
                    hub = self.hub(names[through], (Area.of(first),))
                    for one in self._letting_in(at, hub) if through is Through.TRUST else (hub,):
                        yield Edge(technique, (variant,), one)

    def _own(self, at: int, technique: Technique, held: tuple[Mapping[str, tuple[Grant, ...]], ...]) -> Edge:
        """Whether what it may change is itself; otherwise somebody else, of whom this estate says nothing."""
        principal = self.principals[at]
        action, grants = next(iter(held[0].items()))
        if action.endswith("PolicyVersion"):
            own = [each.arn for each in principal.policies if each.arn and ":iam::aws:" not in each.arn]
        elif "Group" in action and principal.kind == "user":
            own = [self._group_arn(group) for group in principal.groups]
        else:
            own = [principal.arn] if principal.kind in action.lower() else []
        area = Area.of(grants)
        mine = next((arn for arn in own if holds(area, arn)), "")
        return Edge(technique, held, wins=bool(mine) and "SetDefault" not in action, target=mine)

    def _group_arn(self, group: str) -> str:
        if group.startswith("arn:"):
            return group
        return f"arn:{self.estate.partition}:iam::{self.estate.account}:group/{group}"

    def _named(self) -> Iterator[tuple[int, Edge]]:
        """Roles whose trust policy names a principal: in one account that is enough, without any permission."""
        technique = next(each for each in TECHNIQUES if each.through is Through.TRUST)
        for at, trust in enumerate(self.trusts):
            for arn, statement in trust.named.items():
                start = self.numbered(arn)
                if start is not None and start != at and self._may_assume(start, at):
                    grants = self.holdings[start].can("sts:AssumeRole")
                    own = {"sts:AssumeRole": grants} if grants else {}
                    yield start, Edge(technique, (own,), Hub(((at, None),), open=False),
                                      named=(statement, self.principals[at].arn))  # fmt: skip

    def _may_assume(self, start: int, role: int) -> bool:
        request = Request(self.principals[start], "sts:AssumeRole", self.principals[role].arn)
        return decide(request, self.estate).allowed != "no"

    def _letting_in(self, at: int, hub: Hub) -> Iterator[Hub]:
        """A hub of roles that trust the account: those that let in all of it, and those that let in this principal.

        Cost: for each principal the different trust policies whose conditions may mean it, not the roles that have one.
        """
        plain, limited = self._parted(hub)
        yield plain
        asked = [*self._callers.get(at, ()), *self._anybodys] if limited else []
        mine = tuple(one for one in asked if one in limited and self._may_assume(at, limited[one][0][0]))
        if mine:
            key = (id(hub), mine)
            if key not in self._narrowed:
                rows = sorted((row for one in mine for row in limited[one]), key=lambda row: self.might[row[0]],
                              reverse=True)  # fmt: skip
                self._narrowed[key] = Hub(tuple(rows), open=False)
            yield self._narrowed[key]

    def _parted(self, hub: Hub) -> tuple[Hub, Mapping[int, Sequence[tuple[int, Carrier | None]]]]:
        """A hub without the roles whose trust policies have limits; those, by which limits."""
        found = self._plain.get(id(hub))
        if found is None:
            limited: dict[int, list[tuple[int, Carrier | None]]] = {}
            for row in hub.targets:
                if row[0] in self._limits:
                    limited.setdefault(self._limits[row[0]], []).append(row)
            kept = tuple(row for row in hub.targets if row[0] not in self._limits)
            found = self._plain[id(hub)] = (Hub(kept, hub.unknown, hub.open) if limited else hub, limited)
        return found

    @cached_property
    def _limits(self) -> Mapping[int, int]:
        """Role → which of the different limits its trust policy has."""
        seen: dict[tuple[Statement, ...], int] = {}
        return {at: seen.setdefault(each.limits, len(seen)) for at, each in enumerate(self.trusts) if each.limits}

    @cached_property
    def _callers(self) -> Mapping[int, Sequence[int]]:
        """Principal → the limits that name it."""
        everybody = Register((each.arn, at) for at, each in enumerate(self.principals))
        found: dict[int, list[int]] = {}
        for one, at in {one: at for at, one in self._limits.items()}.items():
            patterns = callers(self.trusts[at].limits) or ()
            for caller in everybody.within(Area(tuple((pattern, (), ()) for pattern in patterns))):
                found.setdefault(caller, []).append(one)
        return found

    @cached_property
    def _anybodys(self) -> Sequence[int]:
        """The limits that name nobody."""
        limits = {one: at for at, one in self._limits.items()}
        return [one for one, at in limits.items() if callers(self.trusts[at].limits) is None]

    def _reshaped(self, at: int, edges: Sequence[Edge]) -> Iterator[Edge]:
        """Somebody whose policies it may change, and as whom it can act by whatever way: together every permission."""
        for technique in TECHNIQUES:
            if technique.through is not Through.SELF or technique.id == "change-policy-version":
                continue
            action = technique.needs[0][0]
            kind = "role" if "Role" in action else "user" if "User" in action else ""
            grants = self.holdings[at].can(action) if kind else ()
            if not grants:
                continue
            mine = self.hub(kind, (Area.of(grants),))
            for edge in edges:
                for target, carrier in self._shared(edge.hub, mine) if edge.hub is not None else ():
                    if target != at:
                        yield Edge(technique, ({action: grants},), wins=True, target=self.principals[target].arn,
                                   then=(edge, target, carrier),
                                   provided=edge.provided or (TAGS if all(map(by_tag, grants)) else ""))  # fmt: skip
                        break

    def _shared(self, one: Hub, other: Hub) -> Sequence[tuple[int, Carrier | None]]:
        """Two targets that are in both, or fewer; of two, one isn't the principal itself."""
        key = (id(one), id(other))
        found = self._common.get(key)
        if found is None:
            numbers = other.numbers
            found = self._common[key] = list(islice((row for row in one.targets if row[0] in numbers), 2))
        return found

    # Search ---------------------------------------------------------------------------------------------------------

    @cached_property
    def ways(self) -> Mapping[int, Way]:
        """The first step of a shortest way to every permission, of each principal that has one."""
        into: dict[int, list[Hub]] = {}
        holders: dict[int, list[tuple[int, Edge]]] = {}
        reached: dict[int, Way] = {}
        distance: dict[int, int] = {at: 0 for at, each in enumerate(self.holdings) if each.everything}
        for at, edges in self.edges.items():
            for edge in edges:
                if edge.wins and edge.length < distance.get(at, FAR):
                    reached[at], distance[at] = Way(at, edge), edge.length
                if edge.hub is not None:
                    if id(edge.hub) not in holders:
                        for target, _ in edge.hub.targets:
                            into.setdefault(target, []).append(edge.hub)
                    holders.setdefault(id(edge.hub), []).append((at, edge))
        queue = [(far, at) for at, far in distance.items()]
        heapify(queue)
        done: set[int] = set()
        while queue:
            far, target = heappop(queue)
            for hub in into.get(target, ()) if far == distance[target] else ():
                if id(hub) in done:
                    continue
                done.add(id(hub))
                for at, edge in holders[id(hub)]:
                    if at != target and far + edge.length < distance.get(at, FAR):
                        carrier = next(carrier for number, carrier in hub.targets if number == target)
                        reached[at], distance[at] = Way(at, edge, target, carrier), far + edge.length
                        heappush(queue, (distance[at], at))
        self._distance = distance
        return reached

    def to_administrator(self, at: int, edge: Edge) -> tuple[Way, ...]:
        """A way to every permission that begins with this edge, without coming back; () where there is none."""
        ways = self.ways
        if edge.wins:
            return (Way(at, edge),)
        if edge.hub is None:
            return ()
        near = [row for row in edge.hub.targets[:MOST_COMPARED] if row[0] in self._distance and row[0] != at]
        own = ways.get(at)
        if own is not None and own.edge is edge and own.to is not None and all(row[0] != own.to for row in near):
            near.append((own.to, own.carrier))
        for target, carrier in sorted(near, key=lambda row: self._distance[row[0]]):
            chain = [Way(at, edge, target, carrier)]
            seen = {at, target}
            while not self.holdings[target].everything:
                step = ways[target]
                chain.append(step)
                if step.to is None or step.to in seen or len(chain) > LONGEST_CHAIN:
                    break
                target = step.to
                seen.add(target)
            last = chain[-1]
            if last.to is None or self.holdings[last.to].everything:
                return tuple(chain)
        return ()

    def to_more(self, at: int, edge: Edge) -> tuple[Way, ...]:
        """A way to somebody who may do what this principal may not, followed as long as it brings more."""
        chain: list[Way] = []
        seen = {at}
        here, options = at, [edge]
        while options and len(chain) < LONGEST_CHAIN:
            found = next(
                (
                    Way(here, option, target, carrier)
                    for option in options
                    if option.hub is not None
                    for target, carrier in option.hub.targets[:MOST_COMPARED]
                    if target not in seen and self.lacks(at, target) and (here == at or self.lacks(here, target))
                ),
                None,
            )
            if found is None or found.to is None:
                break
            chain.append(found)
            seen.add(found.to)
            here, options = found.to, [each for each in self.edges.get(found.to, ()) if not each.provided]
        return tuple(chain)

    def lacks(self, at: int, other: int) -> bool:
        """Whether somebody may do anything worth having that a principal may not, or that a Deny may keep from it."""
        ours, walls = self._own_parts(at)
        theirs, _ = self._own_parts(other)
        return any(
            self.principals[at].boundary is not None
            or not any(wider(mine, part) for mine in ours.that_may_cover(part))
            or any(denies(wall, part) for wall in walls.that_may_touch(part))
            for each in theirs.statements for part in by_action(each)
        )  # fmt: skip

    def _own_parts(self, at: int) -> tuple[Parts, Parts]:
        """What its policies allow that is worth having, and what they deny."""
        found = self._parts.get(at)
        if found is None:
            found = self._parts[at] = Parts(worth_having(self.principals[at])), Parts(self.holdings[at].walls)
        return found


class Parts:
    """Statements by their resources, one of each: to find those that may have to do with one."""

    def __init__(self, statements: Iterable[Statement]) -> None:
        self.statements = [
            replace(each, resources=(resource,)) if resource else each
            for each in statements for resource in each.resources or ("",)
        ]  # fmt: skip
        self._beginnings = Beginnings("".join(each.resources) for each in self.statements)

    def that_may_cover(self, part: Statement) -> Iterator[Statement]:
        return (self.statements[at] for at in self._beginnings.around("".join(part.resources)))

    def that_may_touch(self, part: Statement) -> Iterator[Statement]:
        near = self._beginnings.near("".join(part.resources), len(self.statements))
        return (self.statements[at] for at in near or ())


@lru_cache(maxsize=1 << 14)
def _worth(pattern: str) -> bool:
    return not pattern.lower().startswith(IDLE)


def worth_having(principal: Principal) -> tuple[Statement, ...]:
    """Its Allow statements, without the actions that everybody has."""
    found = []
    for policy in principal.policies:
        for statement in policy.document.statements if policy.document is not None else ():
            if statement.effect != "Allow":
                continue
            actions = tuple(action for action in statement.actions if _worth(action))
            if actions or statement.not_actions:
                found.append(replace(statement, actions=actions))
    return tuple(found)


def by_action(statement: Statement) -> Iterator[Statement]:
    """A statement as several, each of one action (or of all but some)."""
    for action in statement.actions or ("",):
        yield replace(statement, actions=(action,) if action else ())


def wider(mine: Statement, their: Statement) -> bool:
    """Whether a statement gives all that another does."""

    def gives(given: Sequence[str], spared: Sequence[str], wanted: Sequence[str], unwanted: Sequence[str]) -> bool:
        if "*" in given:
            return True
        if unwanted:
            return bool(spared) and set(spared) <= set(unwanted)
        if spared:
            return not any(touches(no, each) for no in spared for each in wanted)
        dialect: Dialect = "glob" if wanted is called else "resource"
        return all(any(covers(ours, each, dialect) for ours in given) for each in wanted)

    called = lowered(their.actions)
    return (
        all(condition in their.conditions for condition in mine.conditions)
        and gives(lowered(mine.actions), lowered(mine.not_actions), called, lowered(their.not_actions))
        and gives(mine.resources, mine.not_resources, their.resources, their.not_resources)
    )


def lowered(actions: Iterable[str]) -> list[str]:
    return [action.lower() for action in actions]


def denies(wall: Statement, part: Statement) -> bool:
    """Whether a Deny may take away some of what another statement gives; its conditions may hold."""

    def about(taken: Sequence[str], spared: Sequence[str], given: Sequence[str]) -> bool:
        if spared:
            return not given or any(not any(covers(no, each) for no in spared) for each in given)
        return not given or not taken or any(touches(one, each) for one in taken for each in given)

    return about(lowered(wall.actions), lowered(wall.not_actions), lowered(part.actions)) and about(
        wall.resources, wall.not_resources, part.resources
    )


def by_tag(grant: Grant) -> bool:
    """Whether the tags of what it is done to decide."""
    conditions = (*grant.conditions, *(each for deny in grant.unless for each in deny.conditions))
    return any("resourcetag/" in each.key.lower() for each in conditions)


def untagged(technique: Technique, variant: Mapping[str, tuple[Grant, ...]]) -> Mapping[str, tuple[Grant, ...]]:
    """A variant without what depends on tags of things that are there; what it makes itself it may tag as it likes."""
    aimed_at = {Through.ANYTHING: (), Through.PASSED: (PASSING,)}.get(technique.through, tuple(variant))
    if not any(by_tag(grant) for action in aimed_at for grant in variant.get(action, ())):
        return variant
    return {
        action: tuple(grant for grant in grants if action not in aimed_at or not by_tag(grant))
        for action, grants in variant.items()
    }


def holds(area: Area, arn: str) -> bool:
    return any(
        all(fits(each, arn) for each in (pattern, *within)) and not any(fits(each, arn) for each in without)
        for pattern, within, without in area.parts
    )


def held_variants(
    holdings: Holdings, technique: Technique, needs: Iterable[tuple[str, ...]]
) -> tuple[Mapping[str, tuple[Grant, ...]], ...]:
    """The variants that it may do all of, on one thing where they are done to one."""
    service = technique.services[0] if technique.services else ""
    found = ({action: holdings.can(action, service) for action in need} for need in needs)
    return tuple(
        variant for variant in found if all(variant.values()) and meets(variant) and all(
            runs_commands(action, grants) for action, grants in variant.items()
        )
    )  # fmt: skip


def aimed(technique: Technique, actions: tuple[str, ...]) -> tuple[str, ...]:
    """The actions of a variant that have to be allowed on the thing itself: the first, and those that act on it."""
    service = actions[0].partition(":")[0]
    others = (
        action for action in actions[1:]
        if action.startswith(f"{service}:") and action.partition(":")[2].startswith(NEEDS_AIM)
    )  # fmt: skip
    return (actions[0], *others)


def meets(variant: Mapping[str, tuple[Grant, ...]]) -> bool:
    """Whether calls that are done to one kind of thing may be done to the same one: what is made is what is started."""
    return all(
        at_one(one, tuple(each.resource for each in ours), other, tuple(each.resource for each in theirs))
        for (one, ours), (other, theirs) in combinations(variant.items(), 2)
    )


@lru_cache(maxsize=1 << 12)
def at_one(one: str, ours: tuple[str, ...], other: str, theirs: tuple[str, ...]) -> bool:
    """False where both calls take one kind of thing, each is allowed on some of that kind, and on no thing both are.

    Of very many patterns the answer is yes: each isn't held to each.
    """
    if "*" in ours or "*" in theirs or len(ours) * len(theirs) > MANY * MANY:
        return True
    kinds = [kind for kind in kinds_of(one) if kind in kinds_of(other)]
    mine, their = (
        [each for each in patterns if any(touches(kind, each) for kind in kinds)] for patterns in (ours, theirs)
    )
    return not (mine and their) or any(is_same(*pair) for pair in product(mine, their))


def is_same(one: str, other: str) -> bool:
    """Whether two patterns share a thing; a version of a thing ("function:name:3") is the thing."""
    return touches(one, other) or touches(f"{one}:*", other) or touches(one, f"{other}:*")


DOCUMENTS = ":document/"
SHELLS = tuple(
    f"arn:*:ssm:*:*:document/AWS-Run{name}"
    for name in ("ShellScript", "PowerShellScript", "RemoteScript", "AnsiblePlaybook", "SaltState", "Document")
)
SESSIONS = tuple(
    f"arn:*:ssm:*:*:document/{name}"
    for name in ("SSM-SessionManagerRunShell", "AWS-StartInteractiveCommand", "AWS-StartNonInteractiveCommand")
)
# Calls that take instances and a document, and AWS's documents that run the caller's commands.
RUNNING = dict.fromkeys(("ssm:SendCommand", "ssm:CreateAssociation", "ssm:CreateAssociationBatch"), SHELLS) | {
    "ssm:StartSession": SESSIONS
}


def runs_commands(action: str, grants: Sequence[Grant]) -> bool:
    """Whether instances and documents (both have to be allowed) that run the caller's commands are among the resources.

    A statement that names no document at all is taken to leave that to another one. Which document a session uses is
    asked only under the condition ssm:SessionDocumentAccessCheck. Source: Systems Manager User Guide, "Restricting Run
    Command access based on tags", "AWS-RunShellScript", "Enforce a session document permission check for the AWS CLI".
    """
    patterns = tuple(grant.resource for grant in grants)
    if action not in RUNNING or "*" in patterns:
        return True
    documents = [pattern for pattern in patterns if DOCUMENTS in pattern]
    if len(documents) == len(patterns):
        return False
    if action == "ssm:StartSession" and not all(map(checks_document, grants)):
        return True
    return not documents or any(touches(shell, pattern) for pattern in documents for shell in RUNNING[action])


def checks_document(grant: Grant) -> bool:
    return any(each.key.lower() == "ssm:sessiondocumentaccesscheck" for each in grant.conditions)
