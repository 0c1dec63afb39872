"""What the edge does for every request, before anything behind it is asked: one check for each claim."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

from opsctl.smoke import guards, tls
from opsctl.smoke.check import Check, CheckFailed, Trial, expect
from opsctl.smoke.edge import Answer
from opsctl.smoke.guards import A_BODY, Knock, detected, page_assets, stopped

CERTIFICATE_DAYS = 14
"""ACM renews 60 days before the end and tells from 45 days on (ACM user guide, "Managed certificate renewal")."""
HSTS_SECONDS = 365 * 86400
"""What browsers ask of their preload list (hstspreload.org, "Submission Requirements")."""
COMPRESSED_FROM_BYTES = 1000
"""CloudFront compresses from this size on (developer guide, "Serve compressed files")."""
SETTLE_SECONDS = 5.0
"""Each of an edge's servers has a cache of its own; the second request may meet another one."""

BEHAVIORS = {"the page": "/", "the API": "/v1/health", "thumbnails": "/thumbnails/none.jpg"}
"""A path for each cache behavior of modules/edge. There is no such thumbnail; its refusal has the same headers."""


def edge_health(trial: Trial) -> Mapping[str, Any]:
    answer = trial.get("/v1/health", token="")
    expect(answer.status == 200, str(answer))
    shown = answer.json()
    expect(isinstance(shown, dict) and shown.get("status") == "ok", str(answer))
    return {"status": answer.status, "seconds_to_answer": round(answer.seconds, 3)}


def dns(trial: Trial) -> Mapping[str, Any]:
    """Inside, Route 53 is asked; a resolver wherever no address was given in the name's place."""
    target, name = trial.target, trial.target.domain
    seen: dict[str, Any] = {}
    if target.inside:
        wanted = target.output("edge.distribution_domain_name")
        records = _records(trial, name)
        for kind in ("A", "AAAA"):
            leads = (records.get(kind, {}).get("AliasTarget") or {}).get("DNSName", "").rstrip(".")
            has = f"an {kind} record for {leads}" if leads else f"no {kind} record"
            expect(leads == wanted, f"{name} has {has}; its distribution is {wanted}")
        seen["route53"] = wanted
    if target.host is None:
        for kind, family in {"A": socket.AF_INET, "AAAA": socket.AF_INET6}.items():
            try:
                found = socket.getaddrinfo(name, 443, family, socket.SOCK_STREAM)
            except socket.gaierror as error:
                raise CheckFailed(f"{name} has no {kind} record for the resolver: {error.strerror}") from None
            seen[kind] = sorted({str(entry[4][0]) for entry in found})
    return seen


def _records(trial: Trial, name: str) -> dict[str, Mapping[str, Any]]:
    """By type, the records of exactly this name in its own zone."""
    zones = trial.aws.call("route53", "list_hosted_zones_by_name", DNSName=name, MaxItems="1")["HostedZones"]
    expect(zones and zones[0]["Name"] == f"{name}.", f"Route 53 has no zone {name}")
    records = trial.aws.pages("route53", "list_resource_record_sets", "ResourceRecordSets", HostedZoneId=zones[0]["Id"])
    return {record["Type"]: record for record in records if record["Name"] == f"{name}."}


def tls_version(trial: Trial) -> Mapping[str, Any]:
    versions = ssl.TLSVersion
    for new in (versions.TLSv1_2, versions.TLSv1_3):
        expect(tls.speaks(trial.target, new), f"{trial.target.domain} does not speak {new.name}")
    for old in (versions.TLSv1, versions.TLSv1_1):
        expect(not tls.speaks(trial.target, old), f"{trial.target.domain} still speaks {old.name}")
    return {"spoken": ["TLSv1_2", "TLSv1_3"], "refused": ["TLSv1", "TLSv1_1"]}


