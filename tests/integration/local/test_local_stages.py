"""A REST API's stage: cache, web ACL, limits, metrics, access log, one request id."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from local_clouds import ACCOUNT, REGION, Client, zipped
from services import wait_until

from opsctl.local import Running
from opsctl.smoke.edge import Answer, Edge

CODE = """
import time
count = 0

def handle(event, context):
    global count
    count += 1
    if event["path"].endswith("slow"):
        time.sleep(2)
    import json
    context = event["requestContext"]
    body = {"count": count, "request_id": context["requestId"], "source_ip": context["identity"]["sourceIp"],
            "headers": event["headers"]}
    return {"statusCode": 500 if event["path"].endswith("broken") else 200, "body": json.dumps(body)}
"""
FORMAT = json.dumps({
    "id": "$context.requestId", "status": "$context.status", "path": "$context.resourcePath",
    "method": "$context.httpMethod", "ip": "$context.identity.sourceIp", "agent": "$context.identity.userAgent",
    "latency": "$context.responseLatency", "integration": "$context.integrationLatency",
    "integration_status": "$context.integrationStatus", "error": "$context.error.message",
    "type": "$context.error.responseType", "waf": "$context.wafResponseCode", "bytes": "$context.responseLength",
    "time": "$context.requestTime", "caller": "$context.identity.caller",
})  # fmt: skip
GROUP = "/aws/apigateway/stages/access"
SWISS = "203.0.113.7"

Ask = Callable[..., Answer]


@pytest.fixture(scope="module")
def api(client: Client) -> str:
    """GET /count, /slow, /broken by a function; stage v1 logs, is cached and has detailed metrics."""
    client("iam").create_role(RoleName="stages", AssumeRolePolicyDocument="{}")
    function = client("lambda").create_function(
        FunctionName="stages", Runtime="python3.11", Handler="handler.handle", Code={"ZipFile": zipped(CODE)},
        Role=f"arn:aws:iam::{ACCOUNT}:role/stages", Timeout=10,
    )["FunctionArn"]  # fmt: skip
    gateway = client("apigateway")
    made = gateway.create_rest_api(name="stages")
    for path in ("count", "slow", "broken"):
        where = {
            "restApiId": made["id"], "httpMethod": "ANY",
            "resourceId": gateway.create_resource(
                restApiId=made["id"], parentId=made["rootResourceId"], pathPart=path
            )["id"],
        }  # fmt: skip
        gateway.put_method(
            **where, authorizationType="NONE", requestParameters={"method.request.querystring.page": False}
        )
        gateway.put_integration(
            **where, type="AWS_PROXY", integrationHttpMethod="POST", timeoutInMillis=700,
            cacheKeyParameters=["method.request.querystring.page"],
            uri=f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{function}/invocations",
        )  # fmt: skip
    client("logs").create_log_group(logGroupName=GROUP)
    gateway.create_deployment(restApiId=made["id"], stageName="v1")
    gateway.create_deployment(restApiId=made["id"], stageName="cached")
    gateway.update_stage(restApiId=made["id"], stageName="v1", patchOperations=[
        {"op": "replace", "path": "/accessLogSettings/destinationArn",
         "value": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{GROUP}"},
        {"op": "replace", "path": "/accessLogSettings/format", "value": FORMAT},
        {"op": "replace", "path": "/*/*/metrics/enabled", "value": "true"},
    ])  # fmt: skip
    gateway.update_stage(restApiId=made["id"], stageName="cached", patchOperations=[
        {"op": "replace", "path": "/cacheClusterEnabled", "value": "true"},
        {"op": "replace", "path": "/cacheClusterSize", "value": "0.5"},
        {"op": "replace", "path": "/*/*/caching/enabled", "value": "true"},
    ])  # fmt: skip
    return str(made["id"])


@pytest.fixture(scope="module")
def ask(running: Running, api: str) -> Ask:
    edge = Edge(
        f"https://127.0.0.1:{running.edge_port}", f"{api}.execute-api.{REGION}.amazonaws.com",
        authority_file=running.authority_file,
    )  # fmt: skip

    def get(path: str, *, method: str = "GET", body: bytes | None = None, **headers: str) -> Answer:
        return edge.request(method, path, body=body, headers={k.replace("_", "-"): v for k, v in headers.items()})

    return get


def line_of(client: Client, request_id: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = []

    def look() -> bool:
        events = client("logs").filter_log_events(logGroupName=GROUP, filterPattern=f'"{request_id}"')["events"]
        found.extend(json.loads(event["message"]) for event in events)
        return bool(found)

    wait_until(look)
    return found[0]


def test_one_request_id_is_in_the_answer_the_integration_and_the_log(client: Client, ask: Ask) -> None:
    answer = ask("/v1/count", User_Agent='quote " and {brace}', x_opsctl_viewer_address=SWISS)
    told = answer.json()
    assert answer.headers["x-amzn-requestid"] == told["request_id"]
    assert answer.headers["x-amz-apigw-id"]
    line = line_of(client, told["request_id"])
    assert line | {"latency": "", "integration": "", "time": ""} == {
        "id": told["request_id"], "status": "200", "path": "/count", "method": "GET", "ip": SWISS,
        "agent": 'quote " and {brace}', "integration_status": "200", "error": "-", "type": "-",
        "bytes": str(len(answer.body)), "caller": "-", "latency": "", "integration": "", "time": "", "waf": "-",
    }  # fmt: skip
    assert 0 <= int(line["integration"]) <= int(line["latency"])
    assert (told["source_ip"], told["headers"]["x-forwarded-for"]) == (SWISS, SWISS)
    assert told["headers"]["x-amzn-trace-id"].startswith("Root=1-")


def test_a_refusal_carries_its_id_and_is_logged_with_its_reason(client: Client, ask: Ask) -> None:
    answer = ask("/v1/nothing")
    line = line_of(client, answer.headers["x-amzn-requestid"])
    assert (answer.status, line["status"], line["type"]) == (403, "403", "MISSING_AUTHENTICATION_TOKEN")
    assert (line["error"], line["integration"]) == ("Missing Authentication Token", "-")


def test_a_body_of_more_than_10_mb_is_refused(ask: Ask) -> None:
    answer = ask("/v1/count", method="POST", body=b"x" * (10 * 1024 * 1024 + 1))
    assert (answer.status, answer.json()) == (413, {"message": "Request Entity Too Large"})
    assert ask("/v1/count", method="POST", body=b"x" * 1024).status == 200


def test_an_integration_that_takes_too_long_is_a_504(ask: Ask) -> None:
    answer = ask("/v1/slow")
    assert (answer.status, answer.json()) == (504, {"message": "Endpoint request timed out"})


def test_a_cached_stage_asks_its_integration_once_for_each_key(ask: Ask) -> None:
    first, second, other = ask("/cached/count?page=1"), ask("/cached/count?page=1&x=2"), ask("/cached/count?page=2")
    assert first.json()["count"] == second.json()["count"] != other.json()["count"]
    assert first.headers["x-amzn-requestid"] != second.headers["x-amzn-requestid"]


def test_only_gets_that_went_well_are_kept(ask: Ask) -> None:
    assert ask("/cached/count", method="POST").json()["count"] < ask("/cached/count", method="POST").json()["count"]
    assert ask("/cached/broken").json()["count"] < ask("/cached/broken").json()["count"]


def test_a_client_without_authorization_can_not_refresh_the_cache_and_is_told(ask: Ask) -> None:
    first = ask("/cached/count?page=3")
    again = ask("/cached/count?page=3", Cache_Control="max-age=0")
    assert again.json()["count"] == first.json()["count"]
    assert again.headers["warning"].startswith("199")


def test_a_client_may_refresh_the_cache_where_the_stage_lets_everybody(client: Client, ask: Ask, api: str) -> None:
    def require(value: str) -> None:
        client("apigateway").update_stage(restApiId=api, stageName="cached", patchOperations=[
            {"op": "replace", "path": "/*/*/caching/requireAuthorizationForCacheControl", "value": value},
        ])  # fmt: skip

    first = ask("/cached/count?page=4")
    require("false")
    try:
        assert ask("/cached/count?page=4", Cache_Control="max-age=0").json()["count"] > first.json()["count"]
    finally:
        require("true")


def test_flushing_a_stages_cache_empties_it(client: Client, ask: Ask, api: str) -> None:
    first = ask("/cached/count?page=5")
    client("apigateway").flush_stage_cache(restApiId=api, stageName="cached")
    assert ask("/cached/count?page=5").json()["count"] > first.json()["count"]


def test_requests_errors_latency_and_cache_are_counted(client: Client, ask: Ask) -> None:
    for path in ("/v1/count", "/v1/nothing", "/v1/broken", "/cached/count?page=6", "/cached/count?page=6"):
        ask(path)
    cloudwatch = client("cloudwatch")

    def values(metric: str, statistic: str, **dimensions: str) -> list[float]:
        now = datetime.now(UTC)
        found = cloudwatch.get_metric_statistics(
            Namespace="AWS/ApiGateway", MetricName=metric, Statistics=[statistic], Period=60,
            Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
            StartTime=now - timedelta(minutes=10), EndTime=now + timedelta(minutes=2),
        )  # fmt: skip
        return [point[statistic] for point in found["Datapoints"]]

    cached, v1 = {"ApiName": "stages", "Stage": "cached"}, {"ApiName": "stages", "Stage": "v1"}
    wait_until(lambda: sum(values("Count", "Sum", **v1, Resource="/broken", Method="GET")) == 1)
    assert sum(values("CacheHitCount", "Sum", **cached)) >= 1
    assert sum(values("CacheMissCount", "Sum", **cached)) >= 1
    count = sum(values("Count", "Sum", **v1))
    assert sum(values("4XXError", "SampleCount", **v1)) == sum(values("5XXError", "SampleCount", **v1)) == count
    assert 0 < sum(values("4XXError", "Sum", **v1)) < count
    assert sum(values("5XXError", "Sum", **v1)) >= 1
    assert sum(values("Count", "Sum", ApiName="stages")) > count
    assert 0 < max(values("IntegrationLatency", "Maximum", **v1)) <= max(values("Latency", "Maximum", **v1))
    assert values("Count", "Sum", **cached, Resource="/count", Method="GET") == [], "no detailed metrics were asked for"


def test_the_web_acl_of_a_stage_stands_before_everything_else(client: Client, ask: Ask, api: str) -> None:
    waf = client("wafv2")
    addresses = waf.create_ip_set(
        Name="stage-swiss", Scope="REGIONAL", IPAddressVersion="IPV4", Addresses=[f"{SWISS}/32"]
    )["Summary"]["ARN"]  # fmt: skip
    visible = {"SampledRequestsEnabled": False, "CloudWatchMetricsEnabled": False, "MetricName": "x"}
    acl = waf.create_web_acl(
        Name="stage", Scope="REGIONAL", DefaultAction={"Allow": {}}, VisibilityConfig=visible,
        Rules=[{"Name": "swiss", "Priority": 0, "Action": {"Block": {}}, "VisibilityConfig": visible,
                "Statement": {"IPSetReferenceStatement": {"ARN": addresses}}}],
    )["Summary"]["ARN"]  # fmt: skip
    waf.associate_web_acl(
        WebACLArn=acl, ResourceArn=f"arn:aws:apigateway:{REGION}::/restapis/{api}/stages/v1"
    )  # fmt: skip
    before = ask("/v1/count").json()["count"]
    answer = ask("/v1/count", x_opsctl_viewer_address=SWISS)
    assert (answer.status, answer.json()) == (403, {"message": "Forbidden"})
    line = line_of(client, answer.headers["x-amzn-requestid"])
    assert (line["status"], line["type"], line["waf"]) == ("403", "WAF_FILTERED", "WAF_BLOCK")
    assert ask("/v1/nothing", x_opsctl_viewer_address=SWISS).json() == {"message": "Forbidden"}
    assert ask("/v1/count").json()["count"] == before + 1
