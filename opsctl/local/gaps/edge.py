"""CloudFront's data plane: geo restriction, web ACL, cache, metrics, and one request id through all of them.

MiniStack serves a distribution's behaviors, origins, functions and policies, and fetches each object anew each time.
Order as on AWS: geo restriction, web ACL, viewer-request function, cache, origin. Not there: HTTP/3, signed URLs,
Lambda@Edge, brotli, access logs, origin failover. A behavior with a maximum TTL of 0 keeps nothing, errors neither.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from email.utils import formatdate
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode

from opsctl.local import firewall
from opsctl.local.edge.cache import CONDITIONS, ERROR, MISS, Answer, EdgeCache, Key, Rules, encodings
from opsctl.local.edge.countries import country_of
from opsctl.local.edge.freshness import Limits
from opsctl.local.edge.viewing import VIEWING, Viewing
from opsctl.local.exchange import Handler, Request, Response
from opsctl.local.gaps.gap import Cloud, Gap

REGION = "us-east-1"
"""Where CloudFront's metrics and its web ACLs are."""
GEO_BLOCKED = (
    "The Amazon CloudFront distribution is configured to block access from your country. We can't connect to the "
    "server for this app or website at this time. There might be too much traffic or a configuration error. Try again "
    "later, or contact the app or website owner."
)
REQUEST_BLOCKED = (
    "Request blocked. We can't connect to the server for this app or website at this time. There might be too much "
    "traffic or a configuration error. Try again later, or contact the app or website owner."
)