def certificate(trial: Trial) -> Mapping[str, Any]:
    try:
        found = tls.certificate(trial.target)
    except ssl.SSLCertVerificationError as error:
        raise CheckFailed(f"the certificate of {trial.target.domain} is not good: {error.verify_message}") from None
    ends = datetime.fromtimestamp(ssl.cert_time_to_seconds(found["notAfter"]), UTC)
    days = (ends - trial.now).days
    expect(days > CERTIFICATE_DAYS, f"the certificate ends {ends:%Y-%m-%d %H:%M} UTC, in {days} days")
    return {"names": [name for _, name in found.get("subjectAltName", ())], "days_left": days}


def https_redirect(trial: Trial) -> Mapping[str, Any]:
    plain, seen = trial.target.plain_edge(), {}
    for name, path in BEHAVIORS.items():
        answer = plain.request("GET", path)
        seen[name] = answer.status
        if name == "the API":  # a client that sent its token in plain must be told, not helped
            expect(answer.status == 403, f"{name} without TLS: {answer}")
            continue
        leads = answer.headers.get("location", "")
        there = re.fullmatch(rf"https://{re.escape(trial.target.domain)}(:\d+)?{path}", leads)
        expect(answer.status in (301, 308) and there, f"{name} without TLS: {answer}, to {leads or 'nowhere'}")
    return seen


def header(trial: Trial, *, name: str, good: Callable[[str], bool]) -> Mapping[str, Any]:
    value = ""
    for what, path in BEHAVIORS.items():
        answer = _anonymous(trial, path)
        value = answer.headers.get(name, "")
        expect(value, f"{what} came without {name}")
        expect(good(value), f"{what} came with {name}: {value}")
    return {name: value}


def _long_hsts(value: str) -> bool:
    said = [part.strip().lower() for part in value.split(";")]
    age = re.fullmatch(r"max-age=\"?(\d+)\"?", said[0])
    return age is not None and int(age[1]) >= HSTS_SECONDS and "includesubdomains" in said


def _strict_policy(value: str) -> bool:
    """Scripts and all else from the site itself, no plug-ins, no frames, no other base."""
    said = {words[0]: set(words[1:]) for part in value.split(";") if (words := part.split())}
    scripts = said.get("script-src", said.get("default-src", {"*"}))
    return (
        said.get("default-src") in ({"'self'"}, {"'none'"})
        and not scripts & {"*", "'unsafe-inline'", "'unsafe-eval'", "http:", "https:", "data:"}
        and all(said.get(name) == {"'none'"} for name in ("object-src", "base-uri", "frame-ancestors"))
    )


def site_page(trial: Trial) -> Mapping[str, Any]:
    page = _anonymous(trial, "/")
    expect(page.status == 200 and page.headers.get("content-type", "").startswith("text/html"), str(page))
    assets = page_assets(page)
    for path in assets:
        asset = _anonymous(trial, path)
        expect(asset.status == 200 and asset.body, f"the page asks for what is not there: {asset}")
    config = _anonymous(trial, "/site.json")
    expect(config.status == 200 and config.json(), str(config))
    return {"bytes": len(page.body), "assets": len(assets)}


def cache_hit(trial: Trial) -> Mapping[str, Any]:
    path = _text_asset(trial).path
    answers: list[Answer] = []

    def hit() -> bool:
        answers.append(_anonymous(trial, path))
        return answers[-1].headers.get("x-cache", "").startswith("Hit")

    try:
        trial.until("a hit", hit, within_seconds=min(SETTLE_SECONDS, trial.seconds_left / 2))
    except CheckFailed:
        raise CheckFailed(
            f"{path} was asked for {len(answers)} times, and the edge still said {answers[-1].headers.get('x-cache')!r}"
        ) from None
    return {"asset": path, "requests": len(answers)}


def api_not_cached(trial: Trial) -> Mapping[str, Any]:
    answers = [_anonymous(trial, "/v1/health") for _ in range(3)]
    for answer in answers:
        said = answer.headers.get("x-cache", "")
        expect("Hit" not in said, f"{answer}; the edge said {said!r} of what only the API may answer")
    ids = {answer.headers.get("x-amzn-requestid") for answer in answers}
    expect(len(ids) == len(answers), f"{len(answers)} requests were answered by the API {len(ids)} times")
    return {"request_ids": len(ids)}


