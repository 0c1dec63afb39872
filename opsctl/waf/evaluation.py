"""Evaluate a web ACL: its rules in the order of their priority, until one ends the request.

A statement is true, false, or unknown (`None`: it can't be decided here). Unknown behaves as in three-valued logic:
`false and unknown` is false, so what could not have mattered is not reported. A rule that stays unknown does not act,
and the verdict lists it with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Protocol

from opsctl.waf.components import Found, cookies, find
from opsctl.waf.managed import GROUPS, Finding, StandIn
from opsctl.waf.rates import RateCounters
from opsctl.waf.request import Resource, WebRequest
from opsctl.waf.transformations import transform
from opsctl.waf.web_acl import (
    SILENT,
    Action,
    And,
    ByteMatch,
    ForwardedAddress,
    GeoMatch,
    IPSetMatch,
    LabelMatch,
    ManagedGroup,
    Not,
    Or,
    RateBased,
    RateKey,
    RegexMatch,
    Rule,
    RuleGroup,
    SizeConstraint,
    SqliMatch,
    Statement,
    Unknown,
    Visibility,
    WebACL,
    XssMatch,
)  # fmt: skip

DEFAULT_ACTION = "Default_Action"
CONTENT_TYPES = {"TEXT_PLAIN": "text/plain", "TEXT_HTML": "text/html", "APPLICATION_JSON": "application/json"}
COMPARISONS = {
    "EQ": int.__eq__, "NE": int.__ne__, "LT": int.__lt__, "LE": int.__le__, "GT": int.__gt__, "GE": int.__ge__,
}  # fmt: skip


class NotAvailable(Exception):
    """The detector can't answer; the text says why, as a clause."""


class Detector(Protocol):
    """Finds attacks: whether any of the texts is one, and what a request matches. Each method raises NotAvailable."""

    async def is_sqli(self, *texts: bytes) -> bool: ...

    async def is_xss(self, *texts: bytes) -> bool: ...

    async def core_rules(self, request: WebRequest) -> tuple[Finding, ...]: ...