class Edge(Gap):
    def __init__(self, cloud: Cloud, cache: EdgeCache | None = None) -> None:
        super().__init__(cloud)
        self.cache = cache or EdgeCache()
        self._configs: dict[str, tuple[str | None, dict[str, Any]]] = {}  # by id: the XML and what was read from it

    async def install(self) -> None:
        from ministack.services import cloudfront

        self._cloudfront = cloudfront
        parse, parse_behavior = cloudfront.parse_distribution_dataplane_config, cloudfront._dataplane_behavior
        invalidate, request_id = cloudfront._create_invalidation, cloudfront._cf_request_id
        add_headers, self._fetch = cloudfront._add_cloudfront_headers, cloudfront._fetch_from_origin

        def parse_once(distribution: dict[str, Any]) -> dict[str, Any]:
            xml = distribution.get("config_xml") or ""
            read, known = self._configs.get(distribution["Id"], (None, {}))
            if read != xml:
                known = parse(distribution) | _settings(cloudfront, distribution)
                self._configs[distribution["Id"]] = xml, known
            return known

        def behavior_with_ttls(element: Any, pattern: str | None = None) -> dict[str, Any]:
            found: dict[str, Any] = parse_behavior(element, pattern)
            found["compress"] = cloudfront._text(element, "Compress") == "true"
            found["ttls"] = {
                name: float(value)
                for name in ("MinTTL", "DefaultTTL", "MaxTTL")
                if (value := cloudfront._opt_text(element, name))
            }
            return found

        def headers_with_outcome(headers: dict[str, Any], x_cache: str, *arguments: Any, **settings: Any) -> Any:
            viewing = VIEWING.get()
            known = viewing.outcome if viewing and viewing.outcome and x_cache.startswith("Miss") else x_cache
            return add_headers(headers, known, *arguments, **settings)

        def create_invalidation(distribution: str, body: bytes) -> Any:
            answer = invalidate(distribution, body)
            if answer[0] == HTTPStatus.CREATED:
                paths = cloudfront._invalidations[distribution][-1]["InvalidationBatch"]["Paths"]["Items"]
                self.cache.invalidate(distribution, paths)
            return answer

        cloudfront.parse_distribution_dataplane_config = parse_once
        cloudfront._dataplane_behavior = behavior_with_ttls
        cloudfront._create_invalidation = create_invalidation
        cloudfront._add_cloudfront_headers = headers_with_outcome
        cloudfront._cf_request_id = lambda: viewing.request_id if (viewing := VIEWING.get()) else request_id()
        cloudfront._fetch_from_origin = self._fetch_through_cache

    def serves(self, host: str) -> bool:
        """A distribution's own name and its alternate domain names."""
        return self._distribution(host) is not None

    def wants(self, request: Request) -> bool:
        return self.serves(request.host)

    async def answer(self, request: Request, forward: Handler) -> Response:
        from ministack.core.responses import request_scope

        found = self._distribution(request.host)
        assert found is not None
        account_id, distribution = found
        config = self._cloudfront.parse_distribution_dataplane_config(distribution)
        viewing = Viewing(
            request_id=self._cloudfront._cf_request_id(), distribution=distribution["Id"], config=config,
            path=request.path, raw_path=request.raw_path, headers=request.headers, address=request.client,
            country=country_of(request.client), https=request.headers.get("x-forwarded-proto") == "https",
        )  # fmt: skip
        token = VIEWING.set(viewing)
        try:
            with request_scope(account_id, REGION):
                response = await self._view(request, viewing, distribution)
        finally:
            VIEWING.reset(token)
        self._count(account_id, distribution["Id"], request, response)
        return response

    async def _view(self, request: Request, viewing: Viewing, distribution: dict[str, Any]) -> Response:
        if not _may_view(viewing.config["geo"], viewing.country):
            return _response(self._cloudfront._cf_error_response(403, GEO_BLOCKED, ERROR))
        verdict = await firewall.inspect(
            self.cloud, distribution["ARN"],
            firewall.Inspected(
                method=request.method, path=request.raw_path, query=request.query_string,
                headers=tuple(request.headers.items()), body=request.body, client_ip=viewing.address,
                country=viewing.country, request_id=viewing.request_id,
                http_version="HTTP/2.0" if request.http_version == "2" else "HTTP/1.1",
            ),
        )  # fmt: skip
        if isinstance(verdict, firewall.Blocked):
            if verdict.response is None:
                return _response(self._cloudfront._cf_error_response(403, REQUEST_BLOCKED, ERROR))
            added = self._cloudfront._add_cloudfront_headers(_joined(verdict.response.headers), ERROR)
            return _response((verdict.response.status, added, verdict.response.body))
        headers = {name: value for name, value in request.headers.items() if not name.startswith("cloudfront-")}
        headers |= {name.lower(): value for name, value in verdict.added_headers}
        return _response(
            await self._cloudfront.handle_viewer_request(
                distribution, request.method, request.path, request.raw_path, request.query_string,
                self._redirected(headers), request.body, parse_qs(request.query_string, keep_blank_values=True),
                viewing.address,
            )
        )  # fmt: skip

    def _redirected(self, headers: dict[str, str]) -> dict[str, str]:
        """From our plain port a redirect leads to our TLS port: what 80 and 443 are on AWS."""
        host, _, port = headers.get("host", "").partition(":")
        if port == str(self.cloud.port) and headers.get("x-forwarded-proto") != "https":
            return {**headers, "host": f"{host}:{self.cloud.edge_port}"}
        return headers

    async def _fetch_through_cache(
        self, origin: dict[str, Any], method: str, uri: str, query: str, headers: dict[str, Any], body: bytes,
        https: bool, client_ip: str, forwarded_for: str, arn: str,
    ) -> Any:  # fmt: skip
        viewing = VIEWING.get()
        if viewing is None:
            return await self._fetch(origin, method, uri, query, headers, body, https, client_ip, forwarded_for, arn)
        first = not viewing.outcome  # the second time it is an error page that is fetched
        behavior = self._cloudfront._match_behavior(viewing.config, viewing.path if first else uri)
        policy = _policy(self._cloudfront, behavior)
        headers = self._origin_headers(behavior, viewing, headers)
        accepted = encodings(
            viewing.headers.get("accept-encoding", ""), gzip_enabled=policy["gzip"], brotli_enabled=policy["brotli"]
        )

        async def fetch(more: Mapping[str, str]) -> Answer:
            status, _, found, data = await self._fetch(
                origin, method, uri, query, {**headers, **more}, body, https, client_ip, forwarded_for, arn
            )
            return Answer(status, {name.lower(): value for name, value in found.items()}, data)

        if method not in ("GET", "HEAD") or policy["limits"].maximum <= 0:
            answer = await fetch({})
            outcome = ERROR if answer.status >= 400 else MISS
        else:
            conditions = {name: str(headers[name]) for name in CONDITIONS & headers.keys()}
            for name in conditions:
                del headers[name]
            if accepted:
                headers["accept-encoding"] = accepted
            answer, outcome = await self.cache.serve(
                _key(viewing, behavior, policy, uri, query, headers, accepted),
                method, conditions, policy["rules"], fetch,
            )  # fmt: skip
        if first:
            viewing.outcome = outcome
        reason = HTTPStatus(answer.status).phrase if answer.status in HTTPStatus._value2member_map_ else ""
        return answer.status, reason, dict(answer.headers), answer.body

    def _origin_headers(self, behavior: dict[str, Any], viewing: Viewing, headers: dict[str, Any]) -> dict[str, Any]:
        """What goes to the origin besides: CloudFront's own headers that the policies ask for; X-Forwarded-Proto never.

        Source: developer guide, "Add CloudFront request headers", and the table of HTTP request headers.
        """
        asked = _asked_headers(self._cloudfront, behavior)
        own = {
            "cloudfront-viewer-country": viewing.country,
            "cloudfront-viewer-address": f"{viewing.address}:0",
            "cloudfront-forwarded-proto": "https" if viewing.https else "http",
        }
        kept = {name: value for name, value in headers.items() if name != "x-forwarded-proto"}
        return kept | {name: value for name, value in own.items() if name in asked}

    def _distribution(self, host: str) -> tuple[str, dict[str, Any]] | None:
        """The account and the record of the distribution that serves a host name."""
        for account_id, distribution in self._distributions():
            names = self._cloudfront.parse_distribution_dataplane_config(distribution)["names"]
            if host in names or any(name.startswith("*.") and host.endswith(name[1:]) for name in names):
                return account_id, distribution
        return None

    def _distributions(self) -> Iterator[tuple[str, dict[str, Any]]]:
        for (account_id, _), distribution in self._cloudfront._distributions.to_dict().items():
            yield account_id, distribution

    def _count(self, account_id: str, distribution: str, request: Request, response: Response) -> None:
        """Source: developer guide, "View CloudFront and edge function metrics"; rates are percent of the requests."""
        down = len(response.body) if request.method in ("GET", "HEAD", "OPTIONS") else 0
        up = len(request.body) if request.method in ("POST", "PUT") else 0
        failed = response.status // 100
        self.cloud.metrics.record_sets(
            [{"DistributionId": distribution, "Region": "Global"}],
            account_id=account_id, region=REGION, namespace="AWS/CloudFront",
            values={
                "Requests": (1, "None"),
                "BytesDownloaded": (down, "None"),
                "BytesUploaded": (up, "None"),
                "4xxErrorRate": (100.0 * (failed == 4), "Percent"),
                "5xxErrorRate": (100.0 * (failed == 5), "Percent"),
                "TotalErrorRate": (100.0 * (failed in (4, 5)), "Percent"),
            },
        )  # fmt: skip


