"""Breaks of the edge: what people do to CloudFront, WAF, Route 53, S3 and API Gateway, mostly without meaning to."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any

from tests.e2e.mutations.impostors import tls_server, unknown_name
from tests.e2e.mutations.mutation import Break, Impostor, Mutation
from tests.e2e.mutations.parts import (
    API_ASSOCIATION,
    API_WEB_ACL,
    BLOCKED_ADDRESSES,
    DISTRIBUTION,
    HEADERS,
    IMAGES_ACCESS,
    PHOTOS_ACCESS,
    RECORDS,
    SITE_ACCESS,
    SITE_FILES,
    THROTTLE,
    WEB_ACL,
)

# AWS's managed cache policies (CloudFront developer guide, "Use managed cache policies").
CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
CACHING_OPTIMIZED = "658327ea-f89d-4fab-a63d-7e88639e58f6"
CACHING_FOR_UNCOMPRESSED = "b2884449-e4de-46a7-ac36-70bc7f1ddd6d"

Change = Callable[[Any], Any]


# --- Changes: each takes what is there, a copy, and gives what shall be there


def behavior(path: str, **settings: Any) -> Change:
    """Settings of one cache behavior; an empty path is the default one. None takes a setting away."""

    def change(config: Any) -> Any:
        found = config["DefaultCacheBehavior"]
        if path:
            found = next(one for one in config["CacheBehaviors"]["Items"] if one["PathPattern"] == path)
        for name, value in settings.items():
            if value is None:
                del found[name]
            else:
                found[name] = value
        return config

    return change


def api_origin(**settings: Any) -> Change:
    def change(config: Any) -> Any:
        next(one for one in config["Origins"]["Items"] if one["Id"] == "api").update(settings)
        return config

    return change


def geo(change_items: Callable[[list[str]], list[str]]) -> Change:
    def change(config: Any) -> Any:
        restriction = config["Restrictions"]["GeoRestriction"]
        items = change_items(restriction["Items"])
        config["Restrictions"]["GeoRestriction"] = (
            {"RestrictionType": "whitelist", "Quantity": len(items), "Items": items}
            if items
            else {"RestrictionType": "none", "Quantity": 0}
        )
        return config

    return change


def security_header(name: str, **settings: Any) -> Change:
    """Of the response headers policy; without settings it is dropped."""

    def change(config: Any) -> Any:
        if settings:
            config["SecurityHeadersConfig"][name].update(settings)
        else:
            del config["SecurityHeadersConfig"][name]
        return config

    return change


def without_rules(*names: str) -> Change:
    return lambda acl: acl | {"Rules": [rule for rule in acl["Rules"] if rule["Name"] not in names]}


def only_counting(*names: str) -> Change:
    """What people do while they look for a rule that blocks too much, and then forget."""

    def change(acl: Any) -> Any:
        for rule in acl["Rules"]:
            if rule["Name"] in names:
                which = "OverrideAction" if "OverrideAction" in rule else "Action"
                rule[which] = {"Count": {}}
        return acl

    return change


def rule_of_group_counting(group: str, *names: str) -> Change:
    def change(acl: Any) -> Any:
        rule = next(rule for rule in acl["Rules"] if rule["Name"] == group)
        overrides = rule["Statement"]["ManagedRuleGroupStatement"].setdefault("RuleActionOverrides", [])
        overrides += [{"Name": name, "ActionToUse": {"Count": {}}} for name in names]
        return acl

    return change


def in_rule(name: str, change_rule: Callable[[Any], None]) -> Change:
    def change(acl: Any) -> Any:
        change_rule(next(rule for rule in acl["Rules"] if rule["Name"] == name))
        return acl

    return change


def _higher_rate(rule: Any) -> None:
    rule["Statement"]["RateBasedStatement"]["Limit"] = 2_000_000


def _larger_bodies(rule: Any) -> None:
    [size] = [
        one["SizeConstraintStatement"] for one in rule["Statement"]["AndStatement"]["Statements"]
        if "SizeConstraintStatement" in one
    ]  # fmt: skip
    size["Size"] = 16_384


def _one_header_less(rule: Any) -> None:
    rule["Statement"]["OrStatement"]["Statements"].pop()


def open_to_everybody(action: str, objects: str = "/*") -> Change:
    """The policy is replaced by one for everybody, and the block that would have refused it is off."""

    def change(access: Any) -> Any:
        resource = access["policy"]["Statement"][0]["Resource"]
        bucket = (resource if isinstance(resource, str) else resource[0]).partition("/")[0]
        opened = {"Effect": "Allow", "Principal": "*", "Action": action, "Resource": f"{bucket}{objects}"}
        kept = [one for one in access["policy"]["Statement"] if one["Effect"] == "Allow"]
        return {
            "policy": access["policy"] | {"Statement": [*kept, opened]},
            "block": dict.fromkeys(access["block"], False),
        }

    return change


def without_files(end: str) -> Change:
    """The site's files whose key ends so are deleted, in each version of the page that is kept."""

    def change(site: Any) -> Any:
        gone = {key for key in site["there"] if key.endswith(end)}
        return {"there": sorted(set(site["there"]) - gone), "deleted": sorted({*site["deleted"], *gone})}

    return change


