"""What must not come through: the checks that are proved by a refusal. An honest request passes each."""

from __future__ import annotations

import base64
import contextlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from opsctl.smoke.check import CheckFailed, Trial, expect
from opsctl.smoke.edge import VIEWER_HEADER, Answer, anybody
from opsctl.waf.detector import availability


@dataclass(frozen=True)
class Knock:
    """A stranger's request: without a token, without a key; with a body it is a POST."""

    path: str = "/v1/health"
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"

    def at(self, trial: Trial) -> Answer:
        """Send it."""
        return trial.request(
            "POST" if self.body else "GET", self.path, body=self.body.encode() or None, headers=self.headers,
            content_type=self.content_type if self.body else "", token="", api_key="",
        )  # fmt: skip


SQL_INJECTIONS: Mapping[str, Knock] = {
    "SQL in the query": Knock("/v1/orders?limit=1%27%20OR%20%271%27%3D%271%27%20--%20"),
    "SQL encoded twice": Knock("/v1/orders?next=1%2527%2520UNION%2520SELECT%2520user%252Chost%2520FROM%2520user%2523"),
    "SQL as HTML entities": Knock("/v1/orders?limit=1%26%2339%3B%20OR%20%26%2339%3B1%26%2339%3B%3D%26%2339%3B1"),
    "SQL in the body": Knock("/v1/orders", '{"customer": "x\' UNION SELECT user, plugin FROM mysql.user -- "}'),
}  # fmt: skip
SCRIPTS: Mapping[str, Knock] = {
    "script in the query": Knock("/v1/photos?next=%3Cscript%3Ealert(document.cookie)%3C%2Fscript%3E"),
    "script encoded twice": Knock("/v1/photos?next=%253Cscript%253Ealert(document.cookie)%253C%252Fscript%253E"),
    "script encoded twice in the body": Knock("/v1/orders", '{"customer": "%253Cscript%253Ealert(1)%253C"}'),
    "script in the body": Knock("/v1/orders", '{"customer": "<img src=x onerror=alert(document.cookie)>"}'),
}  # fmt: skip
"""After OWASP's pages on SQL injection, XSS filter evasion and double encoding. Each table holds one that, of all our
rules, only the one of that name stops (HTML entities; encoded twice in a body): it is missed when it is gone."""

BAD_INPUTS: Mapping[str, Knock] = {
    "Log4j's lookup": Knock("/v1/health?q=%24%7Bjndi%3Aldap%3A%2F%2F127.0.0.1%2Fa%7D"),
    "Log4j's lookup in a header": Knock(headers={"x-tag": "${jndi:ldap://127.0.0.1/a}"}),
}  # fmt: skip
COMMON_ATTACKS: Mapping[str, Knock] = {
    "a path out of the folder": Knock("/v1/health?file=../../../../etc/passwd"),
    "the metadata service's address": Knock("/v1/health?url=http%3A%2F%2F169.254.169.254%2Flatest%2Fmeta-data%2F"),
}
NAMELESS: Mapping[str, Knock] = {"no user agent": Knock(headers={"User-Agent": "@@@SKIP_HEADER@@@"})}
"""The value is urllib3.util.SKIP_HEADER: it sends none."""
OVERRIDES: Mapping[str, Knock] = {
    name: Knock(headers={name: value})
    for name, value in {"X-Http-Method-Override": "DELETE", "X-Original-Url": "/", "X-Rewrite-Url": "/"}.items()
}
UPLOADS: Mapping[str, Knock] = {
    "a text sent as a photo": Knock("/v1/photos", "no photo", content_type="text/plain"),
    "a page sent as a photo": Knock("/v1/photos", "<!doctype html>", content_type="text/html"),
}
LARGE_BODIES: Mapping[str, Knock] = {
    "a body of 8,193 bytes": Knock("/v1/orders", "x" * 8193, content_type="text/plain")
}
A_BODY = Knock("/v1/orders", '{"customer": "' + "x" * 4000 + '"}')

BLOCKED_VIEWER = "203.0.113.200"
"""An address of a test network that the local edge takes for a country outside every list (docs/local-cloud.md)."""
BLOCKED_ADDRESS = "203.0.113.66"
"""Of a country that is served; on the list of refused addresses in terraform/environments/local.tfvars."""
ALLOWED_NEIGHBOUR = "203.0.113.67"
REQUESTS_PER_5_MINUTES = 2000
"""What rate_limit_per_5_minutes of modules/edge is unless somebody sets it."""
KNOCKS = 40
"""More than POST /v1/auth/token's burst of 10 and what it lets through at 5 a second in the time that they take."""


