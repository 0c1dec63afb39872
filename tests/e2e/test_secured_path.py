"""Bad input on the real stack: what AWS would answer, what is counted, what is in the logs."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from opsctl.auth import SignInRefused, sign_in
from opsctl.smoke import SmokeTarget, guards, orders, photos
from opsctl.smoke.check import Trial
from opsctl.smoke.edge import Answer, Edge
from tests.e2e.project import Project, healthy, wait_for

SQL = guards.SQL_INJECTIONS["SQL in the query"].path


def logged(target: SmokeTarget, group: str, request_id: str, region: str | None = None) -> dict[str, Any]:
    """The JSON line of a log group that holds a request id; waits for it."""

    def look() -> dict[str, Any] | None:
        events = target.aws.call(
            "logs", "filter_log_events", region=region, logGroupName=group, filterPattern=f'"{request_id}"'
        )["events"]
        return json.loads(events[0]["message"]) if events else None

    found: dict[str, Any] = wait_for(look, seconds=20, what=f"{request_id} in {group}")
    return found


def total(target: SmokeTarget, namespace: str, metric: str, region: str | None = None, **dimensions: str) -> float:
    """The sum of a metric over the last half hour."""
    now = datetime.now(UTC)
    points = target.aws.call(
        "cloudwatch", "get_metric_statistics", region=region, Namespace=namespace, MetricName=metric,
        Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
        StartTime=now - timedelta(minutes=30), EndTime=now + timedelta(minutes=2), Period=60, Statistics=["Sum"],
    )["Datapoints"]  # fmt: skip
    return float(sum(point["Sum"] for point in points))


def web_acl_name(target: SmokeTarget) -> str:
    return str(target.output("edge.web_acl_arn").split("/")[2])


@pytest.mark.parametrize(
    ("send", "status"),
    [
        pytest.param(lambda t: t.get(SQL), 403, id="SQL in a query string"),
        pytest.param(lambda t: t.get(guards.SQL_INJECTIONS["SQL encoded twice"].path), 403, id="encoded twice"),
        pytest.param(
            lambda t: orders.send(t, "POST", "/v1/orders", {"customer": "<script>alert(1)</script>", "items": []}),
            403, id="script in a body",
        ),
        pytest.param(
            lambda t: orders.send(t, "POST", "/v1/orders", {"customer": "x" * 20_000, "items": []}),
            413, id="an oversize body",
        ),
        pytest.param(lambda t: t.request("DELETE", "/v1/photos"), 404, id="a wrong method"),
        pytest.param(lambda t: t.get("/v1/nothing/here"), 404, id="an unknown path"),
        pytest.param(lambda t: t.get("/v1/orders", token=""), 401, id="no token"),
        pytest.param(lambda t: t.get("/v1/orders", token=guards.changed(t.visitor.token)), 401, id="a forged token"),
        pytest.param(lambda t: t.get("/v1/orders", token=guards.unsigned(t.visitor.token)), 401, id="alg none"),
        pytest.param(lambda t: t.get("/v1/orders", api_key="0" * 40), 403, id="a wrong key"),
        pytest.param(lambda t: t.get("/v1/orders", api_key=""), 403, id="no key"),
        pytest.param(
            lambda t: t.request("POST", "/v1/orders", body=b"{", content_type="application/json"), 400, id="no JSON"
        ),
        pytest.param(lambda t: orders.send(t, "POST", "/v1/orders", {"customer": "", "items": []}), 422, id="no items"),
        pytest.param(
            lambda t: t.get("/v1/health", token="", headers={guards.VIEWER_HEADER: guards.BLOCKED_VIEWER}), 403,
            id="a blocked country",
        ),
        pytest.param(
            lambda t: t.get("/v1/health", token="", headers={"X-Http-Method-Override": "DELETE"}), 403,
            id="a header that would change the method",
        ),
    ],
)  # fmt: skip
def test_bad_input_gets_the_answer_of_aws_and_nothing_of_the_inside(
    trial: Trial, send: Callable[[Trial], Answer], status: int
) -> None:
    answer = send(trial)
    assert answer.status == status, str(answer)
    text = answer.body.decode("utf-8", "replace")
    assert not any(word in text for word in ("Traceback", "Exception", "at java.", "SQLException", "ministack"))


def test_what_the_firewall_stops_is_counted_by_rule_and_logged_with_its_request_id(
    target: SmokeTarget, trial: Trial
) -> None:
    dimensions = {"region": "us-east-1", "WebACL": web_acl_name(target)}
    before = total(target, "AWS/WAFV2", "BlockedRequests", Rule="sql-injection", **dimensions)
    answer = trial.get(SQL)
    line = logged(target, f"aws-waf-logs-{target.prefix}-edge", answer.headers["x-amz-cf-id"], "us-east-1")
    assert (line["action"], line["terminatingRuleId"]) == ("BLOCK", "sql-injection")
    assert line["httpRequest"]["uri"] == "/v1/orders"
    assert target.api_key not in json.dumps(line)
    assert trial.visitor.token not in json.dumps(line)
    wait_for(
        lambda: total(target, "AWS/WAFV2", "BlockedRequests", Rule="sql-injection", **dimensions) > before,
        seconds=20, what="the blocked request in the metric",
    )  # fmt: skip


def test_what_the_api_refuses_is_counted_and_logged_with_the_id_that_the_client_was_given(
    target: SmokeTarget, trial: Trial
) -> None:
    api = {"ApiName": f"{target.prefix}-api", "Stage": "v1"}
    before = total(target, "AWS/ApiGateway", "4XXError", **api)
    answer = trial.get("/v1/orders", token="")
    line = logged(target, f"/aws/apigateway/{target.prefix}-api/access", answer.json()["request_id"])
    assert (line["status"], line["http_method"], line["resource_path"]) == ("401", "GET", "/orders")
    wait_for(lambda: total(target, "AWS/ApiGateway", "4XXError", **api) > before, seconds=20, what="the 401 counted")


def test_an_order_can_be_followed_from_the_edge_into_the_log_of_the_java_service(
    target: SmokeTarget, trial: Trial
) -> None:
    answer = trial.get("/v1/orders?limit=1")
    request_id = answer.headers["x-amzn-requestid"]
    assert logged(target, f"/aws/apigateway/{target.prefix}-api/access", request_id)["status"] == "200"
    assert logged(target, f"/{target.prefix}/service", request_id)["path"] == "/orders"


def test_every_hop_of_the_path_publishes_its_metric(target: SmokeTarget, trial: Trial) -> None:
    assert trial.get("/v1/orders?limit=1").status == 200
    elb = {
        "LoadBalancer": target.output("service.load_balancer_arn_suffix"),
        "TargetGroup": target.output("service.target_group_arn_suffix"),
    }
    wanted = {
        "the edge": ("AWS/CloudFront", "Requests", "us-east-1",
                     {"DistributionId": target.output("edge.distribution_id"), "Region": "Global"}),
        "the firewall": ("AWS/WAFV2", "AllowedRequests", "us-east-1", {"WebACL": web_acl_name(target), "Rule": "ALL"}),
        "the API": ("AWS/ApiGateway", "Count", None, {"ApiName": f"{target.prefix}-api", "Stage": "v1"}),
        "the load balancer": ("AWS/NetworkELB", "NewFlowCount", None, {"LoadBalancer": elb["LoadBalancer"]}),
        "the target group": ("AWS/NetworkELB", "HealthyHostCount", None, elb),
        "the instances": ("AWS/EC2", "CPUUtilization", None,
                          {"AutoScalingGroupName": target.output("service.autoscaling_group")}),
        "the database": ("AWS/RDS", "DatabaseConnections", None,
                         {"DBInstanceIdentifier": target.output("database.identifier")}),
    }  # fmt: skip
    for name, (namespace, metric, region, dimensions) in wanted.items():
        wait_for(
            lambda found=(namespace, metric, region), where=dimensions: total(target, *found, **where) > 0,
            seconds=75, what=f"{metric} of {name}",
        )  # fmt: skip


def test_a_photo_that_is_asked_for_again_comes_out_of_the_edge_cache(target: SmokeTarget, trial: Trial) -> None:
    photo_id = photos.send(trial, photos.photo())
    photos.wait_until_ready(trial, photo_id)
    first, second = (trial.get(f"/thumbnails/{photo_id}.jpg", token="", api_key="") for _ in range(2))
    assert (first.status, first.headers["x-cache"]) == (200, "Miss from cloudfront")
    assert (second.status, second.headers["x-cache"]) == (200, "Hit from cloudfront")
    assert second.body == first.body


def test_the_stage_caches_the_keys_of_the_auth_service_as_configured(target: SmokeTarget, trial: Trial) -> None:
    api = {"ApiName": f"{target.prefix}-api", "Stage": "v1"}
    for _ in range(3):
        answer = trial.get("/v1/auth/jwks", token="", api_key="")
        assert answer.status == 200
        assert answer.json()["keys"]
    wait_for(lambda: total(target, "AWS/ApiGateway", "CacheHitCount", **api) >= 1, seconds=20, what="a cache hit")


def test_plain_http_is_sent_to_https_and_old_tls_is_refused(stack: Project, target: SmokeTarget) -> None:
    status = stack.json("local", "status")
    with socket.create_connection(("127.0.0.1", status["port"]), timeout=10) as plain:
        host = target.output("edge.domain_name")
        plain.sendall(f"GET /page HTTP/1.1\r\nHost: {host}\r\nUser-Agent: test\r\nAccept: */*\r\n\r\n".encode())
        answer = plain.recv(4096).decode()
    assert answer.startswith("HTTP/1.1 301")
    assert f"https://{target.output('edge.domain_name')}" in answer
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    with (
        socket.create_connection(("127.0.0.1", status["edge_port"]), timeout=10) as raw,
        pytest.raises((ssl.SSLError, ConnectionError)),
    ):
        old.wrap_socket(raw, server_hostname=target.output("edge.domain_name"))


def test_instances_are_private_and_the_database_answers_only_the_service(target: SmokeTarget) -> None:
    [group] = target.aws.call(
        "autoscaling", "describe_auto_scaling_groups",
        AutoScalingGroupNames=[target.output("service.autoscaling_group")],
    )["AutoScalingGroups"]  # fmt: skip
    ids = [instance["InstanceId"] for instance in group["Instances"]]
    for reservation in target.aws.call("ec2", "describe_instances", InstanceIds=ids)["Reservations"]:
        for instance in reservation["Instances"]:
            assert "PublicIpAddress" not in instance
    place = (target.output("database.address"), target.output("database.port"))
    with contextlib.suppress(ConnectionError), socket.create_connection(place, timeout=10) as stranger:
        assert stranger.recv(1) == b"", "a stranger was greeted by the database"


def test_the_firewall_says_which_rule_would_act_and_exits_3_when_it_is_another_than_expected(
    stack: Project, tmp_path: Path
) -> None:
    requests = tmp_path / "requests.jsonl"
    lines = [
        {"path": "/v1/orders?limit=1", "expect": "allow"},
        {"path": SQL, "expect": "block:sql-injection"},
        {"path": "/v1/health", "headers": {"x-original-url": "/admin"}, "expect": "block:override-headers"},
    ]
    requests.write_text("".join(json.dumps(line) + "\n" for line in lines))
    said = stack.json("waf", "test", "local", "--requests", str(requests))
    assert "sql-injection" in json.dumps(said)
    requests.write_text(json.dumps({"path": SQL, "expect": "allow"}) + "\n")
    stack.opsctl("waf", "test", "local", "--requests", str(requests), status=3)


def test_a_user_that_the_command_made_can_sign_in_until_the_command_removes_them(
    stack: Project, target: SmokeTarget
) -> None:
    made = stack.opsctl("user", "add", "local", "ada", "--scope", "orders:read")
    password = made.stdout.strip()
    assert password not in made.stderr
    assert [user["username"] for user in stack.json("user", "list", "local")] == ["ada"]
    edge = Edge.of(target)
    assert sign_in(edge, "ada", password).count(".") == 2
    stack.opsctl("user", "remove", "local", "ada", "--yes")
    with pytest.raises(SignInRefused):
        sign_in(edge, "ada", password)


def test_without_its_security_group_rule_nobody_new_reaches_the_service_and_with_it_all_is_well_again(
    stack: Project, target: SmokeTarget
) -> None:
    """The rule is moved to another port and back: taken away and made anew, it would be another one for Terraform."""
    [group] = target.aws.call(
        "ec2", "describe_security_groups", Filters=[{"Name": "group-name", "Values": [f"{target.prefix}-service"]}]
    )["SecurityGroups"]
    [rule] = [
        rule
        for rule in target.aws.call(
            "ec2", "describe_security_group_rules", Filters=[{"Name": "group-id", "Values": [group["GroupId"]]}]
        )["SecurityGroupRules"]
        if not rule["IsEgress"]
    ]

    def move_to(port: int) -> None:
        moved = {
            "IpProtocol": "tcp", "FromPort": port, "ToPort": port, "Description": rule["Description"],
            "ReferencedGroupId": rule["ReferencedGroupInfo"]["GroupId"],
        }  # fmt: skip
        target.aws.call(
            "ec2", "modify_security_group_rules", GroupId=group["GroupId"],
            SecurityGroupRules=[{"SecurityGroupRuleId": rule["SecurityGroupRuleId"], "SecurityGroupRule": moved}],
        )  # fmt: skip

    move_to(1)
    try:
        wait_for(lambda: not healthy(target), what="health checks that are refused")
    finally:
        move_to(rule["FromPort"])
    wait_for(lambda: len(healthy(target)) == 2, what="two healthy instances")
    assert stack.opsctl("smoke", "local", "--only", "order-path").returncode == 0
