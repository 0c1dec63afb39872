"""Viewers at the local edge: TLS, names, countries, the cache, the web ACL's place, ids and metrics."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import threading
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import urllib3
from local_clouds import REGION, Client
from services import wait_until

from opsctl.local import Running
from opsctl.smoke.edge import Answer, Edge, EdgeUnreachable

SITE, PLAIN, WALLED = "tls.opsctl.test", "plain.opsctl.test", "walled.opsctl.test"
SWISS, NORTH_KOREAN = "203.0.113.7", "203.0.113.200"
CACHING_OPTIMIZED = "658327ea-f89d-4fab-a63d-7e88639e58f6"
CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
ALL_VIEWER_EXCEPT_HOST = "b689b0a8-53d0-40ab-baf2-68738e2966ac"


class Origin(BaseHTTPRequestHandler):
    """Counts what it is asked, and answers with the headers that it got."""

    protocol_version = "HTTP/1.1"
    seen: list[tuple[str, str, dict[str, str]]]

    def do_GET(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.seen.append((self.command, self.path, headers))
        status = 404 if self.path.startswith("/cached/missing") else 200
        body = json.dumps({"number": len(self.seen), "headers": headers}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", '"1"')
        self.end_headers()
        self.wfile.write(body if self.command != "HEAD" else b"")

    do_POST = do_HEAD = do_GET  # noqa: N815

    def log_message(self, *_: Any) -> None: ...


@pytest.fixture(scope="module")
def origin() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Counted", (Origin,), {"seen": []}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def asked(origin: ThreadingHTTPServer, path: str) -> list[dict[str, str]]:
    """The headers of each request for a path that came to the origin."""
    seen: list[tuple[str, str, dict[str, str]]] = origin.RequestHandlerClass.seen  # type: ignore[attr-defined]
    return [headers for _, asked_path, headers in seen if asked_path == path]


def behavior(cache_policy: str, origin_request_policy: str = "", **settings: Any) -> dict[str, Any]:
    methods = ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"]
    asked = {"OriginRequestPolicyId": origin_request_policy} if origin_request_policy else {}
    return {
        "TargetOriginId": "web", "ViewerProtocolPolicy": "redirect-to-https", "CachePolicyId": cache_policy,
        "AllowedMethods": {"Quantity": 7, "Items": methods}, "Compress": True, **asked, **settings,
    }  # fmt: skip


def distribute(client: Client, origin: ThreadingHTTPServer, alias: str, **settings: Any) -> dict[str, Any]:
    """A distribution before the origin: /open/* is never kept, all else is."""
    made: dict[str, Any] = client("cloudfront").create_distribution(DistributionConfig={
        "CallerReference": alias, "Comment": "", "Enabled": True, "Aliases": {"Quantity": 1, "Items": [alias]},
        "Origins": {"Quantity": 1, "Items": [{
            "Id": "web", "DomainName": "127.0.0.1",
            "CustomOriginConfig": {
                "HTTPPort": origin.server_port, "HTTPSPort": 443, "OriginProtocolPolicy": "http-only",
            },
        }]},
        "DefaultCacheBehavior": behavior(CACHING_OPTIMIZED),
        "CacheBehaviors": {"Quantity": 1, "Items": [
            {"PathPattern": "/open/*", **behavior(
                CACHING_DISABLED, ALL_VIEWER_EXCEPT_HOST, ViewerProtocolPolicy="https-only"
            )},
        ]},
        **settings,
    })["Distribution"]  # fmt: skip
    return made


@pytest.fixture(scope="module")
def distribution(client: Client, origin: ThreadingHTTPServer) -> dict[str, Any]:
    return distribute(client, origin, SITE, Restrictions={
        "GeoRestriction": {"RestrictionType": "whitelist", "Quantity": 3, "Items": ["CH", "DE", "US"]},
    })  # fmt: skip


Ask = Callable[..., Answer]


def edge_of(running: Running, host: str) -> Edge:
    return Edge(f"https://127.0.0.1:{running.edge_port}", host, authority_file=running.authority_file)


@pytest.fixture(scope="module")
def ask(running: Running, distribution: dict[str, Any]) -> Ask:
    edge = edge_of(running, SITE)

    def get(path: str, *, method: str = "GET", body: bytes | None = None, **headers: str) -> Answer:
        return edge.request(method, path, body=body, headers={k.replace("_", "-"): v for k, v in headers.items()})

    return get


@pytest.fixture(scope="module")
def plain(running: Running, distribution: dict[str, Any]) -> Ask:
    edge = Edge(running.endpoint_url, SITE)

    def get(path: str, **headers: str) -> Answer:
        return edge.request("GET", path, headers={k.replace("_", "-"): v for k, v in headers.items()})

    return get


def handshake(running: Running, name: str | None, *, newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> str:
    """The version of TLS that was agreed on, by a client that trusts our authority only and speaks no newer one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(running.authority_file)
    context.check_hostname = name is not None
    if newest < ssl.TLSVersion.TLSv1_2:
        context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version, context.maximum_version = ssl.TLSVersion.MINIMUM_SUPPORTED, newest
    with (
        socket.create_connection(("127.0.0.1", running.edge_port), timeout=10) as raw,
        context.wrap_socket(raw, server_hostname=name) as secured,
    ):
        return str(secured.version())


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.usefixtures("distribution")
def test_tls_1_2_and_newer_are_spoken_and_nothing_older(running: Running) -> None:
    assert handshake(running, SITE) == "TLSv1.3"
    assert handshake(running, SITE, newest=ssl.TLSVersion.TLSv1_2) == "TLSv1.2"
    with pytest.raises((ssl.SSLError, ConnectionError)):
        handshake(running, SITE, newest=ssl.TLSVersion.TLSv1_1)


def test_every_name_of_a_distribution_has_its_certificate(running: Running, distribution: dict[str, Any]) -> None:
    for name in (SITE, SITE.upper(), distribution["DomainName"]):
        assert handshake(running, name).startswith("TLS")


@pytest.mark.usefixtures("distribution")
@pytest.mark.parametrize("name", ["nobody.opsctl.test", None])
def test_a_name_that_nobody_serves_gets_no_handshake(running: Running, name: str | None) -> None:
    with pytest.raises((ssl.SSLError, ConnectionError)):
        handshake(running, name)


@pytest.mark.usefixtures("distribution")
def test_who_does_not_trust_the_authority_does_not_connect(running: Running) -> None:
    with pytest.raises(EdgeUnreachable):
        Edge(f"https://127.0.0.1:{running.edge_port}", SITE).request("GET", "/")


@pytest.mark.usefixtures("distribution")
def test_curl_gets_http_2_by_the_line_that_outputs_shows(running: Running) -> None:
    done = subprocess.run(
        ["curl", "-sS", "--noproxy", "*", "--cacert", running.authority_file, "-o", "/dev/null", "-w",
         "%{http_version} %{http_code}", "--resolve", f"{SITE}:{running.edge_port}:127.0.0.1",
         f"https://{SITE}:{running.edge_port}/by-curl"],
        capture_output=True, text=True, timeout=20,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("2 200", "")


@pytest.mark.usefixtures("distribution")
def test_a_host_that_is_no_distribution_gets_403_and_never_the_cloud_s_api(running: Running) -> None:
    pool = urllib3.PoolManager(server_hostname=SITE, assert_hostname=SITE, ca_certs=str(running.authority_file))
    for host in ("nobody.opsctl.test", "127.0.0.1", "s3.amazonaws.com"):
        answer = pool.request("GET", f"https://127.0.0.1:{running.edge_port}/_opsctl/status", headers={"Host": host})
        assert (answer.status, answer.headers["x-cache"]) == (403, "Error from cloudfront")
    seen = edge_of(running, SITE).request("GET", "/_opsctl/status")
    assert "headers" in seen.json(), "on the edge this path is the distribution's"


def test_plain_http_is_redirected_or_refused_as_the_behavior_says(running: Running, plain: Ask) -> None:
    answer = plain("/page?a=1")
    assert (answer.status, answer.headers["location"]) == (301, f"https://{SITE}/page?a=1")
    assert plain("/open/page").status == 403
    with_port = Edge(running.endpoint_url, f"{SITE}:{running.port}").request("GET", "/page")
    assert with_port.headers["location"] == f"https://{SITE}:{running.edge_port}/page"


def test_on_tls_a_request_is_https_whatever_its_headers_say(ask: Ask, origin: ThreadingHTTPServer) -> None:
    assert ask("/open/proto", X_Forwarded_Proto="http").status == 200
    assert "x-forwarded-proto" not in asked(origin, "/open/proto")[0]


def test_a_country_outside_the_list_gets_cloudfronts_403_page(ask: Ask, origin: ThreadingHTTPServer) -> None:
    answer = ask("/geo", x_opsctl_viewer_address=NORTH_KOREAN)
    assert (answer.status, answer.headers["x-cache"]) == (403, "Error from cloudfront")
    assert b"configured to block access from your country" in answer.body
    assert asked(origin, "/geo") == []
    assert ask("/geo", x_opsctl_viewer_address=SWISS).status == 200


def test_a_blocked_country_gets_nothing_out_of_the_cache(ask: Ask) -> None:
    ask("/geo-cached")
    assert ask("/geo-cached").headers["x-cache"] == "Hit from cloudfront"
    assert ask("/geo-cached", x_opsctl_viewer_address=NORTH_KOREAN).status == 403


def test_the_viewers_address_is_the_edges_to_say_and_goes_no_further(ask: Ask, origin: ThreadingHTTPServer) -> None:
    ask("/open/address", x_opsctl_viewer_address=SWISS, X_Forwarded_For="10.9.8.7")
    [headers] = asked(origin, "/open/address")
    assert headers["x-forwarded-for"] == f"10.9.8.7, {SWISS}"
    assert "x-opsctl-viewer-address" not in headers


def test_on_the_plain_port_nobody_says_where_he_is(
    running: Running, client: Client, origin: ThreadingHTTPServer
) -> None:
    distribute(client, origin, PLAIN, DefaultCacheBehavior=behavior(
        CACHING_DISABLED, ALL_VIEWER_EXCEPT_HOST, ViewerProtocolPolicy="allow-all"
    ))  # fmt: skip
    edge = Edge(running.endpoint_url, PLAIN)
    assert edge.request("GET", "/said", headers={"x-opsctl-viewer-address": SWISS}).status == 200
    [headers] = asked(origin, "/said")
    assert headers["x-forwarded-for"] == "127.0.0.1"
    assert "x-opsctl-viewer-address" not in headers


def test_the_origin_learns_the_country_only_if_the_policy_asks_and_never_from_the_viewer(
    ask: Ask, client: Client, running: Running, origin: ThreadingHTTPServer
) -> None:
    ask("/open/country", CloudFront_Viewer_Country="KP")
    assert "cloudfront-viewer-country" not in asked(origin, "/open/country")[0]
    policy = client("cloudfront").create_origin_request_policy(OriginRequestPolicyConfig={
        "Name": "country", "CookiesConfig": {"CookieBehavior": "none"},
        "QueryStringsConfig": {"QueryStringBehavior": "none"},
        "HeadersConfig": {"HeaderBehavior": "whitelist", "Headers": {
            "Quantity": 1, "Items": ["CloudFront-Viewer-Country"],
        }},
    })["OriginRequestPolicy"]["Id"]  # fmt: skip
    distribute(
        client, origin, "country.opsctl.test", DefaultCacheBehavior=behavior(CACHING_DISABLED, policy)
    )  # fmt: skip
    edge = edge_of(running, "country.opsctl.test")
    edge.request("GET", "/c", headers={"x-opsctl-viewer-address": SWISS, "CloudFront-Viewer-Country": "KP"})
    assert asked(origin, "/c")[0]["cloudfront-viewer-country"] == "CH"


def test_the_second_viewer_is_answered_from_the_cache(ask: Ask, origin: ThreadingHTTPServer) -> None:
    first, second = ask("/cached/a?x=1"), ask("/cached/a?x=2", Cookie="session=1", User_Agent="another")
    assert (first.headers["x-cache"], second.headers["x-cache"]) == ("Miss from cloudfront", "Hit from cloudfront")
    assert first.body == second.body
    assert first.headers["x-amz-cf-id"] != second.headers["x-amz-cf-id"]
    assert len(asked(origin, "/cached/a")) == 1, "this cache policy takes no query strings"
    assert ask("/cached/a", method="HEAD").headers["x-cache"] == "Hit from cloudfront"
    assert ask("/cached/a", If_None_Match='"1"').status == 304


def test_what_must_not_be_kept_is_asked_for_each_time(ask: Ask) -> None:
    assert {ask("/open/b").headers["x-cache"] for _ in range(2)} == {"Miss from cloudfront"}


def test_a_post_is_never_answered_from_the_cache(ask: Ask, origin: ThreadingHTTPServer) -> None:
    ask("/cached/posted")
    for _ in range(2):
        assert ask("/cached/posted", method="POST", body=b"x").headers["x-cache"] == "Miss from cloudfront"
    assert len(asked(origin, "/cached/posted")) == 3


def test_an_error_of_the_origin_is_kept_for_a_while(ask: Ask, origin: ThreadingHTTPServer) -> None:
    for _ in range(2):
        answer = ask("/cached/missing")
        assert (answer.status, answer.headers["x-cache"]) == (404, "Error from cloudfront")
    assert len(asked(origin, "/cached/missing")) == 1


def test_the_distribution_says_how_long_an_error_is_kept(
    running: Running, client: Client, origin: ThreadingHTTPServer
) -> None:
    distribute(client, origin, "errors.opsctl.test", CustomErrorResponses={
        "Quantity": 1, "Items": [{"ErrorCode": 404, "ErrorCachingMinTTL": 0}],
    })  # fmt: skip
    edge = edge_of(running, "errors.opsctl.test")
    for _ in range(2):
        assert edge.request("GET", "/cached/missing/0").status == 404
    assert len(asked(origin, "/cached/missing/0")) == 2


def test_the_root_is_invalidated_by_its_own_path(running: Running, client: Client, origin: ThreadingHTTPServer) -> None:
    root = distribute(client, origin, "root.opsctl.test", DefaultRootObject="index.html")
    edge = edge_of(running, "root.opsctl.test")
    edge.request("GET", "/")
    for path, outcome in (("/index.html", "Hit from cloudfront"), ("/", "Miss from cloudfront")):
        client("cloudfront").create_invalidation(DistributionId=root["Id"], InvalidationBatch={
            "CallerReference": path, "Paths": {"Quantity": 1, "Items": [path]},
        })  # fmt: skip
        assert edge.request("GET", "/").headers["x-cache"] == outcome
    assert len(asked(origin, "/index.html")) == 2


def test_an_invalidation_makes_the_next_viewer_miss(ask: Ask, client: Client, distribution: dict[str, Any]) -> None:
    ask("/cached/c")
    ask("/cached/d")
    client("cloudfront").create_invalidation(DistributionId=distribution["Id"], InvalidationBatch={
        "CallerReference": uuid.uuid4().hex, "Paths": {"Quantity": 1, "Items": ["/cached/c*"]},
    })  # fmt: skip
    assert ask("/cached/c").headers["x-cache"] == "Miss from cloudfront"
    assert ask("/cached/d").headers["x-cache"] == "Hit from cloudfront"


def test_the_origin_is_told_the_id_that_the_viewer_gets(ask: Ask, origin: ThreadingHTTPServer) -> None:
    answer = ask("/open/id")
    assert asked(origin, "/open/id")[0]["x-amz-cf-id"] == answer.headers["x-amz-cf-id"]


def test_the_web_acl_stands_before_cache_and_origin(
    running: Running, client: Client, origin: ThreadingHTTPServer
) -> None:
    waf = client("wafv2", region="us-east-1")
    addresses = waf.create_ip_set(
        Name="swiss", Scope="CLOUDFRONT", IPAddressVersion="IPV4", Addresses=[f"{SWISS}/32"]
    )["Summary"]["ARN"]  # fmt: skip
    visible = {"SampledRequestsEnabled": False, "CloudWatchMetricsEnabled": False, "MetricName": "x"}
    acl = waf.create_web_acl(
        Name="walled", Scope="CLOUDFRONT", DefaultAction={"Allow": {}}, VisibilityConfig=visible,
        Rules=[{"Name": "swiss", "Priority": 0, "Action": {"Block": {}}, "VisibilityConfig": visible,
                "Statement": {"IPSetReferenceStatement": {"ARN": addresses}}}],
    )["Summary"]["ARN"]  # fmt: skip
    distribute(client, origin, WALLED, WebACLId=acl)
    edge = edge_of(running, WALLED)
    assert edge.request("GET", "/walled").status == 200
    assert edge.request("GET", "/walled").headers["x-cache"] == "Hit from cloudfront"

    for path in ("/walled", "/walled-too"):
        answer = edge.request("GET", path, headers={"x-opsctl-viewer-address": SWISS})
        assert (answer.status, answer.headers["x-cache"]) == (403, "Error from cloudfront")
        assert b"Request blocked" in answer.body
    assert len(asked(origin, "/walled")) == 1
    assert asked(origin, "/walled-too") == []


def test_requests_bytes_and_error_rates_are_counted_for_the_distribution(
    client: Client, ask: Ask, distribution: dict[str, Any]
) -> None:
    ask("/open/counted", method="POST", body=b"x" * 1000)
    ask("/cached/missing")
    cloudwatch = client("cloudwatch", region="us-east-1")
    where = [{"Name": "DistributionId", "Value": distribution["Id"]}, {"Name": "Region", "Value": "Global"}]

    def points(metric: str, statistic: str) -> list[float]:
        now = datetime.now(UTC)
        found = cloudwatch.get_metric_statistics(
            Namespace="AWS/CloudFront", MetricName=metric, Dimensions=where, Statistics=[statistic], Period=60,
            StartTime=now - timedelta(minutes=10), EndTime=now + timedelta(minutes=2),
        )  # fmt: skip
        return [point[statistic] for point in found["Datapoints"]]

    wait_until(lambda: sum(points("BytesUploaded", "Sum")) >= 1000 and max(points("4xxErrorRate", "Maximum")) == 100)
    assert sum(points("Requests", "Sum")) > 1
    assert 0 < max(points("4xxErrorRate", "Average")) < 100
    assert max(points("TotalErrorRate", "Maximum")) == 100
    assert max(points("5xxErrorRate", "Maximum")) == 0
    assert sum(points("BytesDownloaded", "Sum")) > 0


def test_the_api_has_its_own_name_at_the_edge(running: Running, client: Client) -> None:
    gateway = client("apigateway")
    api = gateway.create_rest_api(name="named")["id"]
    edge = edge_of(running, f"{api}.execute-api.{REGION}.amazonaws.com")
    assert edge.request("GET", "/v1/nothing").json() == {"message": "Forbidden"}
