"""What AWS WAF writes about a request: log record, metrics, filters."""

from __future__ import annotations

from typing import Any

import pytest
from waf_requests import GROUP, in_field, request, rule, verdict, visibility, web_acl

from opsctl.waf import RateCounters, Resource, Verdict, WebACL, WebRequest
from opsctl.waf.records import is_logged, log_record, metrics


def raised(acl: WebACL, found: Verdict) -> list[tuple[str, dict[str, str]]]:
    return [(metric.name, dict(metric.dimensions)) for metric in metrics(acl, found, "eu-central-1")]


def record(acl: WebACL, asked: WebRequest, found: Verdict, *redacted: dict[str, Any]) -> dict[str, Any]:
    return log_record(
        acl, asked, found, resource=Resource.CLOUDFRONT, source_id="E1", milliseconds=1, redacted=redacted,
        body_limit=16_384,
    )  # fmt: skip


def test_a_block_counts_for_its_rule_and_for_all() -> None:
    acl = web_acl(rule(in_field("UriPath"), name="paths"))
    assert raised(acl, verdict(acl, request("/bad"))) == [
        ("BlockedRequests", {"Rule": "ALL", "WebACL": "site"}),
        ("BlockedRequests", {"Rule": "paths", "WebACL": "site"}),
    ]


def test_the_default_action_counts_by_its_name_and_regional_metrics_have_a_region() -> None:
    acl = web_acl(ARN="arn:aws:wafv2:eu-central-1:111122223333:regional/webacl/site/1")
    assert raised(acl, verdict(acl, request())) == [
        ("AllowedRequests", {"Region": "eu-central-1", "Rule": "ALL", "WebACL": "site"}),
        ("AllowedRequests", {"Region": "eu-central-1", "Rule": "Default_Action", "WebACL": "site"}),
    ]


def test_a_rule_whose_metrics_are_off_raises_none() -> None:
    silent = visibility("paths") | {"CloudWatchMetricsEnabled": False}
    acl = web_acl(rule(in_field("UriPath"), name="paths", VisibilityConfig=silent))
    assert raised(acl, verdict(acl, request("/bad"))) == [("BlockedRequests", {"Rule": "ALL", "WebACL": "site"})]


def test_a_group_counts_what_passed_it() -> None:
    outer = rule({"RuleGroupReferenceStatement": {"ARN": GROUP}}, name="outer", OverrideAction={"None": {}}, action={})
    group = {"Name": "shared", "VisibilityConfig": visibility("shared"), "Rules": [rule(in_field("UriPath"))]}
    acl = web_acl(outer, groups={GROUP: group})
    assert ("PassedRequests", {"Rule": "ALL", "RuleGroup": "shared"}) in raised(acl, verdict(acl, request("/good")))
    assert ("BlockedRequests", {"Rule": "rule", "RuleGroup": "shared"}) in raised(acl, verdict(acl, request("/bad")))


@pytest.mark.parametrize(
    ("field", "shown"),
    [
        ({"UriPath": {}}, lambda sent: sent["uri"]), ({"QueryString": {}}, lambda sent: sent["args"]),
        ({"Method": {}}, lambda sent: sent["httpMethod"]),
        ({"SingleHeader": {"Name": "host"}}, lambda sent: sent["headers"][0]["value"]),
    ],
    ids=["path", "query", "method", "header"],
)  # fmt: skip
def test_a_redacted_field_is_not_in_the_log(field: dict[str, Any], shown: Any) -> None:
    acl, asked = web_acl(), request("/path?q=1")
    found = verdict(acl, asked)
    assert shown(record(acl, asked, found, field)["httpRequest"]) == "REDACTED"
    assert shown(record(acl, asked, found)["httpRequest"]) != "REDACTED"


def test_a_rate_is_in_the_log_with_its_key() -> None:
    acl, counters = web_acl(rule({"RateBasedStatement": {"Limit": 10, "AggregateKeyType": "IP"}})), RateCounters()
    found = [verdict(acl, request(), counters=counters) for _ in range(11)][-1]
    (rate,) = record(acl, request(), found)["rateBasedRuleList"]
    assert (rate["limitKey"], rate["limitValue"], rate["maxRateAllowed"]) == ("IP", "192.0.2.1", 10)
    assert record(acl, request(), found)["terminatingRuleType"] == "RATE_BASED"


@pytest.mark.parametrize(
    ("conditions", "requirement", "target", "kept"),
    [
        ([{"ActionCondition": {"Action": "BLOCK"}}], "MEETS_ANY", "/bad", True),
        ([{"ActionCondition": {"Action": "BLOCK"}}], "MEETS_ANY", "/good", False),
        (
            [{"ActionCondition": {"Action": "BLOCK"}}, {"LabelNameCondition": {"LabelName": "x"}}],
            "MEETS_ALL",
            "/bad",
            False,
        ),
    ],
)
def test_a_filter_says_what_is_logged(
    conditions: list[dict[str, Any]], requirement: str, target: str, kept: bool
) -> None:
    chosen = {"Filters": [{"Behavior": "KEEP", "Requirement": requirement, "Conditions": conditions}],
              "DefaultBehavior": "DROP"}  # fmt: skip
    acl = web_acl(rule(in_field("UriPath")))
    assert is_logged({"LoggingFilter": chosen}, verdict(acl, request(target))) is kept