def _elsewhere(records: Any) -> Any:
    records["A"]["AliasTarget"]["DNSName"] = "d111111abcdef8.cloudfront.net."
    return records


COMMON = "AWSManagedRulesCommonRuleSet"
SQL_RULES = ("sql-injection", "AWSManagedRulesSQLiRuleSet")
SCRIPT_RULES = ("cross-site-scripting", COMMON)
OF_THE_COMMON_RULES = frozenset({"user-agent", "common-attacks"})
WEB_ACL_CHECK = frozenset({"web-acl"})
TLS = ssl.TLSVersion

EDGE_MUTATIONS: tuple[Break, ...] = (
    Mutation(
        name="the edge asks for another stage of the API", check="edge-health", says="answered 40[34]|answered 50",
        part=DISTRIBUTION, change=api_origin(OriginPath="/v2"), alone=True,
    ),
    Mutation(
        name="the edge no longer tells the API its secret", check="edge-health", says="answered 403",
        part=DISTRIBUTION, change=api_origin(CustomHeaders={"Quantity": 0}), alone=True,
    ),
    Mutation(
        name="no AAAA record", check="dns", says="has no AAAA record; its distribution is .*cloudfront.net",
        part=RECORDS, change=lambda records: {"A": records["A"]},
    ),
    Mutation(
        name="the A record leads to another distribution", check="dns", says="A record for d111111abcdef8",
        part=RECORDS, change=_elsewhere,
    ),
    Impostor(
        name="a name that nobody knows", check="dns", says="nobody.invalid has no A record", stand_in=unknown_name,
    ),
    Impostor(
        name="TLS 1.1 is still spoken", check="tls-version", says="still speaks TLSv1_1",
        stand_in=tls_server(versions=(TLS.TLSv1_1, TLS.TLSv1_3)),
    ),
    Impostor(
        name="TLS 1.0 is still spoken", check="tls-version", says="still speaks TLSv1$",
        stand_in=tls_server(versions=(TLS.TLSv1, TLS.TLSv1_3)),
    ),
    Impostor(
        name="TLS 1.3 is not spoken", check="tls-version", says="does not speak TLSv1_3",
        stand_in=tls_server(versions=(TLS.TLSv1_2, TLS.TLSv1_2)),
    ),
    Impostor(
        name="the certificate ended yesterday", check="certificate", says="certificate has expired",
        stand_in=tls_server(days_left=-1),
    ),
    Impostor(
        name="the certificate was not renewed", check="certificate", says="in 6 days",
        stand_in=tls_server(days_left=7),
    ),
    Impostor(
        name="a certificate for another name", check="certificate", says="[Hh]ostname mismatch",
        stand_in=tls_server(name="other.opsctl.test"),
    ),
    Impostor(
        name="a certificate that nobody vouches for", check="certificate", says="self.signed|unable to get",
        stand_in=tls_server(trusted=False),
    ),
    Mutation(
        name="the page is served without TLS", check="https-redirect", says="the page without TLS: .* answered 200",
        part=DISTRIBUTION, change=behavior("", ViewerProtocolPolicy="allow-all"),
    ),
    Mutation(
        name="the API answers without TLS", check="https-redirect", says="the API without TLS: .* answered 200",
        part=DISTRIBUTION, change=behavior("/v1/*", ViewerProtocolPolicy="allow-all"),
    ),
    Mutation(
        name="the API helps who came without TLS", check="https-redirect", says="the API without TLS: .* answered 3",
        part=DISTRIBUTION, change=behavior("/v1/*", ViewerProtocolPolicy="redirect-to-https"),
    ),
    Mutation(
        name="HSTS dropped", check="hsts", says="came without strict-transport-security",
        part=HEADERS, change=security_header("StrictTransportSecurity"),
    ),
    Mutation(
        name="HSTS for an hour", check="hsts", says="strict-transport-security: max-age=3600",
        part=HEADERS, change=security_header("StrictTransportSecurity", AccessControlMaxAgeSec=3600),
    ),
    Mutation(
        name="thumbnails without the headers", check="hsts", says="thumbnails came without", alone=True,
        part=DISTRIBUTION, change=behavior("/thumbnails/*", ResponseHeadersPolicyId=None),
    ),
    Mutation(
        name="the content policy dropped", check="content-policy", says="without content-security-policy",
        part=HEADERS, change=security_header("ContentSecurityPolicy"),
    ),
    Mutation(
        name="the content policy lets any script in", check="content-policy", says="unsafe-inline",
        part=HEADERS, change=security_header(
            "ContentSecurityPolicy",
            ContentSecurityPolicy="default-src 'self'; script-src 'self' 'unsafe-inline'; object-src 'none'; "
            "base-uri 'none'; frame-ancestors 'none'",
        ),
    ),
    Mutation(
        name="nosniff dropped", check="content-sniffing", says="without x-content-type-options",
        part=HEADERS, change=security_header("ContentTypeOptions"),
    ),
    Mutation(
        name="frames dropped", check="framing", says="without x-frame-options",
        part=HEADERS, change=security_header("FrameOptions"),
    ),
    Mutation(
        name="frames of the same site allowed", check="framing", says="x-frame-options: SAMEORIGIN",
        part=HEADERS, change=security_header("FrameOptions", FrameOption="SAMEORIGIN"),
    ),
    Mutation(
        name="the referrer dropped", check="referrer", says="without referrer-policy",
        part=HEADERS, change=security_header("ReferrerPolicy"),
    ),
    Mutation(
        name="the referrer told to everybody", check="referrer", says="referrer-policy: unsafe-url",
        part=HEADERS, change=security_header("ReferrerPolicy", ReferrerPolicy="unsafe-url"),
    ),
    Mutation(
        name="the page's settings deleted", check="site-page", says="GET /site.json answered 403",
        part=SITE_FILES, change=without_files("site.json"),
    ),
    Mutation(
        name="the page's script deleted", check="site-page", says=r"what is not there: GET .*\.js answered 403",
        part=SITE_FILES, change=without_files("app.js"), also=frozenset({"cache-hit", "compression"}),
    ),
    Mutation(
        name="no page at /", check="site-page", says="GET / answered 403", alone=True,
        part=DISTRIBUTION, change=lambda config: config | {"DefaultRootObject": "home.html"},
    ),
    Mutation(
        name="the edge keeps nothing", check="cache-hit", says="the edge still said 'Miss from cloudfront'",
        budget_seconds=4,
        part=DISTRIBUTION, change=behavior("", CachePolicyId=CACHING_DISABLED), also=frozenset({"compression"}),
    ),
    Mutation(
        name="the edge keeps the API's answers", check="api-not-cached", says="'Hit from cloudfront'",
        part=DISTRIBUTION, change=behavior("/v1/*", CachePolicyId=CACHING_OPTIMIZED), alone=True,
    ),
    Mutation(
        name="compression off", check="compression", says="came uncompressed",
        part=DISTRIBUTION, change=behavior("", Compress=False), budget_seconds=4,
    ),
    Mutation(
        name="a cache policy that knows no compression", check="compression", says="came uncompressed",
        part=DISTRIBUTION, change=behavior("", CachePolicyId=CACHING_FOR_UNCOMPRESSED), budget_seconds=4,
    ),
    Mutation(
        name="no rule against SQL", check="sql-injection", says="SQL in the query was not stopped: .* answered 401",
        part=WEB_ACL, change=without_rules(*SQL_RULES), also=WEB_ACL_CHECK,
    ),
    Mutation(
        name="the rules against SQL only count", check="sql-injection", says="SQL in the query was not stopped",
        part=WEB_ACL, change=only_counting(*SQL_RULES), also=WEB_ACL_CHECK,
    ),
    Mutation(
        name="our own rule against SQL is gone", check="sql-injection", says="was not stopped",
        part=WEB_ACL, change=without_rules("sql-injection"), also=WEB_ACL_CHECK,
    ),
    Mutation(
        name="the distribution without its web ACL", check="sql-injection", says="was not stopped", alone=True,
        part=DISTRIBUTION, change=lambda config: config | {"WebACLId": ""},
    ),
    Mutation(
        name="no rule against scripts", check="cross-site-scripting", says="script in the query was not stopped",
        part=WEB_ACL, change=without_rules(*SCRIPT_RULES), also=OF_THE_COMMON_RULES | WEB_ACL_CHECK,
    ),
    Mutation(
        name="our own rule against scripts only counts", check="cross-site-scripting", says="was not stopped",
        part=WEB_ACL, change=only_counting("cross-site-scripting"), also=WEB_ACL_CHECK,
    ),
    Mutation(
        name="no rule for the size of a body", check="body-size", says="8,193 bytes was not stopped: .* answered",
        part=WEB_ACL, change=without_rules("body-size"), also=WEB_ACL_CHECK,
    ),
    Mutation(
        name="bodies may be twice as large", check="body-size", says="8,193 bytes was not stopped",
        part=WEB_ACL, change=in_rule("body-size", _larger_bodies),
    ),
    Mutation(
        name="the rule against override headers only counts", check="override-headers", says="was not stopped",
        part=WEB_ACL, change=only_counting("override-headers"), also=WEB_ACL_CHECK,
    ),
    Mutation(
        name="one override header is forgotten", check="override-headers", says="X-Rewrite-Url was not stopped",
        part=WEB_ACL, change=in_rule("override-headers", _one_header_less),
    ),
    Mutation(
        name="anything may be uploaded", check="upload-type", says="sent as a photo was not stopped: .* answered 401",
        part=WEB_ACL, change=without_rules("uploads-are-images"), also=WEB_ACL_CHECK,
    ),
    Mutation(
        name="who has no user agent is only counted", check="user-agent", says="no user agent was not stopped",
        part=WEB_ACL, change=rule_of_group_counting(COMMON, "NoUserAgent_HEADER"), also=WEB_ACL_CHECK,
    ),
    Mutation(
        name="paths out of a folder are only counted", check="common-attacks", says="out of the folder was not stopped",
        part=WEB_ACL, also=WEB_ACL_CHECK,
        change=rule_of_group_counting(COMMON, "GenericLFI_QUERYARGUMENTS", "GenericLFI_URIPATH"),
    ),
    Mutation(
        name="no group of common rules", check="common-attacks", says="was not stopped",
        part=WEB_ACL, change=without_rules(COMMON), also=WEB_ACL_CHECK | {"user-agent"},
    ),
    Mutation(
        name="no group of bad inputs", check="known-bad-inputs", says="lookup was not stopped",
        part=WEB_ACL, change=without_rules("AWSManagedRulesKnownBadInputsRuleSet"), also=WEB_ACL_CHECK,
    ),
    Mutation(
        name="the list of refused addresses is empty", check="blocked-address", says="address was not stopped",
        part=BLOCKED_ADDRESSES, change=lambda addresses: [],
    ),
    Mutation(
        name="refused addresses are only counted", check="blocked-address", says="address was not stopped",
        part=WEB_ACL, change=only_counting("blocked-addresses"), also=WEB_ACL_CHECK,
    ),
    Mutation(
        name="the rate is a thousand times as high", check="rate-limit", says="2003 of one address .* answered 200",
        part=WEB_ACL, change=in_rule("rate-by-address", _higher_rate), budget_seconds=240,
    ),
    Mutation(
        name="no list of notorious addresses", check="web-acl", says="no rule .*IpReputationList",
        part=WEB_ACL, change=without_rules("AWSManagedRulesAmazonIpReputationList"),
    ),
    Mutation(
        name="AWS's rules against SQL only count", check="web-acl", says="AWSManagedRulesSQLiRuleSet only counts",
        part=WEB_ACL, change=only_counting("AWSManagedRulesSQLiRuleSet"),
    ),
    Mutation(
        name="a rule of a group only counts", check="web-acl", says="AWSManagedRulesKnownBadInputsRuleSet only counts",
        part=WEB_ACL, change=rule_of_group_counting("AWSManagedRulesKnownBadInputsRuleSet", "PROPFIND_METHOD"),
    ),
    Mutation(
        name="the list of countries is off", check="geography", says="another country was not stopped: .* answered 200",
        part=DISTRIBUTION, change=geo(lambda _: []),
    ),
    Mutation(
        name="a country more", check="geography", says="another country was not stopped",
        part=DISTRIBUTION, change=geo(lambda countries: [*countries, "KP"]),
    ),
    Mutation(
        name="the API without its web ACL", check="private-api", says="round CloudFront: .* answered 200",
        part=API_ASSOCIATION, change=lambda _: None,
    ),
    Mutation(
        name="the API only counts who came round the edge", check="private-api", says="round CloudFront",
        part=API_WEB_ACL, change=only_counting("only-through-the-edge"),
    ),
    Mutation(
        name="anybody may read photos", check="private-buckets", says="-photos-.* answered somebody .* answered 200",
        part=PHOTOS_ACCESS, change=open_to_everybody("s3:GetObject"),
    ),
    Mutation(
        name="anybody may read the site's bucket", check="private-buckets", says="-site-.* answered somebody",
        part=SITE_ACCESS, change=open_to_everybody("s3:GetObject"),
    ),
    Mutation(
        name="anybody may list a bucket behind", check="private-buckets", says="-images-.* tells anybody what is in it",
        part=IMAGES_ACCESS, change=open_to_everybody("s3:ListBucket", ""),
    ),
    Mutation(
        name="the edge may no longer read photos", check="private-buckets", says="through the edge: .* answered 403",
        part=PHOTOS_ACCESS, change=lambda access: access | {"policy": access["policy"] | {
            "Statement": [one for one in access["policy"]["Statement"] if one["Effect"] == "Deny"],
        }},
    ),
    Mutation(
        name="signing in is not throttled", check="throttle", says="and none with 429",
        part=THROTTLE, change=lambda limits: dict.fromkeys(limits, (10_000.0, 10_000)), budget_seconds=30,
    ),
)  # fmt: skip
