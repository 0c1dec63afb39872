"""What the tests of the firewall share: requests, one-rule web ACLs, and a detector that is told what is an attack."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from opsctl.waf import RateCounters, Verdict, WebACL, WebRequest, evaluate, parse_web_acl
from opsctl.waf.evaluation import Detector
from opsctl.waf.managed import Finding

ARN = "arn:aws:wafv2:us-east-1:111122223333:global/webacl/site/1"
IP_SET = "arn:aws:wafv2:us-east-1:111122223333:global/ipset/offices/1"
REGEX_SET = "arn:aws:wafv2:us-east-1:111122223333:global/regexpatternset/paths/1"
GROUP = "arn:aws:wafv2:us-east-1:111122223333:global/rulegroup/shared/1"
NONE = [{"Priority": 0, "Type": "NONE"}]
AGENT = ("User-Agent", "Firefox")
PLAIN = WebRequest("GET", "/", "", (("Host", "example.com"), AGENT), b"", "192.0.2.1", "US", "request-1")


class Told:
    """Takes for attacks the texts that it was told of, and nothing else."""

    def __init__(self, *attacks: bytes, findings: Sequence[Finding] = ()) -> None:
        self._attacks, self._findings = attacks, tuple(findings)

    async def is_sqli(self, *texts: bytes) -> bool:
        return any(text in self._attacks for text in texts)

    async def is_xss(self, *texts: bytes) -> bool:
        return any(text in self._attacks for text in texts)

    async def core_rules(self, request: WebRequest) -> tuple[Finding, ...]:
        return self._findings


def request(target: str = "/", **changes: Any) -> WebRequest:
    """A harmless GET, but for `target` (path?query), `headers` (added), and whatever else is named."""
    path, _, query = target.partition("?")
    added = tuple(changes.pop("headers", {}).items())
    return replace(PLAIN, path=path, query=query, headers=(*PLAIN.headers, *added), **changes)


def rule(
    statement: Mapping[str, Any], *, name: str = "rule", priority: int = 0, action: Mapping[str, Any] | None = None,
    labels: Sequence[str] = (), **more: Any,
) -> dict[str, Any]:  # fmt: skip
    return {
        "Name": name, "Priority": priority, "Statement": statement,
        "Action": {"Block": {}} if action is None else action,
        "RuleLabels": [{"Name": label} for label in labels], "VisibilityConfig": visibility(name), **more,
    }  # fmt: skip


def visibility(name: str) -> dict[str, Any]:
    return {"MetricName": name, "CloudWatchMetricsEnabled": True, "SampledRequestsEnabled": True}


def web_acl(*rules: Mapping[str, Any], groups: Mapping[str, Any] | None = None, **more: Any) -> WebACL:
    document = {
        "Name": "site", "ARN": ARN, "DefaultAction": {"Allow": {}}, "Rules": list(rules),
        "VisibilityConfig": visibility("site"), **more,
    }  # fmt: skip
    return parse_web_acl(
        document,
        ip_sets={IP_SET: ["192.0.2.0/28", "2001:db8::/48"]},
        regex_sets={REGEX_SET: ["^/admin", "secret$"]},
        rule_groups=groups or {},
    )


def verdict(
    acl: WebACL, asked: WebRequest, *, detector: Detector | None = None, counters: RateCounters | None = None,
    now: float = 0.0,
) -> Verdict:  # fmt: skip
    return asyncio.run(
        evaluate(acl, asked, counters=counters or RateCounters(), detector=detector or Told(), now=now)
    )  # fmt: skip


def matches(statement: Mapping[str, Any], asked: WebRequest, **settings: Any) -> bool:
    """Whether a statement is true of a request; it must have been decided."""
    found = verdict(web_acl(rule(statement)), asked, **settings)
    assert found.not_enforced == ()
    return found.blocks


def in_field(kind: str, statement: str = "ByteMatchStatement", *transformations: str, **more: Any) -> dict[str, Any]:
    """A statement about one field: {"UriPath": {}} is `in_field("UriPath")`; `field` gives its members."""
    content: dict[str, Any] = {
        "FieldToMatch": {kind: more.pop("field", {})},
        "TextTransformations": [
            {"Priority": number, "Type": name} for number, name in enumerate(transformations or ("NONE",))
        ],
    }
    if statement == "ByteMatchStatement":
        content |= {"SearchString": b"bad", "PositionalConstraint": "CONTAINS"}
    return {statement: content | more}