def _may_view(geo: tuple[str, frozenset[str]], country: str) -> bool:
    kind, countries = geo
    if kind == "whitelist":
        return country in countries
    return kind != "blacklist" or country not in countries


def _settings(cloudfront: Any, distribution: dict[str, Any]) -> dict[str, Any]:
    """What MiniStack's reading of a distribution leaves out: names, geo restriction, error caching TTLs."""
    config = cloudfront._dist_config_el(distribution)

    def within(*tags: str) -> Any:
        found = config
        for tag in tags:
            found = cloudfront._find(found, tag) if found is not None else None
        return found

    geo, items = within("Restrictions", "GeoRestriction"), within("Restrictions", "GeoRestriction", "Items")
    errors = within("CustomErrorResponses", "Items")
    return {
        "names": {distribution["DomainName"].lower()}
        | {alias.lower() for alias in cloudfront._get_distribution_aliases(distribution)},
        "geo": (
            cloudfront._text(geo, "RestrictionType", "none") if geo is not None else "none",
            frozenset(item.text or "" for item in (items if items is not None else ())),
        ),
        "error_ttls": {
            int(cloudfront._text(entry, "ErrorCode")): float(seconds)
            for entry in (errors if errors is not None else ())
            if (seconds := cloudfront._opt_text(entry, "ErrorCachingMinTTL"))
        },
    }


