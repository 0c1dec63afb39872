"""The whole path to a row of MySQL, hop by hop: requests a second, p50 and p99, and each hop's share of the time.

    python -m benchmarks.path [--environment local] [--seconds 5]

The environment must be up, with instances that are healthy. One order is read again and again: from an instance
directly, through the load balancer, through the API (at its own host name, as CloudFront asks it) and through the edge
with TLS. One client gives the times, eight the rate. What a hop adds is its p50 less that of the hop behind it. Prints
one JSON document.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import os
import random
import ssl
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from opsctl.config import load_config
from opsctl.environments.environment import load_environment
from opsctl.environments.events import ignore
from opsctl.environments.outputs import read_outputs
from opsctl.environments.ports import connect
from opsctl.environments.secrets import origin_secret
from opsctl.smoke import SmokeTarget, orders
from opsctl.smoke.check import Trial, open_trial
from opsctl.smoke.guards import VIEWER_HEADER

CLIENTS = 8
VIEWER_NETWORKS = ("192.0.2", "198.51.100", "203.0.113")
"""Many viewers (RFC 5737), all from allowed countries: one alone would meet the firewall's rate rule at once."""


@dataclass(frozen=True)
class Hop:
    """A place to send the same request to. `connect` opens a connection; `headers` go with each request."""

    name: str
    connect: Callable[[], http.client.HTTPConnection]
    path: str
    headers: dict[str, str]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--environment", default="local")
    parser.add_argument("--seconds", type=float, default=5)
    arguments = parser.parse_args()
    config = load_config()
    ports = connect(config, load_environment(config, arguments.environment), on_event=ignore, start=False)
    target = SmokeTarget.of(ports.environment, ports.access, read_outputs(ports), aws=ports.aws)
    with open_trial(target, budget_seconds=600) as trial:
        order_id = orders.place(trial)["order_id"]
        trial.afterwards("the order", lambda: orders.remove(trial, order_id))
        running = ports.cloud.status().running
        assert running is not None
        signed_in = {"x-api-key": target.api_key, "Authorization": f"Bearer {trial.visitor.token}"}
        domain, api = target.output("edge.domain_name"), target.output("api.domain_name")
        tls = ssl.create_default_context(cafile=running.authority_file)
        with urllib.request.urlopen(f"{running.endpoint_url}/_opsctl/network") as answer:
            places = json.load(answer)
        listener, instance = (next(iter(places[kind].values())) for kind in ("listeners", "instances"))
        let_in(trial)
        lift_throttle(trial)
        hops = [
            Hop("the instance itself", lambda: plain(instance), f"/orders/{order_id}", {}),
            Hop("load balancer", lambda: plain(listener), f"/orders/{order_id}", {}),
            Hop("API Gateway, its firewall, authorizer and VPC link", lambda: plain(f"127.0.0.1:{running.port}"),
                f"/v1/orders/{order_id}",
                signed_in | {"Host": api, "x-origin-verify": origin_secret(ports.environment, ports.aws)}),
            Hop("CloudFront, its firewall and TLS", lambda: over_tls(running.edge_port, domain, tls),
                f"/v1/orders/{order_id}", signed_in | {"Host": domain}),
        ]  # fmt: skip
        measured = [measure(hop, arguments.seconds) for hop in hops]
    for behind, hop in itertools.pairwise(measured):
        hop["adds_ms"] = round(hop["p50_ms"] - behind["p50_ms"], 2)
    for hop in measured:
        hop["share"] = round(hop.get("adds_ms", hop["p50_ms"]) / measured[-1]["p50_ms"], 3)
    json.dump({"cpus": os.cpu_count(), "clients": CLIENTS, "hops": measured}, sys.stdout, indent=2)
    print()
    return 0