def compression(trial: Trial) -> Mapping[str, Any]:
    asset = _text_asset(trial)
    expect(not asset.headers.get("content-encoding"), f"{asset.path} came compressed to who did not ask for it")

    def ask() -> Answer | None:
        answer = _anonymous(trial, asset.path, headers={"Accept-Encoding": "gzip, br"})
        return answer if answer.headers.get("content-encoding") in ("gzip", "br") else None

    try:
        answer = trial.until("compression", ask, within_seconds=min(SETTLE_SECONDS, trial.seconds_left / 2))
    except CheckFailed:
        raise CheckFailed(f"{asset.path} ({len(asset.body)} bytes) came uncompressed to who asked for gzip") from None
    sent = int(answer.headers.get("content-length") or 0)
    expect(sent < len(asset.body), f"{asset.path} has {len(asset.body)} bytes, and compressed {sent}")
    return {"asset": asset.path, "bytes": len(asset.body), "sent": sent}


def _anonymous(trial: Trial, path: str, *, headers: Mapping[str, str] | None = None) -> Answer:
    return trial.get(path, token="", api_key="", headers=headers)


def _text_asset(trial: Trial) -> Answer:
    """A text of the page that is large enough to be compressed, as it comes to who asks for no compression."""
    for path in page_assets(_anonymous(trial, "/")):
        if path.endswith((".js", ".css")):
            answer = _anonymous(trial, path)
            expect(answer.status == 200, str(answer))
            if len(answer.body) > COMPRESSED_FROM_BYTES:
                return answer
    raise CheckFailed(f"the page loads no script or style of more than {COMPRESSED_FROM_BYTES} bytes")


HEADERS: Mapping[str, tuple[str, str, Callable[[str], bool]]] = {
    "hsts": ("Browsers are told to use TLS alone, for a year and below too.", "strict-transport-security", _long_hsts),
    "content-policy": (
        "The page may run its own scripts only, in nobody's frame.", "content-security-policy", _strict_policy,
    ),
    "content-sniffing": (
        "No browser takes an answer for another type than it says.", "x-content-type-options", "nosniff".__eq__,
    ),
    "framing": ("No page of others may frame this one.", "x-frame-options", "DENY".__eq__),
    "referrer": (
        "Other sites learn no path of ours.", "referrer-policy",
        {"no-referrer", "same-origin", "strict-origin", "strict-origin-when-cross-origin"}.__contains__,
    ),
}  # fmt: skip
"""Check → what it proves, the header, and whether its value is good."""


def _edge(
    name: str, proves: str, function: Callable[[Trial], Mapping[str, Any]], runbook: str, *tags: str,
    budget_seconds: float = 60, outside: bool = True, local_only: bool = False,
) -> Check:  # fmt: skip
    return Check(
        name, proves, function, budget_seconds, frozenset({"edge", *tags}), runbook,
        local_only=local_only, outside=outside and not local_only,
    )  # fmt: skip