def page_assets(page: Answer) -> list[str]:
    """Paths of what a page loads from its own site."""
    found = re.findall(r'(?:src|href)="([^"#:?]+)"', page.body.decode("utf-8", "replace"))
    return sorted({"/" + path.removeprefix("/") for path in found})


def stopped(
    trial: Trial, *, knocks: Mapping[str, Knock], by: int = 403, honest: Knock = Knock(), passing: int = 200
) -> Mapping[str, Any]:
    """Each knock is answered with the status `by`; an honest one, much like them, with `passing`."""
    answer = honest.at(trial)
    expect(answer.status == passing, f"an honest request: {answer}")
    for name, knock in knocks.items():
        answer = knock.at(trial)
        expect(answer.status == by, f"{name} was not stopped: {answer}")
    return {"stopped": sorted(knocks), "with": by}


def detected(trial: Trial, *, knocks: Mapping[str, Knock], **how: Any) -> Mapping[str, Any]:
    """As `stopped`, for attacks that locally a detector of our own must know.

    It is built while an environment comes up for the first time on a machine: until then we wait for it.
    """
    local = trial.target.inside and trial.aws.access.is_local
    reason = availability().reason if local else ""
    if reason:
        first = next(iter(knocks.values()))
        with contextlib.suppress(CheckFailed):
            trial.until("the detector", lambda: first.at(trial).status == 403, within_seconds=trial.seconds_left / 2)
    try:
        return stopped(trial, knocks=knocks, **how)
    except CheckFailed as failure:
        raise CheckFailed(f"{failure}{f' ({reason})' if reason else ''}") from None


def geography(trial: Trial) -> Mapping[str, Any]:
    return stopped(trial, knocks={"a viewer from another country": Knock(headers={VIEWER_HEADER: BLOCKED_VIEWER})})


def blocked_address(trial: Trial) -> Mapping[str, Any]:
    return stopped(
        trial, knocks={"a refused address": Knock(headers={VIEWER_HEADER: BLOCKED_ADDRESS})},
        honest=Knock(headers={VIEWER_HEADER: ALLOWED_NEIGHBOUR}),
    )  # fmt: skip


def rate(trial: Trial) -> Mapping[str, Any]:
    """From an address that nobody had in the last five minutes, and one request after another, for the others' sake.

    What the edge keeps is asked for, since what a rule stops would ring the alarm for many blocked requests.
    """
    from_there = {VIEWER_HEADER: anybody()}

    def ask() -> Answer:
        trial.go_on()
        return trial.request("HEAD", asset, headers=from_there, token="", api_key="")

    asset = next(path for path in page_assets(Knock("/").at(trial)) if path.endswith((".js", ".css")))
    seen = {ask().status for _ in range(REQUESTS_PER_5_MINUTES)}
    expect(seen == {200}, f"{REQUESTS_PER_5_MINUTES} requests of one address were answered with {sorted(seen)}")
    last = [ask() for _ in range(3)][-1]
    expect(last.status == 429, f"request {REQUESTS_PER_5_MINUTES + 3} of one address within 5 minutes: {last}")
    other = Knock("/").at(trial)
    expect(other.status == 200, f"another address at the same time: {other}")
    return {"requests": REQUESTS_PER_5_MINUTES, "seconds": round(trial.seconds, 1)}


def throttle(trial: Trial) -> Mapping[str, Any]:
    def knock(_: int) -> Answer:
        # Not even a name: refused at once where it is not throttled, so that no password is worked out.
        return trial.request("POST", "/v1/auth/token", body=b"{}", content_type="application/json", token="")

    expect(trial.visitor.token, "the visitor has no token")  # signed in before the others have to wait
    answers = trial.aws.map(knock, range(KNOCKS))
    seen = sorted({answer.status for answer in answers})
    refused = [answer for answer in answers if answer.status == 429]
    expect(refused, f"{KNOCKS} sign-ins at once were answered with {seen}, and none with 429")
    expect(all(answer.headers.get("retry-after") for answer in refused), "429 came without Retry-After")
    expect(set(seen) <= {400, 429}, f"sign-ins at once were answered with {seen}")
    return {"sent": KNOCKS, "refused": len(refused)}