@dataclass(frozen=True)
class Answer:
    """What a blocked client gets, where the rule says so (a custom response)."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


@dataclass(frozen=True)
class Matched:
    """A rule that matched: its name, what it did (AWS's word), and for a rule of a group the rule there.

    Attributes:
        insert: headers for the request, with AWS's prefix.
        details: (condition, location) of SQL injection and cross-site scripting matches: ("SQL_INJECTION", "BODY").
        overridden: the action that the group's rule would have had.
    """

    rule: str
    action: str
    visibility: Visibility = SILENT
    group_rule: str = ""
    insert: tuple[tuple[str, str], ...] = ()
    details: tuple[tuple[str, str], ...] = ()
    overridden: str = ""


@dataclass(frozen=True)
class GroupOutcome:
    """What a rule group came to: `id` as in the log; by its stand-in or by its own rules."""

    rule: str
    id: str
    metric: str
    terminating: Matched | None
    counted: tuple[Matched, ...]
    is_stand_in: bool


@dataclass(frozen=True)
class RateLimited:
    """The rate-based rule that ended the request, and the values that it counts by."""

    rule: str
    statement: RateBased
    key: tuple[str, ...]


@dataclass(frozen=True)
class NotEnforced:
    """A rule that could not be decided for this request."""

    rule: str
    reason: str


@dataclass(frozen=True)
class Verdict:
    """What a web ACL does with a request.

    Attributes:
        action: ALLOW or BLOCK.
        terminating: the rule that ended it; None for the default action.
        rule_type: REGULAR, RATE_BASED, GROUP or MANAGED_RULE_GROUP, as in the log.
        answer: the custom response of a block; None for the service's usual 403.
        insert: headers to add to the request that goes on.
        labels: full names, in the order in which they were added.
        counted: rules that matched and let the request go on.
        stand_ins: managed rule groups of which a stand-in was asked.
    """

    action: str
    terminating: Matched | None = None
    rule_type: str = "REGULAR"
    answer: Answer | None = None
    insert: tuple[tuple[str, str], ...] = ()
    labels: tuple[str, ...] = ()
    counted: tuple[Matched, ...] = ()
    groups: tuple[GroupOutcome, ...] = ()
    rate: RateLimited | None = None
    not_enforced: tuple[NotEnforced, ...] = ()
    stand_ins: tuple[str, ...] = ()

    @property
    def rule(self) -> str:
        return self.terminating.rule if self.terminating else DEFAULT_ACTION

    @property
    def blocks(self) -> bool:
        return self.action == "BLOCK"


async def evaluate(
    acl: WebACL,
    request: WebRequest,
    *,
    counters: RateCounters,
    detector: Detector,
    now: float,
    resource: Resource | None = None,
) -> Verdict:
    """What the web ACL does with a request. Counts it for rate-based rules.

    Args:
        now: seconds of any steady clock.
        resource: what the request is for; by default CloudFront or API Gateway, by the web ACL's scope.
    """
    usual = Resource.CLOUDFRONT if acl.scope == "CLOUDFRONT" else Resource.API_GATEWAY
    return await _Evaluation(acl, request, counters, detector, now, resource or usual).run()


@dataclass
class _Evaluation:
    """One request on its way through the rules: what was found so far."""

    acl: WebACL
    request: WebRequest
    counters: RateCounters
    detector: Detector
    now: float
    resource: Resource
    labels: list[str] = field(default_factory=list)
    counted: list[Matched] = field(default_factory=list)
    groups: list[GroupOutcome] = field(default_factory=list)
    not_enforced: list[NotEnforced] = field(default_factory=list)
    insert: list[tuple[str, str]] = field(default_factory=list)
    stand_ins: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    details: list[tuple[str, str]] = field(default_factory=list)
    rate: RateLimited | None = None
    found: dict[object, Found] = field(default_factory=dict)
    findings: tuple[Finding, ...] | None = None

    def __post_init__(self) -> None:
        self.body_limit = dict(self.acl.body_limits).get(self.resource.association_key, self.resource.body_limit)
        self.context = f"awswaf:{self.acl.account_id}:webacl:{self.acl.name}:"

    async def run(self) -> Verdict:
        for rule in self.acl.rules:
            self.reasons, self.details = [], []
            if isinstance(rule.statement, ManagedGroup | RuleGroup):
                ended = await self._group(rule, rule.statement)
                rule_type = "GROUP" if isinstance(rule.statement, RuleGroup) else "MANAGED_RULE_GROUP"
                bodies = rule.statement.bodies if isinstance(rule.statement, RuleGroup) else ()
            else:
                ended = await self._rule(rule, rule.action, self.context)
                rule_type = "RATE_BASED" if isinstance(rule.statement, RateBased) else "REGULAR"
                bodies = self.acl.bodies
            if ended:
                matched, action = ended
                return self._verdict(matched, action, rule_type, bodies)
        return self._verdict(None, self.acl.default, "REGULAR", self.acl.bodies)

    def _verdict(
        self, matched: Matched | None, action: Action, rule_type: str, bodies: tuple[tuple[str, tuple[str, str]], ...]
    ) -> Verdict:
        blocks = action.kind == "Block"
        own = () if blocks else _prefixed(action)
        return Verdict(
            action="BLOCK" if blocks else "ALLOW",
            terminating=matched,
            rule_type=rule_type,
            answer=_answer(action, dict(bodies)) if blocks else None,
            insert=() if blocks else (*self.insert, *own),
            labels=tuple(self.labels),
            counted=tuple(self.counted),
            groups=tuple(self.groups),
            rate=self.rate if rule_type == "RATE_BASED" else None,
            not_enforced=tuple(self.not_enforced),
            stand_ins=tuple(self.stand_ins),
        )

    async def _rule(
        self, rule: Rule, action: Action | None, context: str, group: str = "", overridden: str = ""
    ) -> tuple[Matched, Action] | None:
        """Try one rule: what ends the request, or None. `group` is the rule of the web ACL that names its group."""
        self.details = []
        previous, self.context = self.context, context
        result = await self._is(rule.statement, rule.name)
        self.context = previous
        top, inner = (group, rule.name) if group else (rule.name, "")
        if result is None:
            self._miss(top, inner)
        if not result or action is None:
            return None
        self._label(context + label for label in rule.labels)
        matched = Matched(
            top, action.kind.upper(), rule.visibility, inner, _prefixed(action), tuple(self.details), overridden
        )
        return self._act(matched, action)

    def _act(self, matched: Matched, action: Action) -> tuple[Matched, Action] | None:
        if action.kind in ("Allow", "Block"):
            return matched, action
        if action.kind != "Count":
            # On AWS a client without a valid token gets a puzzle or a script to run; here nobody could serve it.
            name = f"{matched.rule}/{matched.group_rule}" if matched.group_rule else matched.rule
            self.not_enforced.append(NotEnforced(name, f"action {action.kind} is not carried out here"))
        self.counted.append(matched)
        self.insert.extend(_prefixed(action))
        return None

    def _miss(self, rule: str, inner: str = "") -> None:
        name = f"{rule}/{inner}" if inner else rule
        self.not_enforced.extend(NotEnforced(name, reason) for reason in dict.fromkeys(self.reasons))
        self.reasons = []

    def _label(self, labels: Iterable[str]) -> None:
        self.labels.extend(label for label in labels if label not in self.labels)

    async def _group(self, rule: Rule, group: ManagedGroup | RuleGroup) -> tuple[Matched, Action] | None:
        before = len(self.counted)
        if isinstance(group, RuleGroup):
            ended = await self._own_group(rule, group)
            identity, metric = group.arn, group.metric
        else:
            ended = await self._managed_group(rule, group)
            identity, metric = f"{group.vendor}#{group.name}", ""
        counted = tuple(self.counted[before:])
        if ended and rule.count_only:
            # The group's rules act inside it; the web ACL counts that one did, and goes on.
            self.counted.append(Matched(rule.name, "COUNT", rule.visibility))
        self.groups.append(GroupOutcome(rule.name, identity, metric, ended[0] if ended else None, counted, not metric))
        return None if rule.count_only else ended

    async def _own_group(self, rule: Rule, group: RuleGroup) -> tuple[Matched, Action] | None:
        overrides = dict(group.overrides)
        context = f"awswaf:{group.arn.split(':')[4] if group.arn else self.acl.account_id}:rulegroup:{group.name}:"
        for inner in group.rules:
            self.reasons = []
            action = overrides.get(inner.name, inner.action)
            overridden = inner.action.kind.upper() if inner.name in overrides and inner.action else ""
            if ended := await self._rule(inner, action, context, rule.name, overridden):
                return ended
        return None

    async def _managed_group(self, rule: Rule, group: ManagedGroup) -> tuple[Matched, Action] | None:
        if group.scope_down is not None:
            within = await self._is(group.scope_down, rule.name)
            if within is None:
                self._miss(rule.name)
            if not within:
                return None
        known = GROUPS.get(group.name) if group.vendor == "AWS" else None
        if known is None or not known.stand_ins:
            reason = known.reason if known else "nothing public stands in for this managed rule group"
            self.not_enforced.append(NotEnforced(rule.name, reason))
            return None
        self.stand_ins.append(group.name)
        for name in known.missing:
            self.not_enforced.append(NotEnforced(f"{rule.name}/{name}", "nothing public stands in for this rule"))
        findings: tuple[Finding, ...] = ()
        try:
            findings = await self._core_rules()
        except NotAvailable as reason:
            self.not_enforced.append(NotEnforced(rule.name, str(reason)))
        overrides = dict(group.overrides)
        for stand_in in known.stand_ins:
            if stand_in.matches(self.request, findings) and (
                ended := self._stand_in(rule, known.prefix, stand_in, overrides)
            ):
                return ended
        return None

    def _stand_in(
        self, rule: Rule, prefix: str, stand_in: StandIn, overrides: dict[str, Action]
    ) -> tuple[Matched, Action] | None:
        self._label([prefix + stand_in.label])
        action = overrides.get(stand_in.name, Action("Block"))
        overridden = "BLOCK" if stand_in.name in overrides else ""
        matched = Matched(
            rule.name, action.kind.upper(), rule.visibility, stand_in.name, _prefixed(action), overridden=overridden
        )
        return self._act(matched, action)

    async def _core_rules(self) -> tuple[Finding, ...]:
        if self.findings is None:
            self.findings = await self.detector.core_rules(self._request_within_limit())
        return self.findings

    def _request_within_limit(self) -> WebRequest:
        if len(self.request.body) <= self.body_limit:
            return self.request
        return replace(self.request, body=self.request.body[: self.body_limit])

    async def _is(self, statement: Statement, rule: str) -> bool | None:
        match statement:
            case And(statements):
                return await self._combined(statements, rule, decides=False)
            case Or(statements):
                return await self._combined(statements, rule, decides=True)
            case Not(inner):
                result = await self._is(inner, rule)
                return None if result is None else not result
            case SqliMatch() | XssMatch():
                return await self._attack(statement)
            case RateBased():
                return await self._rate(statement, rule)
            case ByteMatch() | RegexMatch() | SizeConstraint():
                return self._text(statement)
            case IPSetMatch():
                return self._address(statement)
            case LabelMatch():
                return self._has_label(statement)
            case GeoMatch(countries):
                return self._country(countries)
            case Unknown(reason):
                self.reasons.append(reason)
                return None
            case ManagedGroup() | RuleGroup():
                self.reasons.append("a rule group inside another statement is not allowed by AWS")
                return None

    async def _combined(self, statements: tuple[Statement, ...], rule: str, *, decides: bool) -> bool | None:
        """Three-valued logic: one False decides an AND, one True an OR; else what is undecided leaves it undecided."""
        result: bool | None = not decides
        for statement in statements:
            one = await self._is(statement, rule)
            if one is decides:
                return decides
            result = one if one is None else result
        return result

    def _find(self, statement: ByteMatch | RegexMatch | SizeConstraint | SqliMatch | XssMatch) -> Found:
        found = self.found.get(statement.field)
        if found is None:
            found = self.found[statement.field] = find(statement.field, self.request, self.body_limit)
        return found

    def _text(self, statement: ByteMatch | RegexMatch | SizeConstraint) -> bool:
        found = self._find(statement)
        if found.decided is not None:
            return found.decided
        match statement:
            case ByteMatch(_, search, constraint):
                return any(_contains(text, search, constraint) for text in found.texts)
            case RegexMatch(_, patterns):
                return any(pattern.search(text) for text in found.texts for pattern in patterns)
            case SizeConstraint(_, operator, size):
                return any(COMPARISONS[operator](len(text), size) for text in found.texts)

    async def _attack(self, statement: SqliMatch | XssMatch) -> bool | None:
        found = self._find(statement)
        if found.decided is not None:
            return found.decided
        is_sqli = isinstance(statement, SqliMatch)
        ask = self.detector.is_sqli if is_sqli else self.detector.is_xss
        try:
            suspects = [text for text in found.texts if not _is_harmless(text)]
            if suspects and await ask(*suspects):
                location = LOCATIONS.get(statement.field.kind, statement.field.kind.upper())
                self.details.append(("SQL_INJECTION" if is_sqli else "XSS", location))
                return True
        except NotAvailable as reason:
            self.reasons.append(str(reason))
            return None
        return False

    def _address(self, statement: IPSetMatch) -> bool:
        if statement.forwarded is None:
            addresses = [self.request.client_ip]
        else:
            lines = self.request.header_values(statement.forwarded.header)
            if not lines:
                return False
            addresses = [address.strip() for address in ",".join(lines).split(",")]
            addresses = {"FIRST": addresses[:1], "LAST": addresses[-1:]}.get(statement.forwarded.position, addresses)
        parsed = [_parse_address(address) for address in addresses]
        if statement.forwarded and None in parsed:
            return statement.forwarded.fallback_matches
        return any(
            address in network
            for address in parsed
            for network in statement.networks
            if address is not None and address.version == network.version
        )

    def _country(self, countries: frozenset[str]) -> bool | None:
        if not self.request.country:
            self.reasons.append("the country of this address is not known here")
            return None
        # A geo match labels every request that it sees; regions are not known here.
        self._label([f"awswaf:clientip:geo:country:{self.request.country}"])
        return self.request.country in countries

    def _has_label(self, statement: LabelMatch) -> bool:
        key = statement.key.removesuffix(":")
        if key.startswith("awswaf:"):
            if statement.scope == "LABEL":
                return key in self.labels
            return any(label.startswith(f"{key}:") for label in self.labels)
        own = [label.removeprefix(self.context) for label in self.labels if label.startswith(self.context)]
        if statement.scope == "LABEL":
            return any(f":{label}".endswith(f":{key}") for label in own)
        return any(f":{key}:" in f":{label.rpartition(':')[0]}:" for label in own)

    async def _rate(self, statement: RateBased, rule: str) -> bool | None:
        if statement.scope_down is not None:
            within = await self._is(statement.scope_down, rule)
            if not within:
                return within
        values = []
        for key in statement.keys:
            value, decided = self._rate_value(key, statement.forwarded)
            if decided is not None:
                return decided
            if value is None:  # what lacks a part of the key is neither counted nor limited
                return False
            values.append(value)
        if not self.counters.exceeds((self.acl.arn, rule), statement, tuple(values), self.now):
            return False
        self.rate = RateLimited(rule, statement, tuple(values))
        return True

    def _rate_value(self, key: RateKey, forwarded: ForwardedAddress | None) -> tuple[str | None, bool | None]:
        """The request's value for one part of the key, or what to decide without one (a bad forwarded address)."""
        request = self.request
        match key.kind:
            case "IP":
                return request.client_ip, None
            case "ForwardedIP":
                lines = request.header_values(forwarded.header) if forwarded else ()
                if not lines or forwarded is None:
                    return None, None
                first = lines[0].split(",")[0].strip()
                return (first, None) if _parse_address(first) else (None, forwarded.fallback_matches)
            case "HTTPMethod":
                return request.method, None
            case "LabelNamespace":
                prefix = key.name if key.name.startswith("awswaf:") else self.context + key.name
                labels = [label for label in self.labels if label.startswith(prefix.removesuffix(":") + ":")]
                return ",".join(labels) or None, None
            case "UriPath":
                text: str | None = request.path
            case "QueryString":
                text = request.query
            case "Header":
                text = ",".join(request.header_values(key.name)) if request.header_values(key.name) else None
            case "Cookie":
                text = dict(cookies(request)).get(key.name)
            case _:
                arguments = (part.partition("=") for part in request.query.split("&"))
                text = next((value for name, _, value in arguments if name.lower() == key.name.lower()), None)
        if text is None:
            return None, None
        return transform(text.encode("utf-8", "surrogateescape"), key.transformations).decode("latin-1"), None


LOCATIONS = {
    "UriPath": "URI", "QueryString": "QUERY_STRING", "AllQueryArguments": "ALL_QUERY_ARGS", "Body": "BODY",
    "SingleQueryArgument": "SINGLE_QUERY_ARG", "SingleHeader": "HEADER", "Headers": "HEADER", "Cookies": "COOKIES",
    "JsonBody": "JSON_BODY",
}  # fmt: skip
_WORD = re.compile(rb"[A-Za-z0-9_]*")


def _is_harmless(text: bytes) -> bool:
    """One word or number is no attack to libinjection (its fingerprint is a single token), so it need not be asked."""
    return _WORD.fullmatch(text) is not None


def _contains(text: bytes, search: bytes, constraint: str) -> bool:
    match constraint:
        case "EXACTLY":
            return text == search
        case "STARTS_WITH":
            return text.startswith(search)
        case "ENDS_WITH":
            return text.endswith(search)
        case "CONTAINS":
            return search in text
        case _:  # CONTAINS_WORD
            return re.search(rb"(?<![A-Za-z0-9_])" + re.escape(search) + rb"(?![A-Za-z0-9_])", text) is not None


def _parse_address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def _prefixed(action: Action) -> tuple[tuple[str, str], ...]:
    """AWS puts x-amzn-waf- before the names of inserted request headers."""
    return tuple((f"x-amzn-waf-{name}", value) for name, value in action.insert)


def _answer(action: Action, bodies: dict[str, tuple[str, str]]) -> Answer | None:
    if action.response is None:
        return None
    kind, content = bodies.get(action.response.body_key, ("", ""))
    headers = action.response.headers
    if kind:
        headers = (("content-type", CONTENT_TYPES[kind]), *headers)
    return Answer(action.response.status, headers, content.encode())