EDGE_CHECKS: tuple[Check, ...] = (
    _edge("edge-health", "The edge passes requests on to the API.", edge_health, "edge-errors", "api"),
    _edge("dns", "The site's name leads to its distribution, by IPv4 and by IPv6.", dns, "dns-wrong", "dns"),
    _edge("tls-version", "TLS 1.2 and 1.3 are spoken, older ones are not.", tls_version, "tls-policy", "tls"),
    _edge(
        "certificate", f"The certificate is for this name, from a known authority, and lasts {CERTIFICATE_DAYS} days.",
        certificate, "certificate-expiring", "tls",
    ),
    _edge(
        "https-redirect", "Who comes without TLS is sent to https, and gets no answer of the API.",
        https_redirect, "tls-policy", "tls",
    ),
    *(
        _edge(name, proves, partial(header, name=which, good=good), "edge-headers", "headers")
        for name, (proves, which, good) in HEADERS.items()
    ),
    _edge("site-page", "The page comes with all that it loads.", site_page, "site-broken", "site"),
    _edge("cache-hit", "The edge keeps what the page loads.", cache_hit, "edge-cache", "cache"),
    _edge("api-not-cached", "The edge keeps no answer of the API.", api_not_cached, "edge-cache", "cache", "api"),
    _edge("compression", "Texts are compressed for who asks for it, and for nobody else.", compression, "edge-cache",
          "cache"),
    _edge(
        "sql-injection", "SQL in a query or a body is stopped with 403, encoded twice or not.",
        partial(detected, knocks=guards.SQL_INJECTIONS, honest=Knock("/v1/orders?limit=1"), passing=401),
        "waf-not-blocking", "guards", "waf",
    ),
    _edge(
        "cross-site-scripting", "A script in a query or a body is stopped with 403, encoded twice or not.",
        partial(detected, knocks=guards.SCRIPTS, honest=Knock("/v1/photos?limit=1")),
        "waf-not-blocking", "guards", "waf",
    ),
    _edge(
        "body-size", "A body over 8 KB that is no photo is stopped with 413.",
        partial(stopped, knocks=guards.LARGE_BODIES, by=413, honest=A_BODY, passing=401),
        "waf-not-blocking", "guards", "waf",
    ),
    _edge(
        "override-headers", "A header that would change the method or the path is stopped with 403.",
        partial(stopped, knocks=guards.OVERRIDES), "waf-not-blocking", "guards", "waf",
    ),
    _edge(
        "upload-type", "An upload that doesn't say that it is a photo is stopped with 415.",
        partial(stopped, knocks=guards.UPLOADS, by=415, honest=Knock("/v1/photos", "x", content_type="image/jpeg"),
                passing=401),
        "waf-not-blocking", "guards", "waf",
    ),
    _edge(
        "user-agent", "Who doesn't say what they are is stopped with 403.",
        partial(stopped, knocks=guards.NAMELESS), "waf-not-blocking", "guards", "waf",
    ),
    _edge(
        "common-attacks", "Paths out of a folder and requests for the metadata service are stopped with 403.",
        partial(detected, knocks=guards.COMMON_ATTACKS), "waf-not-blocking", "guards", "waf",
    ),
    _edge(
        "known-bad-inputs", "Log4j's lookup is stopped with 403.",
        partial(detected, knocks=guards.BAD_INPUTS), "waf-not-blocking", "guards", "waf",
    ),
    _edge(
        "blocked-address", "An address on the list of refused ones gets 403.",
        guards.blocked_address, "waf-not-blocking", "guards", "waf", local_only=True,
    ),
    _edge(
        "rate-limit", f"An address gets 429 after {guards.REQUESTS_PER_5_MINUTES} requests in 5 minutes; others go on.",
        guards.rate, "waf-not-blocking", "guards", "waf", local_only=True, budget_seconds=240,
    ),
    _edge(
        "web-acl", "Every rule of the edge's web ACL is there, and none that should stop requests only counts them.",
        guards.web_acl, "waf-not-blocking", "guards", "waf", outside=False,
    ),
    _edge(
        "geography", "A viewer from a country that is not on the list gets 403.",
        guards.geography, "geo-restriction", "guards", local_only=True,
    ),
    _edge(
        "private-api", "Nobody gets round CloudFront to the API.",
        guards.private_api, "origin-exposed", "guards", "origins", outside=False,
    ),
    _edge(
        "private-buckets", "Nobody gets round CloudFront to a bucket, or is told what is in one.",
        guards.private_buckets, "origin-exposed", "guards", "origins", outside=False,
    ),
    _edge(
        "throttle", "Too many sign-ins at once get 429 and are told when to come again.",
        guards.throttle, "api-throttling", "guards", "api", local_only=True, budget_seconds=30,
    ),
)  # fmt: skip
