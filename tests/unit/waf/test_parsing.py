"""Web ACLs out of the API's JSON and out of plans."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from waf_requests import IP_SET, in_field, request, rule, verdict, web_acl

from benchmarks.waf import PLAN, edge_web_acl, waf_tf_sha256
from opsctl.waf import MalformedWebACL, parse_web_acl
from opsctl.waf.detector import NoDetector
from opsctl.waf.plan import NoWebACL, web_acls
from opsctl.waf.web_acl import Unknown


def test_a_search_string_may_be_base64_as_on_the_wire() -> None:
    statement = in_field("UriPath", SearchString=base64.b64encode(b"bad").decode())
    assert verdict(web_acl(rule(statement)), request("/bad")).blocks


@pytest.mark.parametrize(
    "broken",
    [
        {"Rules": [{"Name": "x"}]},
        {"DefaultAction": {"Explode": {}}},
        {"Rules": [rule(in_field("UriPath", SearchString="not base64!"))]},
        {"Rules": "text"},
    ],
)
def test_a_malformed_web_acl_is_refused_and_named(broken: dict[str, Any]) -> None:
    with pytest.raises(MalformedWebACL, match="site"):
        web_acl(**broken)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(
    statement=st.dictionaries(st.sampled_from(["NotStatement", "AndStatement", "Other"]), JSON, min_size=1, max_size=1)
)
def test_any_statement_is_parsed_reported_as_unknown_or_refused(statement: dict[str, Any]) -> None:
    try:
        parsed = web_acl(rule(statement))
    except MalformedWebACL:
        return
    assert parsed.rules[0].statement is not None


# Plans: the web ACL of terraform/modules/edge


def test_the_kept_plan_is_of_the_edge_module_as_it_is() -> None:
    assert json.loads(PLAN.read_text())["waf_tf_sha256"] == waf_tf_sha256(), "run: python -m benchmarks.waf --plan"


def test_every_statement_of_the_edge_module_is_understood() -> None:
    def unknown(node: Any) -> list[str]:
        if isinstance(node, Unknown):
            return [node.reason]
        children = node if isinstance(node, tuple) else vars(node).values() if hasattr(node, "__dict__") else ()
        return [reason for child in children for reason in unknown(child)]

    acl = edge_web_acl()
    assert [rule.name for rule in acl.rules][:4] == [
        "label-photo-uploads", "blocked-addresses", "rate-by-address", "override-headers"
    ]  # fmt: skip
    assert [reason for rule in acl.rules for reason in unknown(rule.statement)] == []
    assert acl.scope == "CLOUDFRONT"


def plan(**values: Any) -> dict[str, Any]:
    """A plan of one web ACL with one rule, which refers to an IP set that the same apply makes."""
    statement = [{"ip_set_reference_statement": [{"ip_set_forwarded_ip_config": []}]}]
    rules = [{
        "name": "blocked", "priority": 1, "action": [{"block": [{"custom_response": [
            {"response_code": 451, "custom_response_body_key": "why", "response_header": []}
        ]}], "allow": []}], "override_action": [], "rule_label": [], "statement": statement,
        "visibility_config": [],
    }]  # fmt: skip
    acl = {
        "name": "site", "scope": "REGIONAL", "default_action": [{"allow": [{}], "block": []}], "rule": rules,
        "custom_response_body": [{"key": "why", "content": "law", "content_type": "TEXT_PLAIN"}],
        "visibility_config": [], "association_config": [
            {"request_body": [{"api_gateway": [{"default_size_inspection_limit": "KB_64"}], "cloudfront": []}]}
        ],
    } | values  # fmt: skip
    references = {"arn": {"references": ["aws_wafv2_ip_set.bad.arn", "aws_wafv2_ip_set.bad"]}}
    expressions = {"rule": [{"name": {"constant_value": "blocked"}, "statement": [
        {"ip_set_reference_statement": [references]}
    ]}]}  # fmt: skip
    configured = {"address": "aws_wafv2_web_acl.a", "expressions": expressions}
    resources = [
        {"address": "aws_wafv2_web_acl.a", "type": "aws_wafv2_web_acl", "values": acl},
        {"address": "aws_wafv2_ip_set.bad", "type": "aws_wafv2_ip_set", "values": {"addresses": ["192.0.2.1/32"]}},
    ]
    return {
        "planned_values": {"root_module": {"resources": resources}},
        "configuration": {"root_module": {"resources": [configured]}},
    }  # fmt: skip


def test_a_plan_s_web_acl_knows_the_ip_set_that_the_same_apply_makes() -> None:
    (planned,) = web_acls(plan())
    found = verdict(planned.acl, request(client_ip="192.0.2.1"))
    assert planned.address == "aws_wafv2_web_acl.a"
    assert found.answer is not None
    assert (found.answer.status, found.answer.body) == (451, b"law")
    assert planned.acl.body_limits == (("API_GATEWAY", 65_536),)
    assert not verdict(planned.acl, request(client_ip="192.0.2.2")).blocks


def test_an_ip_set_that_cannot_be_told_is_reported() -> None:
    document = plan()
    document["configuration"] = {"root_module": {}}
    found = verdict(web_acls(document)[0].acl, request(client_ip="192.0.2.1"))
    assert not found.blocks
    assert "IP set" in found.not_enforced[0].reason


def test_a_plan_without_a_web_acl_is_refused() -> None:
    with pytest.raises(NoWebACL):
        web_acls({"planned_values": {"root_module": {}}})


# The bad inputs, against the edge's rules that need no detector


@pytest.mark.parametrize(
    ("asked", "rule_name", "status"),
    [
        (request(client_ip="203.0.113.66"), "blocked-addresses", None),
        (request(client_ip="2001:db8:bad::1"), "blocked-addresses", None),
        (request(headers={"X-HTTP-Method-Override": "DELETE"}), "override-headers", None),
        (request(headers={"x-original-url": "/admin"}), "override-headers", None),
        (request("/v1/orders", method="POST", body=b"x" * 8193), "body-size", 413),
        (request("/v1/photos", method="POST", headers={"content-type": "text/html"}), "uploads-are-images", 415),
        (request(headers={}, method="PROPFIND"), "AWSManagedRulesKnownBadInputsRuleSet", None),
    ],
)
def test_a_bad_input_gets_the_edge_s_answer(asked: Any, rule_name: str, status: int | None) -> None:
    found = verdict(edge_web_acl(), asked, detector=NoDetector("not asked"))
    assert found.rule == rule_name
    assert (found.answer.status if found.answer else None) == status


def test_a_photo_of_any_bytes_and_size_passes() -> None:
    photo = request(
        "/v1/photos", method="POST", headers={"content-type": "image/jpeg"}, body=b"' OR 1=1 --" + bytes(9000)
    )
    found = verdict(edge_web_acl(), photo, detector=NoDetector("nothing must ask about a photo"))
    assert not found.blocks
    assert [missing.rule for missing in found.not_enforced] == ["AWSManagedRulesAmazonIpReputationList"]


def test_an_ip_set_may_be_empty() -> None:
    acl = parse_web_acl(
        {"Name": "x", "DefaultAction": {"Allow": {}}, "Rules": [rule({"IPSetReferenceStatement": {"ARN": IP_SET}})]},
        ip_sets={IP_SET: []}, regex_sets={}, rule_groups={},
    )  # fmt: skip
    assert not verdict(acl, request()).blocks
