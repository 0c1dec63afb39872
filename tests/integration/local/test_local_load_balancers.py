"""Network Load Balancers and VPC links carry real traffic, as far as health and security groups let it."""

from __future__ import annotations

import http.client
import json
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import Message
from typing import Any

import pytest
from local_clouds import REGION, Client
from services import PORT, Stack, build_stack, private_api, rule, service_jar, wait_until

from opsctl.local import Running

PNG = bytes(range(256))


@pytest.fixture(scope="module")
def stack(client: Client, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Two healthy instances without a group that would replace them."""
    made = build_stack(client, "balancers", service_jar(tmp_path_factory.mktemp("service")))
    template = made.launch_template()
    for subnet in made.subnets:
        launched = client("ec2").run_instances(
            MinCount=1, MaxCount=1, SubnetId=subnet, LaunchTemplate={"LaunchTemplateId": template, "Version": "1"}
        )
        target = {"Id": launched["Instances"][0]["InstanceId"]}
        client("elbv2").register_targets(TargetGroupArn=made.target_group_arn, Targets=[target])
    wait_until(made.healthy(2))
    instances = list(made.health())
    yield made
    client("ec2").terminate_instances(InstanceIds=instances)
    made.remove()


@pytest.fixture(scope="module")
def api(stack: Stack) -> tuple[str, str]:
    """Ids of a REST API before the load balancer and of its VPC link."""
    return private_api(stack)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Message
    body: bytes

    @property
    def seen(self) -> list[str]:
        """What the service saw: the request line, then headers."""
        return self.body.decode().splitlines()


def send(
    running: Running, api_id: str, path: str = "/x", *, method: str = "GET", body: bytes | None = None, **headers: str
) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=30)
    host = {"Host": f"{api_id}.execute-api.{REGION}.amazonaws.com"}
    connection.request(
        method, f"/v1{path}", body, host | {name.replace("_", "-"): one for name, one in headers.items()}
    )
    answer = connection.getresponse()
    found = Answer(answer.status, answer.headers, answer.read())
    connection.close()
    return found


def places(running: Running) -> Any:
    with urllib.request.urlopen(f"{running.endpoint_url}/_opsctl/network") as answer:
        return json.load(answer)


def instance_ports(running: Running, stack: Stack) -> list[int]:
    return [int(places(running)["instances"][f"{one}:{PORT}"].rpartition(":")[2]) for one in stack.health()]


def get(port: int, path: str) -> None:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10):
        pass


def connect(running: Running, stack: Stack) -> int:
    """Ask the load balancer as any process of this machine can: past the VPC link."""
    port = int(places(running)["listeners"][f"{stack.balancer_host.lower()}:{PORT}"].rpartition(":")[2])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/")
    return connection.getresponse().status


def test_a_request_arrives_through_the_link_as_it_was_sent(
    running: Running, stack: Stack, api: tuple[str, str]
) -> None:
    answer = send(
        running, api[0], "/a%20b/%C3%BC/c?tag=1&tag=2&q=%26", method="PUT", body=b"{}", Content_Type="application/json",
        X_Custom="yes", X_Request_Id="forged", Connection="close, X-Hop", X_Hop="1",
    )  # fmt: skip
    assert answer.status == 200
    assert answer.seen[0] == "PUT /a%20b/%C3%BC/c?tag=1&tag=2&q=%26"
    headers = dict(line.lower().split("=", 1) for line in answer.seen[1:])
    assert headers["x-custom"] == "[yes]"
    assert headers["host"] == f"[{stack.balancer_host}:{PORT}]".lower()
    assert headers["x-request-id"] == f"[{answer.headers['x-amzn-requestid']}]"
    assert "x-hop" not in headers
    assert answer.headers.get_all("Set-Cookie") == ["a=1", "b=2"]
    assert answer.headers["x-amzn-Remapped-Date"]


def test_bytes_of_a_binary_type_arrive_untouched_both_ways(running: Running, api: tuple[str, str]) -> None:
    answer = send(running, api[0], "/echo", method="POST", body=PNG, Content_Type="image/png", Accept="image/png")
    assert (answer.status, answer.body, answer.headers["Content-Type"]) == (200, PNG, "image/png")


def test_connections_go_to_all_healthy_targets(running: Running, stack: Stack) -> None:
    listener = places(running)["listeners"][f"{stack.balancer_host.lower()}:{PORT}"]
    open_to_all(stack)
    try:
        ports = set()
        for _ in range(4):
            with urllib.request.urlopen(f"http://{listener}/") as answer:
                ports.add(int(answer.headers["X-Instance-Port"]))
        assert ports == set(instance_ports(running, stack))
    finally:
        open_to_all(stack, revoke=True)


def open_to_all(stack: Stack, *, revoke: bool = False) -> None:
    ec2 = stack.client("ec2")
    change = ec2.revoke_security_group_ingress if revoke else ec2.authorize_security_group_ingress
    anybody = {"IpProtocol": "tcp", "FromPort": PORT, "ToPort": PORT, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    change(GroupId=stack.balancer_group, IpPermissions=[anybody])


def test_nobody_else_reaches_the_load_balancer_without_a_rule(running: Running, stack: Stack) -> None:
    with pytest.raises(ConnectionResetError):
        connect(running, stack)
    open_to_all(stack)
    assert connect(running, stack) == 200
    open_to_all(stack, revoke=True)
    with pytest.raises(ConnectionResetError):
        connect(running, stack)


@pytest.mark.parametrize("side", ["balancer", "service"])
def test_a_revoked_rule_between_load_balancer_and_service_refuses_new_connections(
    client: Client, running: Running, stack: Stack, api: tuple[str, str], side: str
) -> None:
    ec2 = client("ec2")
    group, permissions = {
        "balancer": (stack.balancer_group, [rule(stack.service_group)]),
        "service": (stack.service_group, [rule(stack.balancer_group)]),
    }[side]
    revoke, authorize = {
        "balancer": (ec2.revoke_security_group_egress, ec2.authorize_security_group_egress),
        "service": (ec2.revoke_security_group_ingress, ec2.authorize_security_group_ingress),
    }[side]
    assert send(running, api[0]).status == 200
    revoke(GroupId=group, IpPermissions=permissions)
    try:
        # Health checks don't come through either.
        wait_until(lambda: set(stack.health().values()) == {"unhealthy"})
        let_go_of_idle_connections(client, stack)
        wait_until(lambda: send(running, api[0]).status == 504)
    finally:
        authorize(GroupId=group, IpPermissions=permissions)
    assert send(running, api[0]).status == 200
    wait_until(stack.healthy(2))


def test_the_load_balancers_rules_hold_for_the_link_only_where_that_is_said(
    client: Client, running: Running, stack: Stack, api: tuple[str, str]
) -> None:
    def enforce(setting: str) -> None:
        client("elbv2").set_security_groups(
            LoadBalancerArn=stack.balancer_arn, SecurityGroups=[stack.balancer_group],
            EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic=setting,
        )  # fmt: skip

    assert send(running, api[0]).status == 200
    enforce("on")
    try:
        let_go_of_idle_connections(client, stack)
        assert send(running, api[0]).status == 504
        open_to_all(stack)
        assert send(running, api[0]).status == 200
    finally:
        open_to_all(stack, revoke=True)
        enforce("off")
    wait_until(stack.healthy(2))
    assert send(running, api[0]).status == 200


def let_go_of_idle_connections(client: Client, stack: Stack) -> None:
    """Take a target out and in again: when one leaves, the link closes what is idle."""
    target = [{"Id": next(iter(stack.health())), "Port": PORT}]
    client("elbv2").deregister_targets(TargetGroupArn=stack.target_group_arn, Targets=target)
    wait_until(lambda: len(stack.health()) == 1)
    client("elbv2").register_targets(TargetGroupArn=stack.target_group_arn, Targets=target)


def test_where_all_targets_fail_their_checks_all_of_them_are_asked(
    running: Running, stack: Stack, api: tuple[str, str]
) -> None:
    ports = instance_ports(running, stack)
    get(ports[0], "/break")
    wait_until(lambda: sorted(stack.health().values()) == ["healthy", "unhealthy"])
    assert {send(running, api[0]).headers["X-Instance-Port"] for _ in range(4)} == {str(ports[1])}
    get(ports[1], "/break")
    wait_until(lambda: set(stack.health().values()) == {"unhealthy"})
    assert send(running, api[0]).status == 200
    for port in ports:
        get(port, "/mend")
    wait_until(stack.healthy(2))


def test_at_the_end_of_the_deregistration_delay_connections_are_ended(
    client: Client, running: Running, stack: Stack, api: tuple[str, str]
) -> None:
    def delay(seconds: int) -> None:
        attribute = {"Key": "deregistration_delay.timeout_seconds", "Value": str(seconds)}
        client("elbv2").modify_target_group_attributes(TargetGroupArn=stack.target_group_arn, Attributes=[attribute])

    targets = [{"Id": one} for one in stack.health()]
    delay(1)
    with ThreadPoolExecutor(1) as pool:
        pending = pool.submit(send, running, api[0], "/gate", method="POST")
        wait_until(lambda: "1" in [waiting(port) for port in instance_ports(running, stack)])
        client("elbv2").deregister_targets(TargetGroupArn=stack.target_group_arn, Targets=targets)
        assert json.loads(pending.result().body) == {"message": "Network error communicating with endpoint"}
    client("elbv2").register_targets(TargetGroupArn=stack.target_group_arn, Targets=targets)
    delay(30)
    wait_until(stack.healthy(2))


def waiting(port: int) -> str:
    """How many requests of an instance wait at its gate."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as answer:
        return str(answer.headers["X-Waiting"])


def test_a_slow_service_is_given_up_after_the_integrations_time(
    client: Client, running: Running, stack: Stack, api: tuple[str, str]
) -> None:
    gateway = client("apigateway")
    resource = next(one for one in gateway.get_resources(restApiId=api[0])["items"] if one["path"] == "/{proxy+}")
    place = {"restApiId": api[0], "resourceId": resource["id"], "httpMethod": "ANY"}

    def limit(milliseconds: int) -> None:
        change = {"op": "replace", "path": "/timeoutInMillis", "value": str(milliseconds)}
        gateway.update_integration(**place, patchOperations=[change])

    limit(300)
    answer = send(running, api[0], "/gate")
    assert (answer.status, json.loads(answer.body)) == (504, {"message": "Endpoint request timed out"})
    limit(29000)
    for port in instance_ports(running, stack):
        get(port, "/open")


def test_a_connection_that_dies_is_an_error_and_no_second_post(
    client: Client, running: Running, stack: Stack, api: tuple[str, str]
) -> None:
    assert send(running, api[0]).status == 200  # a connection stands
    answer = send(running, api[0], "/hang-up", method="POST", body=b"once")
    assert (answer.status, json.loads(answer.body)) == (504, {"message": "Network error communicating with endpoint"})

    def hung_up() -> int:
        events = client("logs").filter_log_events(logGroupName=f"/{stack.name}/service")["events"]
        return sum(event["message"] == "hung up" for event in events)

    wait_until(hung_up)
    assert send(running, api[0]).status == 200
    assert hung_up() == 1


def test_without_a_link_or_behind_one_that_is_gone_there_is_no_way_in(
    client: Client, running: Running, stack: Stack
) -> None:
    error = (500, {"message": "Internal server error"})
    plain, _ = private_api(stack, link="none", connected=False)
    answer = send(running, plain)
    assert (answer.status, json.loads(answer.body)) == error
    linked, link = private_api(stack)
    assert send(running, linked).status == 200
    client("apigateway").delete_vpc_link(vpcLinkId=link)
    answer = send(running, linked)
    assert (answer.status, json.loads(answer.body)) == error


def test_cloudwatch_knows_the_hosts_and_the_flows(client: Client, stack: Stack) -> None:
    def latest(name: str, statistic: str, **dimensions: str) -> float | None:
        found = client("cloudwatch").get_metric_statistics(
            Namespace="AWS/NetworkELB", MetricName=name, Statistics=[statistic], Period=60,
            StartTime=datetime.now(UTC) - timedelta(minutes=10), EndTime=datetime.now(UTC) + timedelta(minutes=1),
            Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
        )["Datapoints"]  # fmt: skip
        return float(max(found, key=lambda one: one["Timestamp"])[statistic]) if found else None

    balancer = stack.balancer_arn.partition(":loadbalancer/")[2]
    group = stack.target_group_arn.rpartition(":")[2]
    wait_until(stack.healthy(2))
    wait_until(lambda: latest("HealthyHostCount", "Maximum", TargetGroup=group, LoadBalancer=balancer) == 2)
    assert latest("UnHealthyHostCount", "Minimum", TargetGroup=group, LoadBalancer=balancer) == 0
    wait_until(lambda: latest("NewFlowCount", "Sum", LoadBalancer=balancer) is not None)
    assert (latest("ProcessedBytes", "Sum", LoadBalancer=balancer) or 0) >= 0


def test_a_load_balancer_without_targets_and_one_that_was_deleted_answer_as_aws(
    client: Client, running: Running, stack: Stack, api: tuple[str, str]
) -> None:
    elb = client("elbv2")
    elb.deregister_targets(TargetGroupArn=stack.target_group_arn, Targets=[{"Id": one} for one in stack.health()])
    wait_until(lambda: not stack.health())
    answer = send(running, api[0])
    assert (answer.status, json.loads(answer.body)) == (504, {"message": "Network error communicating with endpoint"})
    elb.delete_load_balancer(LoadBalancerArn=stack.balancer_arn)
    wait_until(lambda: f"{stack.balancer_host.lower()}:{PORT}" not in places(running)["listeners"])
    assert send(running, api[0]).status == 500