def rows(report: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """The figures as rows of the report: what, measured, goal."""
    for hop in report["hops"]:
        more = f", +{hop['adds_ms']} ms, {hop['share']:.0%} of the whole" if "adds_ms" in hop else ""
        yield (
            f"an order read through: {hop['hop']}",
            f"p50 {hop['p50_ms']} ms, p99 {hop['p99_ms']} ms{more}; {hop['requests_per_second']:.0f} a second"
            f" from {report['clients']} clients",
            "",
        )


def let_in(trial: Trial) -> None:
    """Allow ourselves to talk to the load balancer, whose security group lets nobody in but the VPC link."""
    [group] = trial.aws.call(
        "ec2", "describe_security_groups",
        Filters=[{"Name": "group-name", "Values": [f"{trial.target.prefix}-load-balancer"]}],
    )["SecurityGroups"]  # fmt: skip
    rule = {"IpProtocol": "tcp", "FromPort": 0, "ToPort": 65535, "IpRanges": [{"CidrIp": "127.0.0.0/8"}]}
    which = {"GroupId": group["GroupId"], "IpPermissions": [rule]}
    trial.aws.call("ec2", "authorize_security_group_ingress", **which)
    trial.afterwards("the rule", lambda: trial.aws.call("ec2", "revoke_security_group_ingress", **which))


def lift_throttle(trial: Trial) -> None:
    """Let the API take more than its 100 requests a second, for as long as we measure."""
    target = trial.target
    stage = {"restApiId": target.output("api.id"), "stageName": target.output("api.stage")}
    plan = {"usagePlanId": target.output("api.usage_plan_id")}
    of_stage = trial.aws.call("apigateway", "get_stage", **stage)["methodSettings"]["*/*"]
    of_plan = trial.aws.call("apigateway", "get_usage_plan", **plan)["throttle"]

    def put(stage_limits: tuple[float, int], plan_limits: tuple[float, int]) -> None:
        for operation, which, path, limits in (
            ("update_stage", stage, "/*/*/throttling", stage_limits),
            ("update_usage_plan", plan, "/throttle", plan_limits),
        ):
            changes = zip(("rateLimit", "burstLimit"), limits, strict=True)
            trial.aws.call(
                "apigateway", operation, **which,
                patchOperations=[
                    {"op": "replace", "path": f"{path}/{name}", "value": str(value)} for name, value in changes
                ],
            )  # fmt: skip

    kept = (
        (of_stage["throttlingRateLimit"], of_stage["throttlingBurstLimit"]),
        (of_plan["rateLimit"], of_plan["burstLimit"]),
    )
    trial.afterwards("the throttle", lambda: put(*kept))
    put((10_000, 5_000), (10_000, 5_000))


def measure(hop: Hop, seconds: float) -> dict[str, Any]:
    """p50 and p99 in ms of one client, and requests a second of `CLIENTS`."""
    client(hop, min(1.0, seconds))  # warm
    alone = sorted(client(hop, seconds))
    begun = time.monotonic()
    with ThreadPoolExecutor(CLIENTS) as pool:
        many = list(pool.map(lambda _: client(hop, seconds), range(CLIENTS)))
    rate = sum(map(len, many)) / (time.monotonic() - begun)
    together = sorted(time for times in many for time in times)
    return {
        "hop": hop.name,
        "p50_ms": round(at(alone, 0.5), 2), "p99_ms": round(at(alone, 0.99), 2),
        "requests_per_second": round(rate, 1), "p99_ms_together": round(at(together, 0.99), 2),
    }  # fmt: skip


def client(hop: Hop, seconds: float) -> list[float]:
    """Milliseconds of each request of one client, which keeps its connection."""
    connection = hop.connect()
    times: list[float] = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        begun = time.perf_counter()
        viewer = f"{random.choice(VIEWER_NETWORKS)}.{random.randint(1, 120)}"
        connection.request("GET", hop.path, headers=hop.headers | {"User-Agent": "benchmark", VIEWER_HEADER: viewer})
        answer = connection.getresponse()
        body = answer.read()
        times.append((time.perf_counter() - begun) * 1000)
        if answer.status != 200:
            raise SystemExit(f"{hop.name}: {answer.status} {body[:200]!r}")
    connection.close()
    return times


def at(times: list[float], share: float) -> float:
    return times[min(len(times) - 1, int(len(times) * share))]


def plain(place: str) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(place, timeout=30)


class EdgeConnection(http.client.HTTPSConnection):
    """TLS to the local edge under the environment's name."""

    def __init__(self, port: int, domain: str, context: ssl.SSLContext) -> None:
        super().__init__("127.0.0.1", port, timeout=30, context=context)
        self._domain, self._tls = domain, context

    def connect(self) -> None:
        http.client.HTTPConnection.connect(self)
        self.sock = self._tls.wrap_socket(self.sock, server_hostname=self._domain)


def over_tls(port: int, domain: str, context: ssl.SSLContext) -> http.client.HTTPConnection:
    return EdgeConnection(port, domain, context)


if __name__ == "__main__":
    raise SystemExit(main())
