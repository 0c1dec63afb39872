"""Each kind of statement: a request that it is true of, and one that it is not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from waf_requests import (
    GROUP,
    IP_SET,
    REGEX_SET,
    Told,
    in_field,
    matches,
    request,
    rule,
    verdict,
    visibility,
    web_acl,
)  # fmt: skip

from opsctl.waf import RateCounters, WebRequest
from opsctl.waf.detector import NoDetector
from opsctl.waf.managed import Finding

BAD_BODY = b'{"note": "bad", "items": [{"sku": "good"}]}'

FIELDS: list[tuple[str, dict[str, Any], WebRequest, WebRequest]] = [
    ("UriPath", {}, request("/bad"), request("/good?bad")),
    ("QueryString", {}, request("/?q=bad"), request("/bad")),
    ("Method", {}, request(method="bad"), request(method="GET")),
    ("SingleHeader", {"Name": "X-Note"}, request(headers={"x-note": "bad"}), request(headers={"x-other": "bad"})),
    ("SingleQueryArgument", {"Name": "Note"}, request("/?note=bad"), request("/?other=bad")),
    ("AllQueryArguments", {}, request("/?a=1&b=bad"), request("/?bad=1")),
    ("Body", {"OversizeHandling": "CONTINUE"}, request(body=b"so bad"), request(body=b"good")),
    ("Headers", {"MatchPattern": {"All": {}}, "MatchScope": "VALUE", "OversizeHandling": "CONTINUE"},
     request(headers={"any": "bad"}), request(headers={"bad": "x"})),
    ("Headers", {"MatchPattern": {"IncludedHeaders": ["a"]}, "MatchScope": "ALL", "OversizeHandling": "CONTINUE"},
     request(headers={"A": "bad"}), request(headers={"b": "bad"})),
    ("Headers", {"MatchPattern": {"ExcludedHeaders": ["a"]}, "MatchScope": "KEY", "OversizeHandling": "CONTINUE"},
     request(headers={"bad": "x"}), request(headers={"a": "bad"})),
    ("Cookies", {"MatchPattern": {"All": {}}, "MatchScope": "VALUE", "OversizeHandling": "CONTINUE"},
     request(headers={"cookie": "a=1; b=bad"}), request(headers={"cookie": "bad=1"})),
    ("HeaderOrder", {"OversizeHandling": "CONTINUE"}, request(headers={"Bad": "1"}), request(headers={"x": "bad"})),
    ("JsonBody", {"MatchPattern": {"All": {}}, "MatchScope": "VALUE"},
     request(body=BAD_BODY), request(body=b'{"bad": 1}')),
    ("JsonBody", {"MatchPattern": {"All": {}}, "MatchScope": "KEY"},
     request(body=b'{"bad": 1}'), request(body=BAD_BODY)),
    ("JsonBody", {"MatchPattern": {"IncludedPaths": ["/items/0/sku"]}, "MatchScope": "ALL"},
     request(body=b'{"items": [{"sku": "bad"}]}'), request(body=BAD_BODY)),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "members", "yes", "no"), FIELDS, ids=[str(row[:2]) for row in FIELDS])
def test_a_statement_looks_at_its_part_of_the_request_and_at_no_other(
    kind: str, members: dict[str, Any], yes: WebRequest, no: WebRequest
) -> None:
    statement = in_field(kind, field=members)
    assert matches(statement, yes)
    assert not matches(statement, no)


@pytest.mark.parametrize(
    ("constraint", "yes", "no"),
    [
        ("EXACTLY", "bad", "bad1"), ("STARTS_WITH", "bad1", "1bad"), ("ENDS_WITH", "1bad", "bad1"),
        ("CONTAINS", "1bad1", "b-ad"), ("CONTAINS_WORD", "a bad-one", "abad bad_"),
    ],
)  # fmt: skip
def test_a_string_is_looked_for_at_its_position(constraint: str, yes: str, no: str) -> None:
    statement = in_field("SingleHeader", field={"Name": "x"}, PositionalConstraint=constraint)
    assert matches(statement, request(headers={"x": yes}))
    assert not matches(statement, request(headers={"x": no}))


def test_a_regular_expression_matches_anywhere() -> None:
    statement = in_field("UriPath", "RegexMatchStatement", RegexString="b[ae]d$")
    assert matches(statement, request("/x/bed"))
    assert not matches(statement, request("/bed/x"))


def test_any_pattern_of_a_set_matches() -> None:
    statement = in_field("UriPath", "RegexPatternSetReferenceStatement", ARN=REGEX_SET)
    assert matches(statement, request("/my/secret"))
    assert not matches(statement, request("/my/secrets"))


@pytest.mark.parametrize(
    ("operator", "yes", "no"),
    [("EQ", 5, 6), ("NE", 6, 5), ("LT", 4, 5), ("LE", 5, 6), ("GT", 6, 5), ("GE", 5, 4)],
)
def test_sizes_are_compared_in_bytes(operator: str, yes: int, no: int) -> None:
    statement = in_field("Body", "SizeConstraintStatement", ComparisonOperator=operator, Size=5)
    assert matches(statement, request(body=b"x" * yes))
    assert not matches(statement, request(body=b"x" * no))


@pytest.mark.parametrize(("handling", "expected"), [("MATCH", True), ("NO_MATCH", False), ("CONTINUE", False)])
def test_a_body_beyond_the_limit_is_handled_as_the_rule_says(handling: str, expected: bool) -> None:
    statement = in_field("Body", field={"OversizeHandling": handling})
    assert matches(statement, request(body=b"x" * 16_384 + b"bad")) is expected


def test_the_limit_of_a_body_can_be_raised() -> None:
    acl = web_acl(
        rule(in_field("Body")),
        AssociationConfig={"RequestBody": {"CLOUDFRONT": {"DefaultSizeInspectionLimit": "KB_32"}}},
    )
    assert verdict(acl, request(body=b"x" * 20_000 + b"bad")).blocks


def test_more_than_200_headers_are_oversize() -> None:
    members = {"MatchPattern": {"All": {}}, "MatchScope": "ALL", "OversizeHandling": "MATCH"}
    many = {f"x-{number}": "" for number in range(200)}
    assert matches(in_field("Headers", field=members), request(headers=many))
    assert not matches(in_field("Headers", field=members), request(headers={"x-1": ""}))


@pytest.mark.parametrize(("fallback", "expected"), [("MATCH", True), ("NO_MATCH", False), ("EVALUATE_AS_STRING", True)])
def test_json_that_is_none_falls_back(fallback: str, expected: bool) -> None:
    members = {"MatchPattern": {"All": {}}, "MatchScope": "ALL", "InvalidFallbackBehavior": fallback}
    assert matches(in_field("JsonBody", field=members), request(body=b'{"note": "bad"')) is expected


def test_transformations_are_applied_in_the_order_of_their_priority() -> None:
    statement = in_field("QueryString", "ByteMatchStatement", "URL_DECODE", "URL_DECODE", "LOWERCASE")
    assert matches(statement, request("/?%2542%2541%2544"))
    assert not matches(statement, request("/?%252542AD"))


def test_an_address_in_the_set_matches_in_both_versions() -> None:
    statement = {"IPSetReferenceStatement": {"ARN": IP_SET}}
    assert matches(statement, request(client_ip="192.0.2.15"))
    assert matches(statement, request(client_ip="2001:db8::9"))
    assert not matches(statement, request(client_ip="192.0.2.16"))


@pytest.mark.parametrize(
    ("position", "header", "expected"),
    [
        ("FIRST", "192.0.2.1, 198.51.100.1", True), ("FIRST", "198.51.100.1, 192.0.2.1", False),
        ("LAST", "198.51.100.1, 192.0.2.1", True), ("ANY", "198.51.100.1, 192.0.2.1, 198.51.100.2", True),
        ("FIRST", "no address", True), ("FIRST", None, False),
    ],
)  # fmt: skip
def test_a_forwarded_address_is_taken_from_its_position(position: str, header: str | None, expected: bool) -> None:
    forwarded = {"HeaderName": "X-Forwarded-For", "FallbackBehavior": "MATCH", "Position": position}
    statement = {"IPSetReferenceStatement": {"ARN": IP_SET, "IPSetForwardedIPConfig": forwarded}}
    headers = {} if header is None else {"x-forwarded-for": header}
    assert matches(statement, request(client_ip="198.51.100.9", headers=headers)) is expected


def test_a_country_matches_and_labels_every_request() -> None:
    acl = web_acl(rule({"GeoMatchStatement": {"CountryCodes": ["KP"]}}))
    assert verdict(acl, request(country="KP")).blocks
    passed = verdict(acl, request(country="DE"))
    assert not passed.blocks
    assert passed.labels == ("awswaf:clientip:geo:country:DE",)


def test_a_country_that_is_not_known_is_reported() -> None:
    found = verdict(web_acl(rule({"GeoMatchStatement": {"CountryCodes": ["KP"]}})), request(country=""))
    assert [missing.rule for missing in found.not_enforced] == ["rule"]


@pytest.mark.parametrize(
    ("scope", "key", "expected"),
    [
        ("LABEL", "name", True), ("LABEL", "ns:name", True), ("LABEL", "ame", False), ("LABEL", "ns", False),
        ("LABEL", "awswaf:111122223333:webacl:site:a:ns:name", True),
        ("LABEL", "awswaf:1:webacl:site:a:ns:name", False),
        ("NAMESPACE", "ns:", True), ("NAMESPACE", "a:ns:", True), ("NAMESPACE", "name:", False),
        ("NAMESPACE", "awswaf:111122223333:webacl:site:a:", True),
        ("NAMESPACE", "awswaf:111122223333:webacl:other:", False),
    ],
)  # fmt: skip
def test_a_label_of_an_earlier_rule_is_found_by_name_or_namespace(scope: str, key: str, expected: bool) -> None:
    acl = web_acl(
        rule(in_field("UriPath"), name="labels", action={"Count": {}}, labels=["a:ns:name"]),
        rule({"LabelMatchStatement": {"Scope": scope, "Key": key}}, priority=1),
    )
    assert verdict(acl, request("/bad")).blocks is expected
    assert not verdict(acl, request("/good")).blocks


@pytest.mark.parametrize("kind", ["SqliMatchStatement", "XssMatchStatement"])
def test_what_the_detector_finds_after_the_transformations_matches(kind: str) -> None:
    statement = in_field("AllQueryArguments", kind, "URL_DECODE")
    detector = Told(b"<attack>")
    assert matches(statement, request("/?q=%3Cattack%3E"), detector=detector)
    assert not matches(statement, request("/?q=%3Cother%3E"), detector=detector)


def test_a_match_of_an_attack_tells_where() -> None:
    acl = web_acl(rule(in_field("Body", "SqliMatchStatement")))
    ended = verdict(acl, request(body=b"<attack>"), detector=Told(b"<attack>")).terminating
    assert ended is not None
    assert ended.details == (("SQL_INJECTION", "BODY"),)


TRUE, FALSE = in_field("UriPath"), in_field("QueryString")
UNKNOWN = {"AsnMatchStatement": {"AsnList": [64496]}}


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ({"AndStatement": {"Statements": [TRUE, TRUE]}}, True),
        ({"AndStatement": {"Statements": [TRUE, FALSE]}}, False),
        ({"AndStatement": {"Statements": [UNKNOWN, FALSE]}}, False),
        ({"OrStatement": {"Statements": [FALSE, TRUE]}}, True),
        ({"OrStatement": {"Statements": [FALSE, FALSE]}}, False),
        ({"OrStatement": {"Statements": [UNKNOWN, TRUE]}}, True),
        ({"NotStatement": {"Statement": FALSE}}, True),
        ({"NotStatement": {"Statement": TRUE}}, False),
    ],
)  # fmt: skip
def test_statements_are_joined_and_what_could_not_have_mattered_is_not_reported(
    statement: dict[str, Any], expected: bool
) -> None:
    assert matches(statement, request("/bad")) is expected


@pytest.mark.parametrize(
    "statement",
    [
        UNKNOWN,
        {"NotStatement": {"Statement": UNKNOWN}},
        {"AndStatement": {"Statements": [UNKNOWN, TRUE]}},
        {"OrStatement": {"Statements": [UNKNOWN, FALSE]}},
        {"SomethingNewStatement": {}},
        in_field("JA3Fingerprint"),
        in_field("UriPath", "ByteMatchStatement", "SOMETHING_NEW"),
        {"IPSetReferenceStatement": {"ARN": IP_SET + "-gone"}},
        in_field("UriPath", "RegexMatchStatement", RegexString="(?P<"),
        {"GeoMatchStatement": {"CountryCodes": ["DE"], "ForwardedIPConfig": {"HeaderName": "x"}}},
    ],
    ids=lambda statement: json.dumps(statement, default=str)[:60],
)
def test_what_cannot_be_decided_does_not_act_and_is_reported(statement: dict[str, Any]) -> None:
    found = verdict(web_acl(rule(statement)), request("/bad"))
    assert not found.blocks
    assert [missing.rule for missing in found.not_enforced] == ["rule"]
    assert all(missing.reason for missing in found.not_enforced)


def test_without_a_detector_attacks_are_reported_as_not_enforced() -> None:
    acl = web_acl(rule(in_field("AllQueryArguments", "SqliMatchStatement")))
    found = verdict(acl, request("/?q='--"), detector=NoDetector("there is no Go"))
    assert not found.blocks
    assert [(missing.rule, missing.reason) for missing in found.not_enforced] == [("rule", "there is no Go")]


# Rates


def rate(**members: Any) -> dict[str, Any]:
    return {"RateBasedStatement": {"Limit": 10, "AggregateKeyType": "IP", "EvaluationWindowSec": 60, **members}}


def blocked_after(statement: dict[str, Any], requests: list[WebRequest], *, seconds: float = 0.0) -> list[bool]:
    acl, counters = web_acl(rule(statement)), RateCounters()
    return [
        verdict(acl, asked, counters=counters, now=number * seconds).blocks for number, asked in enumerate(requests)
    ]


def test_the_request_after_the_limit_is_blocked_and_another_address_is_not() -> None:
    assert blocked_after(rate(), [request()] * 11) == [False] * 10 + [True]
    assert blocked_after(rate(), [request()] * 11 + [request(client_ip="192.0.2.2")])[-1] is False


def test_who_stays_below_the_rate_passes_for_ever() -> None:
    assert not any(blocked_after(rate(), [request()] * 40, seconds=6.0))
    assert any(blocked_after(rate(), [request()] * 40, seconds=5.0))


def test_a_rate_counts_only_what_its_scope_holds() -> None:
    statement = rate(ScopeDownStatement=in_field("UriPath"))
    assert not any(blocked_after(statement, [request("/good")] * 20))
    assert blocked_after(statement, [request("/bad")] * 11)[-1]


def test_a_constant_key_counts_everybody_together() -> None:
    statement = rate(AggregateKeyType="CONSTANT", ScopeDownStatement=in_field("UriPath"))
    addresses = [request("/bad", client_ip=f"192.0.2.{number}") for number in range(11)]
    assert blocked_after(statement, addresses)[-1]


def test_a_forwarded_address_is_counted_and_a_request_without_one_is_not() -> None:
    statement = rate(
        AggregateKeyType="FORWARDED_IP",
        ForwardedIPConfig={"HeaderName": "X-Forwarded-For", "FallbackBehavior": "NO_MATCH"},
    )
    assert blocked_after(statement, [request(headers={"x-forwarded-for": "192.0.2.7, 192.0.2.8"})] * 11)[-1]
    assert not any(blocked_after(statement, [request()] * 20))


@pytest.mark.parametrize(
    ("key", "same", "other"),
    [
        ({"Header": {"Name": "x-key", "TextTransformations": []}}, request(headers={"X-Key": "1"}),
         request(headers={"x-key": "2"})),
        ({"Cookie": {"Name": "id", "TextTransformations": []}}, request(headers={"cookie": "id=1"}),
         request(headers={"cookie": "id=2"})),
        ({"QueryArgument": {"Name": "q", "TextTransformations": []}}, request("/?q=1"), request("/?q=2")),
        ({"QueryString": {"TextTransformations": []}}, request("/?q=1"), request("/?q=2")),
        ({"UriPath": {"TextTransformations": []}}, request("/a"), request("/b")),
        ({"HTTPMethod": {}}, request(method="GET"), request(method="PUT")),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)  # fmt: skip
def test_custom_keys_tell_requests_apart(key: dict[str, Any], same: WebRequest, other: WebRequest) -> None:
    statement = rate(AggregateKeyType="CUSTOM_KEYS", CustomKeys=[key, {"IP": {}}])
    assert blocked_after(statement, [same] * 10 + [other, same]) == [False] * 11 + [True]


# Actions, groups, order


def test_the_first_rule_by_priority_that_ends_the_request_decides() -> None:
    acl = web_acl(
        rule(in_field("UriPath"), name="later", priority=5),
        rule(in_field("UriPath"), name="counts", priority=1, action={"Count": {}}),
        rule(in_field("UriPath"), name="first", priority=2, action={"Allow": {}}),
    )
    found = verdict(acl, request("/bad"))
    assert (found.action, found.rule) == ("ALLOW", "first")
    assert [matched.rule for matched in found.counted] == ["counts"]


def test_nothing_matched_is_the_default_action() -> None:
    assert verdict(web_acl(), request()).rule == "Default_Action"
    assert verdict(web_acl(DefaultAction={"Block": {}}), request()).blocks


def test_a_custom_response_has_status_headers_and_body() -> None:
    response = {
        "ResponseCode": 429, "CustomResponseBodyKey": "slow", "ResponseHeaders": [{"Name": "retry-after", "Value": "5"}]
    }  # fmt: skip
    acl = web_acl(
        rule(in_field("UriPath"), action={"Block": {"CustomResponse": response}}),
        CustomResponseBodies={"slow": {"ContentType": "APPLICATION_JSON", "Content": '{"message":"slow down"}'}},
    )
    answer = verdict(acl, request("/bad")).answer
    assert answer is not None
    assert (answer.status, answer.body) == (429, b'{"message":"slow down"}')
    assert dict(answer.headers) == {"content-type": "application/json", "retry-after": "5"}


def test_headers_are_inserted_with_the_prefix_of_aws() -> None:
    handling = {"CustomRequestHandling": {"InsertHeaders": [{"Name": "seen", "Value": "yes"}]}}
    acl = web_acl(rule(in_field("UriPath"), action={"Count": handling}))
    assert verdict(acl, request("/bad")).insert == (("x-amzn-waf-seen", "yes"),)
    assert verdict(acl, request("/good")).insert == ()


@pytest.mark.parametrize("action", ["Captcha", "Challenge"])
def test_a_puzzle_is_not_carried_out_and_that_is_reported(action: str) -> None:
    found = verdict(web_acl(rule(in_field("UriPath"), action={action: {}})), request("/bad"))
    assert not found.blocks
    assert action in found.not_enforced[0].reason


def own_group(**reference: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    group = {"Name": "shared", "Rules": [rule(in_field("UriPath"), name="inner", labels=["seen"])],
             "VisibilityConfig": visibility("shared")}  # fmt: skip
    document = rule({"RuleGroupReferenceStatement": {"ARN": GROUP, **reference}}, name="outer")
    del document["Action"]
    return document | {"OverrideAction": {"None": {}}}, {GROUP: group}


def test_a_rule_of_a_group_ends_the_request_and_labels_in_its_own_name() -> None:
    outer, groups = own_group()
    found = verdict(web_acl(outer, groups=groups), request("/bad"))
    assert found.terminating is not None
    assert (found.rule, found.terminating.group_rule, found.rule_type) == ("outer", "inner", "GROUP")
    assert found.labels == ("awswaf:111122223333:rulegroup:shared:seen",)
    assert not verdict(web_acl(outer, groups=groups), request("/good")).blocks


def test_a_group_overridden_to_count_lets_the_request_go_on() -> None:
    outer, groups = own_group()
    found = verdict(web_acl(outer | {"OverrideAction": {"Count": {}}}, groups=groups), request("/bad"))
    assert not found.blocks
    assert [matched.rule for matched in found.counted] == ["outer"]


def test_one_rule_of_a_group_can_be_overridden() -> None:
    outer, groups = own_group(RuleActionOverrides=[{"Name": "inner", "ActionToUse": {"Count": {}}}])
    found = verdict(web_acl(outer, groups=groups), request("/bad"))
    assert not found.blocks
    assert [(matched.group_rule, matched.overridden) for matched in found.counted] == [("inner", "BLOCK")]


def managed(name: str, **members: Any) -> dict[str, Any]:
    document = rule({"ManagedRuleGroupStatement": {"VendorName": "AWS", "Name": name, **members}}, name="managed")
    del document["Action"]
    return document | {"OverrideAction": {"None": {}}}


XSS = Finding(941100, frozenset({"ARGS_POST"}))


def test_a_stand_in_blocks_in_the_name_of_the_managed_rule_and_says_that_it_is_one() -> None:
    acl = web_acl(managed("AWSManagedRulesCommonRuleSet"))
    found = verdict(acl, request(), detector=Told(findings=[XSS]))
    assert found.terminating is not None
    assert found.terminating.group_rule == "CrossSiteScripting_BODY"
    assert found.labels == ("awswaf:managed:aws:core-rule-set:CrossSiteScripting_Body",)
    assert found.stand_ins == ("AWSManagedRulesCommonRuleSet",)
    assert not verdict(acl, request()).blocks


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (request("/?" + "q" * 2049), "SizeRestrictions_QUERYSTRING"),
        (request(body=b"x" * 8193), "SizeRestrictions_BODY"),
        (request("/" + "x" * 1024), "SizeRestrictions_URIPATH"),
        (request("/app/settings.ini"), "RestrictedExtensions_URIPATH"),
    ],
)
def test_what_aws_documents_wholly_needs_no_detector(asked: WebRequest, expected: str) -> None:
    found = verdict(web_acl(managed("AWSManagedRulesCommonRuleSet")), asked, detector=NoDetector("no Go"))
    assert found.terminating is not None
    assert found.terminating.group_rule == expected
    assert [missing.reason for missing in found.not_enforced] == ["no Go"]


def test_a_managed_rule_can_be_overridden_and_a_group_scoped_down() -> None:
    override = {"RuleActionOverrides": [{"Name": "CrossSiteScripting_BODY", "ActionToUse": {"Count": {}}}]}
    counted = verdict(
        web_acl(managed("AWSManagedRulesCommonRuleSet", **override)), request(), detector=Told(findings=[XSS])
    )
    assert [matched.group_rule for matched in counted.counted] == ["CrossSiteScripting_BODY"]
    scoped = web_acl(managed("AWSManagedRulesCommonRuleSet", ScopeDownStatement=in_field("UriPath")))
    assert not verdict(scoped, request("/good"), detector=Told(findings=[XSS])).blocks
    assert verdict(scoped, request("/bad"), detector=Told(findings=[XSS])).blocks


@pytest.mark.parametrize("name", ["AWSManagedRulesAmazonIpReputationList", "AWSManagedRulesBotControlRuleSet", "Mine"])
def test_a_managed_group_without_public_content_is_reported(name: str) -> None:
    found = verdict(web_acl(managed(name)), request())
    assert not found.blocks
    assert [missing.rule for missing in found.not_enforced] == ["managed"]


def test_a_stand_in_sees_a_body_only_as_far_as_the_limit() -> None:
    seen = []

    class Seeing(Told):
        async def core_rules(self, request: WebRequest) -> tuple[Finding, ...]:
            seen.append(len(request.body))
            return ()

    acl = web_acl(managed("AWSManagedRulesSQLiRuleSet"))
    verdict(acl, request(body=b"x" * 20_000), detector=Seeing())
    assert seen == [16_384]
