"""What our own layers add to the emulator's time: the same request to a cloud with and without them, side by side.

    python -m benchmarks.layers [--requests 1500]

A mock method of a REST API, asked at its own host name and through a distribution, over kept connections. One cloud
has everything (firewall with a web ACL, caches, metrics, logs); the other is MiniStack with the gaps that it needs to
answer at all. Rounds alternate, so that a busy machine is busy for both. Prints one JSON document: p50 in ms, and what
is added.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

from opsctl.aws import Access, Aws
from opsctl.local import LocalCloud

ACCOUNT, REGION = "111122223333", "eu-central-1"
OURS = "edge,stages,web_acls,waf_logging,vpc_links,instances,load_balancers,databases,authorizers"
ROUNDS = 6


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--requests", type=int, default=1500, help="of each kind to each cloud")
    arguments = parser.parse_args()
    print(json.dumps(measure(arguments.requests), indent=2), file=sys.stdout)
    return 0


def measure(requests: int) -> dict[str, Any]:
    with cloud("") as ours, cloud(OURS) as alone:
        hosts = {name: prepare(aws, protect=name == "ours") for name, aws in (("ours", ours), ("alone", alone))}
        clouds = {"ours": ours, "alone": alone}
        times: dict[tuple[str, str], list[float]] = {}
        for _ in range(ROUNDS + 1):
            for name, aws in clouds.items():
                for kind, host in hosts[name].items():
                    times.setdefault((name, kind), []).extend(ask(aws, host, requests // ROUNDS))
        # The first round warms up.
        p50 = {key: statistics.median(values[requests // ROUNDS :]) for key, values in times.items()}
    return {
        kind: {
            "emulator_p50_ms": round(p50["alone", kind], 2),
            "with_our_layers_p50_ms": round(p50["ours", kind], 2),
            "added_ms": round(p50["ours", kind] - p50["alone", kind], 2),
        }
        for kind in hosts["ours"]
    }


def rows(report: Mapping[str, Mapping[str, float]]) -> Iterator[tuple[str, str, str]]:
    """The figures as rows of the report: what, measured, goal."""
    for kind, found in report.items():
        yield (
            f"our layers in {kind}, beside the emulator alone",
            f"p50 {found['with_our_layers_p50_ms']} ms beside {found['emulator_p50_ms']} ms: +{found['added_ms']} ms",
            "≤ 15 % or ≤ 2 ms",
        )


@contextlib.contextmanager
def cloud(without: str) -> Iterator[Aws]:
    settings = mock.patch.dict(os.environ, OPSCTL_LOCAL_WITHOUT_GAPS=without, OPSCTL_LOCAL_PORT="0")
    with tempfile.TemporaryDirectory(prefix="opsctl-layers-") as folder, settings:
        local = LocalCloud(Path(folder), ACCOUNT, REGION)
        running = local.start()
        try:
            yield Aws(Access(REGION, ACCOUNT, running.endpoint_url))
        finally:
            local.stop()


def prepare(aws: Aws, *, protect: bool) -> dict[str, str]:
    """An API with a mock method and a distribution before it; gives the host name of each."""
    api = aws.call("apigateway", "create_rest_api", name="layers")
    where = {"restApiId": api["id"], "resourceId": api["rootResourceId"], "httpMethod": "GET"}
    aws.call("apigateway", "put_method", **where, authorizationType="NONE")
    aws.call(
        "apigateway",
        "put_integration",
        **where,
        type="MOCK",
        requestTemplates={"application/json": '{"statusCode":200}'},
    )
    aws.call("apigateway", "put_method_response", **where, statusCode="200")
    aws.call(
        "apigateway", "put_integration_response", **where, statusCode="200",
        responseTemplates={"application/json": '{"status":"ok"}'},
    )  # fmt: skip
    aws.call("apigateway", "create_deployment", restApiId=api["id"], stageName="v1")
    domain = f"{api['id']}.execute-api.{REGION}.amazonaws.com"
    acl = web_acl(aws) if protect else ""
    distribution = aws.call(
        "cloudfront", "create_distribution", region="us-east-1",
        DistributionConfig={
            "CallerReference": "layers", "Comment": "", "Enabled": True, "WebACLId": acl,
            "Origins": {"Quantity": 1, "Items": [{
                "Id": "api", "DomainName": domain,
                "CustomOriginConfig": {"HTTPPort": 80, "HTTPSPort": 443, "OriginProtocolPolicy": "https-only"},
            }]},
            "DefaultCacheBehavior": {
                "TargetOriginId": "api", "ViewerProtocolPolicy": "allow-all",
                "CachePolicyId": "4135ea2d-6df8-44a3-9df3-4b5a84be39ad",  # CachingDisabled
            },
        },
    )["Distribution"]  # fmt: skip
    return {"API Gateway": domain, "CloudFront and API Gateway": distribution["DomainName"]}


def web_acl(aws: Aws) -> str:
    """A web ACL with the two rules that look at everything, without the managed groups: benchmarks/waf.py has those."""

    def seen(name: str) -> dict[str, Any]:
        return {"SampledRequestsEnabled": True, "CloudWatchMetricsEnabled": True, "MetricName": name}

    rules = [
        {
            "Name": kind, "Priority": priority, "Action": {"Block": {}}, "VisibilityConfig": seen(kind),
            "Statement": {f"{kind}MatchStatement": {
                "FieldToMatch": {"AllQueryArguments": {}},
                "TextTransformations": [{"Priority": 0, "Type": "URL_DECODE"}],
            }},
        }
        for priority, kind in enumerate(("Sqli", "Xss"))
    ]  # fmt: skip
    made = aws.call(
        "wafv2", "create_web_acl", region="us-east-1", Name="layers", Scope="CLOUDFRONT", DefaultAction={"Allow": {}},
        Rules=rules, VisibilityConfig=seen("layers"),
    )  # fmt: skip
    return str(made["Summary"]["ARN"])


def ask(aws: Aws, host: str, count: int) -> list[float]:
    """Milliseconds of each of `count` requests over one connection."""
    assert aws.access.endpoint_url is not None
    connection = http.client.HTTPConnection(aws.access.endpoint_url.removeprefix("http://"), timeout=30)
    path = "/v1/?limit=10" if "execute-api" not in host else "/v1/"
    times = []
    for _ in range(count):
        begun = time.perf_counter()
        connection.request("GET", path, headers={"Host": host, "User-Agent": "benchmark", "X-Forwarded-Proto": "https"})
        answer = connection.getresponse()
        body = answer.read()
        times.append((time.perf_counter() - begun) * 1000)
        if answer.status != 200:
            raise SystemExit(f"{host}: {answer.status} {body[:200]!r}")
    connection.close()
    return times


if __name__ == "__main__":
    raise SystemExit(main())
