"""Read a web ACL out of the WAFv2 API's JSON: GetWebACL's `WebACL`, or what CreateWebACL is sent.

Source: AWS WAFV2 API reference, data types. A search string is Base64 text, as on the wire, or bytes, as
boto3 gives it.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from ipaddress import ip_network
from typing import Any

from opsctl.errors import OpsctlError
from opsctl.waf.transformations import TRANSFORMATIONS
from opsctl.waf.web_acl import (
    Action,
    And,
    ByteMatch,
    CustomResponse,
    Field,
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

Json = Mapping[str, Any]

FIELDS = frozenset({
    "UriPath", "QueryString", "SingleHeader", "Headers", "Cookies", "AllQueryArguments", "SingleQueryArgument", "Body",
    "JsonBody", "Method", "HeaderOrder",
})  # fmt: skip
ABSENT_FIELDS = {
    "JA3Fingerprint": "a JA3 fingerprint is taken from TLS handshakes, which are not looked at here",
    "JA4Fingerprint": "a JA4 fingerprint is taken from TLS handshakes, which are not looked at here",
    "UriFragment": "a URI's fragment does not reach a server",
}
RATE_KEYS = frozenset({
    "IP", "ForwardedIP", "Header", "Cookie", "QueryArgument", "QueryString", "HTTPMethod", "UriPath", "LabelNamespace",
})  # fmt: skip
REFERRING = frozenset({"IPSetReferenceStatement", "RegexPatternSetReferenceStatement", "RuleGroupReferenceStatement"})
BODY_KILOBYTES = {"KB_16": 16_384, "KB_32": 32_768, "KB_48": 49_152, "KB_64": 65_536}


class MalformedWebACL(OpsctlError):
    """The document is not a web ACL as AWS writes one."""


class _Undecidable(Exception):
    """This statement can't be decided; the text is the reason."""