def _policy(cloudfront: Any, behavior: dict[str, Any]) -> dict[str, Any]:
    """TTLs and what counts for the key, from the behavior's cache policy or its older ForwardedValues."""
    viewing = VIEWING.get()
    errors = viewing.config["error_ttls"] if viewing else {}
    policy_id, values = behavior.get("cache_policy_id"), behavior.get("forwarded_values")
    if policy_id:
        record = cloudfront._cache_policies.get(policy_id) or cloudfront._MANAGED_CACHE_POLICIES.get(policy_id)
        ttls, parameters = (record["Config"], record["Config"].get("Parameters") or {}) if record else ({}, {})
    elif values is not None:
        every = "*" in (values.get("headers") or [])
        ttls = behavior["ttls"] | ({"MaxTTL": 0} if every else {})  # all headers forwarded: nothing is kept
        cookies = values.get("cookies_forward", "none")
        parameters = {
            "HeaderBehavior": "whitelist", "Headers": values.get("headers"),
            "CookieBehavior": cookies, "Cookies": values.get("cookies_whitelist"),
            "QueryStringBehavior": "all" if values.get("query_string") else "none", "EnableAcceptEncodingGzip": True,
        }  # fmt: skip
    else:
        ttls, parameters = {"MaxTTL": 0}, {}
    usual = Limits()
    limits = Limits(
        float(ttls.get("MinTTL") or 0),
        float(ttls["DefaultTTL"]) if ttls.get("DefaultTTL") is not None else usual.default,
        float(ttls["MaxTTL"]) if ttls.get("MaxTTL") is not None else usual.maximum,
        errors,
    )
    _, cookie_allowed, _ = cloudfront._forwarding_predicates(behavior)
    return {
        "limits": limits,
        "rules": Rules(limits, compress=behavior["compress"], cookies=cookie_allowed("any")
                       or parameters.get("CookieBehavior", "none") != "none"),
        "gzip": bool(parameters.get("EnableAcceptEncodingGzip")),
        "brotli": bool(parameters.get("EnableAcceptEncodingBrotli")),
        "headers": _Counts(parameters, "Header", lowercase=True),
        "cookies": _Counts(parameters, "Cookie"),
        "query": _Counts(parameters, "QueryString"),
    }  # fmt: skip


class _Counts:
    """Which headers, cookies or query strings count for the key: none, all, those listed, or all but those."""

    def __init__(self, parameters: Mapping[str, Any], what: str, *, lowercase: bool = False) -> None:
        self.kind = parameters.get(f"{what}Behavior") or "none"
        names = parameters.get(f"{what}s") or ()
        self.names = {name.lower() if lowercase else name for name in names}

    def __call__(self, name: str) -> bool:
        if self.kind == "whitelist":
            return name in self.names
        return self.kind == "all" or (self.kind == "allExcept" and name not in self.names)


def _key(
    viewing: Viewing, behavior: dict[str, Any], policy: dict[str, Any], uri: str, query: str,
    headers: Mapping[str, Any], accepted: str,
) -> Key:  # fmt: skip
    if policy["query"].kind not in ("none", "all"):
        pairs = [(name, value) for name, value in parse_qsl(query, keep_blank_values=True) if policy["query"](name)]
        query = urlencode(pairs)
    counted = query if policy["query"].kind != "none" else ""
    # The root is kept as `/`, whatever object stands for it: that is what an invalidation names.
    root = viewing.config.get("default_root_object", "")
    path = "/" if viewing.raw_path == "/" and uri == f"/{root}" else uri
    cookies = [tuple(pair.strip().partition("=")[::2]) for pair in str(headers.get("cookie", "")).split(";") if pair]
    return Key(
        distribution=viewing.distribution,
        url=f"{path}?{counted}" if counted else path,
        headers=tuple(sorted((name, str(value)) for name, value in headers.items() if policy["headers"](name))),
        cookies=tuple(sorted((name, value) for name, value in cookies if policy["cookies"](name))),
        encodings=accepted,
    )


def _asked_headers(cloudfront: Any, behavior: dict[str, Any]) -> set[str]:
    """Names that a cache policy or an origin request policy lists one by one."""
    asked: set[str] = set()
    parameters = cloudfront.cache_policy_params(behavior.get("cache_policy_id")) or {}
    if parameters.get("HeaderBehavior") == "whitelist":
        asked |= {name.lower() for name in parameters.get("Headers") or ()}
    if policy_id := behavior.get("origin_request_policy_id"):
        config = cloudfront.origin_request_policy_config(policy_id) or {}
        if config.get("HeaderBehavior") in ("whitelist", "allViewerAndWhitelistCloudFront"):
            asked |= {name.lower() for name in config.get("Headers") or ()}
    if values := behavior.get("forwarded_values"):
        asked |= {name.lower() for name in values.get("headers") or ()}
    return asked


def _joined(headers: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in headers:
        found.setdefault(name.lower(), []).append(value)
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}


def _response(answer: tuple[int, Mapping[str, Any], bytes]) -> Response:
    status, headers, body = answer
    pairs = [
        (name.lower(), str(value))
        for name, values in headers.items()
        for value in (values if isinstance(values, list) else [values])
    ]
    if not any(name == "date" for name, _ in pairs):
        pairs.append(("date", formatdate(usegmt=True)))
    return Response(status, tuple(pairs), body)