BLOCKING_RULES = frozenset({
    "blocked-addresses", "rate-by-address", "override-headers", "uploads-are-images", "body-size", "sql-injection",
    "cross-site-scripting", "AWSManagedRulesAmazonIpReputationList", "AWSManagedRulesKnownBadInputsRuleSet",
    "AWSManagedRulesCommonRuleSet", "AWSManagedRulesSQLiRuleSet",
})  # fmt: skip
"""Rules of the web ACL in modules/edge that stop requests."""


def web_acl(trial: Trial) -> Mapping[str, Any]:
    """What no request can prove: that rules which overlap, or know addresses that nobody else knows, are all there."""
    _, _, name, acl_id = trial.target.output("edge.web_acl_arn").split("/")
    acl = trial.aws.call("wafv2", "get_web_acl", region="us-east-1", Name=name, Id=acl_id, Scope="CLOUDFRONT")["WebACL"]
    rules = {rule["Name"]: rule for rule in acl["Rules"]}
    missing = sorted(BLOCKING_RULES - rules.keys())
    expect(not missing, f"the web ACL {name} has no rule {', '.join(missing)}")
    counting = sorted(rule for rule in BLOCKING_RULES if _counts(rules[rule]))
    expect(not counting, f"in the web ACL {name} {', '.join(counting)} only counts")
    return {"rules": sorted(rules)}


def _counts(rule: Mapping[str, Any]) -> bool:
    """Whether the rule, or a rule of its group that is overridden, stops nobody."""
    group = rule["Statement"].get("ManagedRuleGroupStatement", {})
    actions = [rule.get("Action") or {}, rule.get("OverrideAction") or {}]
    actions += [one["ActionToUse"] for one in group.get("RuleActionOverrides", ())]
    return bool(group.get("ExcludedRules")) or any("Count" in action or "Allow" in action for action in actions)


def private_api(trial: Trial) -> Mapping[str, Any]:
    """Nobody gets round CloudFront to the API, though they have the key."""
    target = trial.target
    answer = target.beside(target.output("api.domain_name")).request(
        "GET", f"/{target.output('api.stage')}/health", headers={"x-api-key": target.api_key}
    )
    expect(answer.status == 403, f"the API answered somebody who came round CloudFront: {answer}")
    return {"status": answer.status}


def private_buckets(trial: Trial) -> Mapping[str, Any]:
    """What CloudFront serves out of a bucket, the bucket serves to nobody; and no bucket is listed to anybody.

    An object that isn't there would be refused by an open bucket too: so there is one.
    """
    target = trial.target
    key = f"thumbnails/smoke-{trial.id}.txt"
    photos = target.output("photos.bucket")
    put = trial.aws.call("s3", "put_object", Bucket=photos, Key=key, Body=b"for the edge alone")
    version = {"VersionId": put["VersionId"]} if put.get("VersionId") else {}
    trial.afterwards(key, lambda: trial.aws.call("s3", "delete_object", Bucket=photos, Key=key, **version))
    served = trial.get(f"/{key}", token="", api_key="")
    expect(served.status == 200, f"an object of {photos} through the edge: {served}")
    for bucket, path in {photos: f"/{key}", target.output("site.bucket"): "/index.html"}.items():
        answer = target.bucket_edge(bucket).request("GET", path)
        expect(answer.status == 403, f"{bucket} answered somebody who came round CloudFront: {answer}")
    own = [name for name in trial.aws.pages("s3", "list_buckets", "Buckets[].Name") if name.startswith(target.prefix)]
    for bucket in own:
        answer = target.bucket_edge(bucket).request("GET", "/")
        expect(answer.status == 403, f"{bucket} tells anybody what is in it: {answer}")
    return {"buckets": own}


def changed(token: str) -> str:
    """The token with one character of its signature changed."""
    head, _, signature = token.rpartition(".")
    middle = len(signature) // 2
    other = "A" if signature[middle] != "A" else "B"
    return f"{head}.{signature[:middle]}{other}{signature[middle + 1 :]}"


def unsigned(token: str) -> str:
    """The token's claims under `alg: none` (RFC 7519, section 6; the classic forgery)."""
    header = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').decode().rstrip("=")
    return f"{header}.{token.split('.')[1]}."