def parse_web_acl(
    document: Json,
    *,
    ip_sets: Mapping[str, Sequence[str]],
    regex_sets: Mapping[str, Sequence[str]],
    rule_groups: Mapping[str, Json],
) -> WebACL:
    """A web ACL from its JSON and what it refers to.

    Args:
        ip_sets: ARN → addresses (CIDR). regex_sets: ARN → patterns. rule_groups: ARN → the API's `RuleGroup`.

    Raises:
        MalformedWebACL: a required member is missing or has a value that AWS doesn't know.
    """
    parser = _Parser(ip_sets, regex_sets, rule_groups)
    try:
        arn = document.get("ARN", "")
        return WebACL(
            arn=arn,
            name=document["Name"],
            account_id=arn.split(":")[4] if arn.count(":") >= 5 else "000000000000",
            scope="CLOUDFRONT" if document.get("Scope") == "CLOUDFRONT" or ":global/" in arn else "REGIONAL",
            default=_action(document["DefaultAction"]),
            rules=parser.rules(document.get("Rules", ())),
            visibility=_visibility(document.get("VisibilityConfig", {})),
            bodies=_bodies(document),
            body_limits=tuple(
                (resource, BODY_KILOBYTES[limit["DefaultSizeInspectionLimit"]])
                for resource, limit in document.get("AssociationConfig", {}).get("RequestBody", {}).items()
            ),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        what = f"Web ACL {document.get('Name', '')!r} can't be read: {type(error).__name__} {error}."
        raise MalformedWebACL(what, where=document.get("ARN", "")) from error


class _Parser:
    def __init__(
        self,
        ip_sets: Mapping[str, Sequence[str]],
        regex_sets: Mapping[str, Sequence[str]],
        rule_groups: Mapping[str, Json],
    ) -> None:
        self._ip_sets, self._regex_sets, self._rule_groups = ip_sets, regex_sets, rule_groups

    def rules(self, documents: Sequence[Json]) -> tuple[Rule, ...]:
        return tuple(map(self._rule, sorted(documents, key=lambda rule: rule["Priority"])))

    def _rule(self, document: Json) -> Rule:
        return Rule(
            name=document["Name"],
            priority=document["Priority"],
            statement=self.statement(document["Statement"]),
            action=_action(document["Action"]) if document.get("Action") else None,
            count_only="Count" in document.get("OverrideAction", {}),
            labels=tuple(label["Name"] for label in document.get("RuleLabels", ())),
            visibility=_visibility(document.get("VisibilityConfig", {})),
        )

    def statement(self, document: Json) -> Statement:
        (kind, content), = document.items()  # fmt: skip
        parse = STATEMENTS.get(kind)
        if parse is None:
            return Unknown(f"statement {kind} is not known")
        try:
            return parse(self, content)
        except _Undecidable as reason:
            return Unknown(str(reason))

    def _byte_match(self, content: Json) -> Statement:
        search = content["SearchString"]
        if isinstance(search, str):
            try:
                search = base64.b64decode(search, validate=True)
            except binascii.Error as error:
                raise ValueError(f"SearchString {search!r} is not Base64") from error
        return ByteMatch(_field(content), search, content["PositionalConstraint"])

    def _regex_match(self, content: Json) -> Statement:
        return RegexMatch(_field(content), _patterns([content["RegexString"]]))

    def _regex_set(self, content: Json) -> Statement:
        return RegexMatch(_field(content), _patterns(self._referred(self._regex_sets, content, "regex pattern set")))

    def _size(self, content: Json) -> Statement:
        return SizeConstraint(_field(content), content["ComparisonOperator"], int(content["Size"]))

    def _sqli(self, content: Json) -> Statement:
        return SqliMatch(_field(content), content.get("SensitivityLevel") or "LOW")

    def _xss(self, content: Json) -> Statement:
        return XssMatch(_field(content))

    def _ip_set(self, content: Json) -> Statement:
        addresses = self._referred(self._ip_sets, content, "IP set")
        return IPSetMatch(
            tuple(ip_network(address, strict=False) for address in addresses),
            _forwarded(content.get("IPSetForwardedIPConfig")),
        )

    def _geo(self, content: Json) -> Statement:
        if content.get("ForwardedIPConfig"):
            raise _Undecidable("the country of a forwarded address is not known here")
        return GeoMatch(frozenset(content["CountryCodes"]))

    def _label(self, content: Json) -> Statement:
        return LabelMatch(content["Scope"], content["Key"])

    def _rate(self, content: Json) -> Statement:
        aggregate = content["AggregateKeyType"]
        keys = {
            "IP": (RateKey("IP"),), "FORWARDED_IP": (RateKey("ForwardedIP"),), "CONSTANT": (),
        }.get(aggregate)  # fmt: skip
        return RateBased(
            limit=int(content["Limit"]),
            window_seconds=int(content.get("EvaluationWindowSec") or 300),
            aggregate=aggregate,
            keys=tuple(map(_rate_key, content["CustomKeys"])) if keys is None else keys,
            scope_down=self.statement(content["ScopeDownStatement"]) if content.get("ScopeDownStatement") else None,
            forwarded=_forwarded(content.get("ForwardedIPConfig")),
        )

    def _managed(self, content: Json) -> Statement:
        excluded = [(rule["Name"], Action("Count")) for rule in content.get("ExcludedRules", ())]
        return ManagedGroup(
            vendor=content["VendorName"],
            name=content["Name"],
            version=content.get("Version") or "",
            overrides=(*excluded, *_overrides(content)),
            scope_down=self.statement(content["ScopeDownStatement"]) if content.get("ScopeDownStatement") else None,
        )

    def _group(self, content: Json) -> Statement:
        group = self._referred(self._rule_groups, content, "rule group")
        excluded = [(rule["Name"], Action("Count")) for rule in content.get("ExcludedRules", ())]
        return RuleGroup(
            arn=content.get("ARN", ""),
            name=group["Name"],
            metric=group.get("VisibilityConfig", {}).get("MetricName", ""),
            rules=self.rules(group.get("Rules", ())),
            overrides=(*excluded, *_overrides(content)),
            bodies=_bodies(group),
        )

    def _referred(self, known: Mapping[str, Any], content: Json, kind: str) -> Any:
        arn = content.get("ARN") or ""
        if arn not in known:
            raise _Undecidable(f"{kind} {arn or 'that is made by the same apply'} is not known")
        return known[arn]


STATEMENTS: Mapping[str, Callable[[_Parser, Json], Statement]] = {
    "ByteMatchStatement": _Parser._byte_match,
    "RegexMatchStatement": _Parser._regex_match,
    "RegexPatternSetReferenceStatement": _Parser._regex_set,
    "SizeConstraintStatement": _Parser._size,
    "SqliMatchStatement": _Parser._sqli,
    "XssMatchStatement": _Parser._xss,
    "IPSetReferenceStatement": _Parser._ip_set,
    "GeoMatchStatement": _Parser._geo,
    "LabelMatchStatement": _Parser._label,
    "RateBasedStatement": _Parser._rate,
    "ManagedRuleGroupStatement": _Parser._managed,
    "RuleGroupReferenceStatement": _Parser._group,
    "AndStatement": lambda parser, content: And(tuple(map(parser.statement, content["Statements"]))),
    "OrStatement": lambda parser, content: Or(tuple(map(parser.statement, content["Statements"]))),
    "NotStatement": lambda parser, content: Not(parser.statement(content["Statement"])),
}


def _field(content: Json) -> Field:
    (kind, details), = content["FieldToMatch"].items()  # fmt: skip
    details = details or {}
    if kind not in FIELDS:
        raise _Undecidable(ABSENT_FIELDS.get(kind, f"request component {kind} is not known"))
    pattern: Json = details.get("MatchPattern") or {}
    return Field(
        kind=kind,
        name=details.get("Name", "").lower(),
        scope=details.get("MatchScope", "ALL"),
        included=tuple(next((pattern[key] for key in pattern if key.startswith("Included")), ())),
        excluded=tuple(next((pattern[key] for key in pattern if key.startswith("Excluded")), ())),
        oversize=details.get("OversizeHandling") or "CONTINUE",
        fallback=details.get("InvalidFallbackBehavior") or "",
        transformations=_transformations(content.get("TextTransformations", ())),
        before_parsing=_transformations(content.get("PreParseTextTransformations", ())),
    )


def _transformations(documents: Sequence[Json]) -> tuple[str, ...]:
    names = tuple(document["Type"] for document in sorted(documents, key=lambda document: document["Priority"]))
    if unknown := [name for name in names if name not in TRANSFORMATIONS]:
        raise _Undecidable(f"text transformation {unknown[0]} is not known")
    return tuple(name for name in names if name != "NONE")


def _patterns(texts: Sequence[str]) -> tuple[re.Pattern[bytes], ...]:
    try:
        return tuple(re.compile(text.encode()) for text in texts)
    except re.error as error:
        raise _Undecidable(f"Python's re does not know a regular expression ({error})") from error


def _forwarded(document: Json | None) -> ForwardedAddress | None:
    if not document:
        return None
    matches = document["FallbackBehavior"] == "MATCH"
    return ForwardedAddress(document["HeaderName"], matches, document.get("Position", "FIRST"))


def _rate_key(document: Json) -> RateKey:
    (kind, content), = document.items()  # fmt: skip
    if kind not in RATE_KEYS:
        raise _Undecidable(f"aggregation key {kind} is not known")
    content = content or {}
    name = content.get("Name") or content.get("Namespace") or ""
    return RateKey(kind, name, _transformations(content.get("TextTransformations", ())))


def _overrides(content: Json) -> list[tuple[str, Action]]:
    return [(rule["Name"], _action(rule["ActionToUse"])) for rule in content.get("RuleActionOverrides", ())]


def _action(document: Json) -> Action:
    (kind, content), = document.items()  # fmt: skip
    if kind not in ("Allow", "Block", "Count", "Captcha", "Challenge"):
        raise ValueError(f"action {kind}")
    content = content or {}
    response = content.get("CustomResponse")
    return Action(
        kind=kind,
        response=CustomResponse(
            int(response["ResponseCode"]),
            tuple((header["Name"], header["Value"]) for header in response.get("ResponseHeaders", ())),
            response.get("CustomResponseBodyKey") or "",
        )
        if response
        else None,
        insert=tuple(
            (header["Name"], header["Value"])
            for header in (content.get("CustomRequestHandling") or {}).get("InsertHeaders", ())
        ),
    )


def _visibility(document: Json) -> Visibility:
    return Visibility(
        document.get("MetricName", ""),
        bool(document.get("CloudWatchMetricsEnabled")),
        bool(document.get("SampledRequestsEnabled")),
    )


def _bodies(document: Json) -> tuple[tuple[str, tuple[str, str]], ...]:
    bodies = document.get("CustomResponseBodies") or {}
    return tuple((key, (body["ContentType"], body["Content"])) for key, body in bodies.items())


def references(node: Any) -> Iterator[str]:
    """ARNs of the IP sets, regex pattern sets and rule groups that rules refer to."""
    if isinstance(node, Mapping):
        for key, value in node.items():
            if key in REFERRING:
                yield value["ARN"]
            yield from references(value)
    elif isinstance(node, Sequence) and not isinstance(node, str | bytes):
        for value in node:
            yield from references(value)


def gather(
    document: Mapping[str, Any], fetch: Callable[[str], Mapping[str, Any] | None]
) -> dict[str, Mapping[str, Any]]:
    """By ARN, what a web ACL refers to, and what its rule groups refer to in turn.

    Args:
        fetch: a record by its ARN; None for one that can't be had, which is then reported as not known.
    """
    found: dict[str, Mapping[str, Any]] = {}
    waiting = [*references(document.get("Rules", ()))]
    while waiting:
        arn = waiting.pop()
        if arn not in found and (record := fetch(arn)) is not None:
            found[arn] = record
            waiting.extend(references(record.get("Rules", ())))
    return found


def parse_gathered(document: Mapping[str, Any], found: Mapping[str, Mapping[str, Any]]) -> WebACL:
    """`parse_web_acl` with what `gather` found, in the form of the WAFv2 API."""
    return parse_web_acl(
        document,
        ip_sets={arn: record["Addresses"] for arn, record in found.items() if "/ipset/" in arn},
        regex_sets={
            arn: [pattern["RegexString"] for pattern in record["RegularExpressionList"]]
            for arn, record in found.items()
            if "/regexpatternset/" in arn
        },
        rule_groups={arn: record for arn, record in found.items() if "/rulegroup/" in arn},
    )
