"""What AWS WAF writes about a request: its log record, its metrics, its samples. Plain data from a verdict.

Sources: AWS WAF developer guide, "Log fields for web ACL traffic" and "AWS WAF metrics and dimensions"; API reference,
SampledHTTPRequest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from opsctl.waf.evaluation import DEFAULT_ACTION, GroupOutcome, Matched, Verdict
from opsctl.waf.request import Resource, WebRequest
from opsctl.waf.web_acl import WebACL

METRICS = {"ALLOW": "AllowedRequests", "BLOCK": "BlockedRequests", "COUNT": "CountedRequests"}
ALL = "ALL"
REDACTED = "REDACTED"
FIRST_LABELS = 100
"""AWS WAF logs the first 100 labels."""


@dataclass(frozen=True)
class Counted:
    """One metric of AWS/WAFV2 to be raised by one."""

    name: str
    dimensions: tuple[tuple[str, str], ...]


def metrics(acl: WebACL, verdict: Verdict, region: str) -> Iterator[Counted]:
    """The metrics that one request raises.

    All have the dimension Region, except those of CloudFront's web ACLs ("required for all protected resource types
    except for CloudFront distributions"). A rule whose metrics are switched off gives none.
    """
    place = () if acl.scope == "CLOUDFRONT" else (("Region", region),)

    def of_acl(name: str, rule: str) -> Counted:
        return Counted(name, (*place, ("Rule", rule), ("WebACL", acl.visibility.metric)))

    def of_group(name: str, group: GroupOutcome, rule: str) -> Counted:
        return Counted(name, (*place, ("Rule", rule), ("RuleGroup", group.metric)))

    ended = verdict.terminating
    if acl.visibility.metrics_enabled:
        yield of_acl(METRICS[verdict.action], ALL)
        if ended is None:
            yield of_acl(METRICS[verdict.action], DEFAULT_ACTION)
    if ended and (metric := _metric_of_rule(acl, ended.rule)):
        yield of_acl(METRICS[verdict.action], metric)
    counted = [matched for matched in verdict.counted if matched.action == "COUNT" and not matched.group_rule]
    if counted and acl.visibility.metrics_enabled:
        yield of_acl(METRICS["COUNT"], ALL)
    for matched in counted:
        if matched.visibility.metrics_enabled:
            yield of_acl(METRICS["COUNT"], matched.visibility.metric)
    for group in verdict.groups:
        if not group.metric:  # a vendor's group: its metrics are the vendor's
            continue
        for matched in (*group.counted, *([group.terminating] if group.terminating else [])):
            if matched.action in METRICS and matched.visibility.metrics_enabled:
                yield of_group(METRICS[matched.action], group, matched.visibility.metric)
                yield of_group(METRICS[matched.action], group, ALL)
        if not group.counted and not group.terminating:
            yield of_group("PassedRequests", group, ALL)


def _metric_of_rule(acl: WebACL, name: str) -> str:
    found = next((rule.visibility for rule in acl.rules if rule.name == name), None)
    return found.metric if found and found.metrics_enabled else ""


def log_record(
    acl: WebACL, request: WebRequest, verdict: Verdict, *, resource: Resource, source_id: str, milliseconds: int,
    redacted: tuple[Mapping[str, Any], ...] = (), body_limit: int,
) -> dict[str, Any]:  # fmt: skip
    """One line of the web ACL's log.

    Args:
        source_id: the distribution's id, or account:api:stage.
        milliseconds: since the epoch.
        redacted: RedactedFields of the logging configuration.
    """
    hidden = {kind: (content or {}).get("Name", "").lower() for field in redacted for kind, content in field.items()}
    hidden_headers = {field["SingleHeader"]["Name"].lower() for field in redacted if "SingleHeader" in field}

    def shown(kind: str, value: str) -> str:
        return REDACTED if kind in hidden else value

    ended = verdict.terminating
    return {
        "timestamp": milliseconds,
        "formatVersion": 1,
        "webaclId": acl.arn,
        "terminatingRuleId": verdict.rule,
        "terminatingRuleType": verdict.rule_type,
        "action": verdict.action,
        "terminatingRuleMatchDetails": _details(ended) if ended else [],
        "httpSourceName": resource.source_name,
        "httpSourceId": source_id,
        "ruleGroupList": [
            {
                "ruleGroupId": group.id,
                "terminatingRule": _inner(group.terminating) if group.terminating else None,
                "nonTerminatingMatchingRules": [_inner(matched) for matched in group.counted],
                "excludedRules": None,
            }
            for group in verdict.groups
        ],
        "rateBasedRuleList": [_rate(acl, verdict)] if verdict.rate else [],
        "nonTerminatingMatchingRules": [
            {"ruleId": matched.rule, "action": matched.action, "ruleMatchDetails": _details(matched)}
            for matched in verdict.counted if not matched.group_rule
        ],
        "requestHeadersInserted": [{"name": name, "value": value} for name, value in verdict.insert] or None,
        "responseCodeSent": verdict.answer.status if verdict.answer else None,
        "httpRequest": {
            "clientIp": request.client_ip,
            "country": request.country or "-",
            "headers": [
                {"name": name, "value": REDACTED if name.lower() in hidden_headers else value}
                for name, value in request.headers
            ],
            "uri": shown("UriPath", request.path),
            "args": shown("QueryString", request.query),
            "httpVersion": request.http_version,
            "httpMethod": shown("Method", request.method),
            "requestId": request.request_id,
        },
        "labels": [{"name": label} for label in verdict.labels[:FIRST_LABELS]],
        "requestBodySize": len(request.body),
        "requestBodySizeInspectedByWAF": min(len(request.body), body_limit),
    }  # fmt: skip


def _details(matched: Matched) -> list[dict[str, Any]]:
    return [{"conditionType": condition, "location": location} for condition, location in matched.details]


def _inner(matched: Matched) -> dict[str, Any]:
    found = {"ruleId": matched.group_rule, "action": matched.action, "ruleMatchDetails": _details(matched)}
    return found | ({"overriddenAction": matched.overridden} if matched.overridden else {})


def _rate(acl: WebACL, verdict: Verdict) -> dict[str, Any]:
    assert verdict.rate is not None
    statement = verdict.rate.statement
    record = {
        "rateBasedRuleId": f"{acl.arn}_{verdict.rate.rule}",
        "rateBasedRuleName": verdict.rate.rule,
        "limitKey": statement.aggregate.replace("_", "")
        if statement.aggregate == "CUSTOM_KEYS"
        else statement.aggregate,
        "maxRateAllowed": statement.limit,
        "evaluationWindowSec": str(statement.window_seconds),
    }
    if statement.aggregate in ("IP", "FORWARDED_IP"):
        return record | {"limitValue": verdict.rate.key[0]}
    return record | {
        "customValues": [
            {"key": key.kind.upper(), "name": key.name, "value": value}
            for key, value in zip(statement.keys, verdict.rate.key, strict=True)
        ]
    }


def is_logged(logging: Mapping[str, Any], verdict: Verdict) -> bool:
    """What the logging configuration's filter says: the first filter whose conditions are met, else its default."""
    chosen = logging.get("LoggingFilter")
    if not chosen:
        return True
    actions = {verdict.action, *(matched.action for matched in verdict.counted)}

    def is_met(condition: Mapping[str, Any]) -> bool:
        if "ActionCondition" in condition:
            return condition["ActionCondition"]["Action"] in actions
        return condition["LabelNameCondition"]["LabelName"] in verdict.labels

    for found in chosen["Filters"]:
        whole = all if found["Requirement"] == "MEETS_ALL" else any
        if whole(map(is_met, found["Conditions"])):
            return bool(found["Behavior"] == "KEEP")
    return bool(chosen["DefaultBehavior"] == "KEEP")


def sample(request: WebRequest, verdict: Verdict, matched: Matched | None, *, seconds: float) -> dict[str, Any]:
    """A SampledHTTPRequest of GetSampledRequests. `matched` is the rule that it is a sample of (None: the default)."""
    found: dict[str, Any] = {
        "Request": {
            "ClientIP": request.client_ip, "Country": request.country, "URI": request.path, "Method": request.method,
            "HTTPVersion": request.http_version,
            "Headers": [{"Name": name, "Value": value} for name, value in request.headers],
        },
        "Weight": 1,
        "Timestamp": seconds,
        "Action": matched.action if matched else verdict.action,
        "RequestHeadersInserted": [{"Name": name, "Value": value} for name, value in verdict.insert],
        "Labels": [{"Name": label} for label in verdict.labels],
    }  # fmt: skip
    if matched and matched.group_rule:
        found["RuleNameWithinRuleGroup"] = matched.group_rule
    if verdict.answer:
        found["ResponseCodeSent"] = verdict.answer.status
    return found
