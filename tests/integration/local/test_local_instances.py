"""Instances are processes: started from launch data, watched, replaced, drained and ended."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import signal
import socket
import threading
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from local_clouds import ACCOUNT, REGION, Client, client_of, processes_of
from services import PORT, Stack, build_stack, service_jar, user_data, wait_until

from opsctl.local import LocalCloud, Running


@pytest.fixture(scope="module")
def jar(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return service_jar(tmp_path_factory.mktemp("service"))


@pytest.fixture(scope="module")
def stack(client: Client, jar: bytes) -> Iterator[Stack]:
    """A group of two, healthy; anybody may connect to its load balancer."""
    made = build_stack(client, "instances", jar)
    anybody = {"IpProtocol": "tcp", "FromPort": PORT, "ToPort": PORT, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    client("ec2").authorize_security_group_ingress(GroupId=made.balancer_group, IpPermissions=[anybody])
    made.group(made.launch_template(), 2)
    wait_until(made.healthy(2))
    yield made
    made.remove()


@pytest.fixture(autouse=True)
def two_healthy(request: pytest.FixtureRequest) -> None:
    """Each test of the group begins with two instances, whatever the one before did."""
    if "stack" in request.fixturenames:
        stack: Stack = request.getfixturevalue("stack")
        stack.client("autoscaling").update_auto_scaling_group(
            AutoScalingGroupName=stack.name, MinSize=2, DesiredCapacity=2
        )
        wait_until(lambda: len(stack.described()["Instances"]) == 2 and stack.healthy(2)())


def places(running: Running) -> Any:
    with urllib.request.urlopen(f"{running.endpoint_url}/_opsctl/network") as answer:
        return json.load(answer)


def listener_port(running: Running, stack: Stack) -> int:
    return int(places(running)["listeners"][f"{stack.balancer_host.lower()}:{PORT}"].rpartition(":")[2])


def instance_port(running: Running, instance_id: str) -> int:
    return int(places(running)["instances"][f"{instance_id}:{PORT}"].rpartition(":")[2])


def process_of(running: Running, instance_id: str) -> int:
    """The process that listens where an instance answers."""
    port = instance_port(running, instance_id)
    for pid in Path("/proc").iterdir():
        try:
            if pid.name.isdigit() and f"SERVICE_PORT={port}\0" in (pid / "environ").read_text():
                return int(pid.name)
        except OSError:
            continue
    raise AssertionError(f"nothing listens on {port}")


@dataclass(frozen=True)
class Answer:
    headers: Message
    text: str


def ask(port: int, path: str = "/") -> Answer:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=20) as answer:
        return Answer(answer.headers, answer.read().decode())


def instance_ids(stack: Stack) -> set[str]:
    return {one["InstanceId"] for one in stack.described()["Instances"] if one["LifecycleState"] == "InService"}


def causes(stack: Stack) -> str:
    found = stack.client("autoscaling").describe_scaling_activities(AutoScalingGroupName=stack.name)
    return "\n".join(f"{one['Description']}: {one['Cause']}" for one in found["Activities"])


def messages(client: Client, group: str, stream: str) -> list[str]:
    streams = client("logs").describe_log_streams(logGroupName=group)["logStreams"]
    if stream not in [one["logStreamName"] for one in streams]:
        return []
    events = client("logs").get_log_events(logGroupName=group, logStreamName=stream)["events"]
    return [event["message"] for event in events]


def test_a_group_runs_its_artifact_in_each_of_its_subnets(client: Client, stack: Stack, running: Running) -> None:
    members = stack.described()["Instances"]
    assert {(one["LifecycleState"], one["HealthStatus"]) for one in members} == {("InService", "Healthy")}
    assert {one["AvailabilityZone"] for one in members} == {f"{REGION}a", f"{REGION}b"}
    records = client("ec2").describe_instances(InstanceIds=[one["InstanceId"] for one in members])["Reservations"]
    instances = [one for reservation in records for one in reservation["Instances"]]
    assert {one["SubnetId"] for one in instances} == set(stack.subnets)
    assert len({one["PrivateIpAddress"] for one in instances}) == 2
    assert {group["GroupId"] for one in instances for group in one["SecurityGroups"]} == {stack.service_group}
    text = ask(listener_port(running, stack)).text
    assert f"AWS_ENDPOINT_URL={running.endpoint_url}" in text
    assert "DB_HOST=127.1.2.3" in text
    for one in members:
        wait_until(lambda one=one["InstanceId"]: "listening" in messages(client, f"/{stack.name}/service", one))  # type: ignore[misc]


def test_a_killed_instance_is_replaced_and_with_one_retry_no_request_fails(
    client: Client, stack: Stack, running: Running
) -> None:
    port, before = listener_port(running, stack), instance_ids(stack)
    victim = sorted(before)[0]
    pid, stop, counts = process_of(running, victim), threading.Event(), {"asked": 0, "retried": 0, "failed": 0}

    def load() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        while not stop.is_set():
            counts["asked"] += 1
            for again in (False, True):
                try:
                    connection.request("GET", "/")
                    assert connection.getresponse().read()
                    break
                except (OSError, http.client.HTTPException):
                    connection.close()
                    counts["failed" if again else "retried"] += 1

    with ThreadPoolExecutor(4) as pool:
        for _ in range(4):
            pool.submit(load)
        try:
            wait_until(lambda: counts["asked"] > 50)
            os.kill(pid, signal.SIGKILL)
            wait_until(lambda: victim not in instance_ids(stack) and stack.healthy(2)())
        finally:
            stop.set()
    assert counts["failed"] == 0, counts
    assert 0 < counts["retried"] <= 4, counts
    record = client("ec2").describe_instances(InstanceIds=[victim])["Reservations"][0]["Instances"][0]
    assert record["State"]["Name"] == "terminated"
    assert "signal 9" in record["StateReason"]["Message"]
    assert f"{victim} was taken out of service in response to an EC2 health check" in causes(stack)
    assert "in response to an unhealthy instance needing to be replaced" in causes(stack)


def test_an_instance_that_fails_its_health_check_is_replaced_after_the_grace_period(
    client: Client, stack: Stack, running: Running
) -> None:
    victim = sorted(instance_ids(stack))[0]
    settings: dict[str, Any] = {"AutoScalingGroupName": stack.name}
    client("autoscaling").update_auto_scaling_group(**settings, HealthCheckGracePeriod=600)
    ask(instance_port(running, victim), "/break")
    wait_until(lambda: stack.health().get(victim) == "unhealthy")
    found = client("elbv2").describe_target_health(TargetGroupArn=stack.target_group_arn, Targets=[{"Id": victim}])
    assert found["TargetHealthDescriptions"][0]["TargetHealth"]["Reason"] == "Target.ResponseCodeMismatch"
    assert victim in instance_ids(stack)
    client("autoscaling").update_auto_scaling_group(**settings, HealthCheckGracePeriod=1)
    wait_until(lambda: victim not in instance_ids(stack) and stack.healthy(2)())
    assert f"{victim} was taken out of service in response to an ELB system health check failure" in causes(stack)


def test_what_a_person_calls_unhealthy_is_replaced(client: Client, stack: Stack) -> None:
    victim = sorted(instance_ids(stack))[0]
    client("autoscaling").set_instance_health(InstanceId=victim, HealthStatus="Unhealthy")
    wait_until(lambda: victim not in instance_ids(stack) and stack.healthy(2)())
    assert f"{victim} was taken out of service in response to a user health-check" in causes(stack)


def test_a_shrinking_group_lets_open_requests_finish(client: Client, stack: Stack, running: Running) -> None:
    victim, other = sorted(instance_ids(stack))
    port, direct = listener_port(running, stack), {one: instance_port(running, one) for one in (victim, other)}
    with ThreadPoolExecutor(2) as pool:
        # Round robin: of two connections one goes to each.
        pending = [pool.submit(ask, port, "/gate") for _ in direct]
        wait_until(lambda: all(ask(one).headers["X-Waiting"] == "1" for one in direct.values()))
        client("autoscaling").update_auto_scaling_group(AutoScalingGroupName=stack.name, MinSize=1)
        client("autoscaling").terminate_instance_in_auto_scaling_group(
            InstanceId=victim, ShouldDecrementDesiredCapacity=True
        )
        assert stack.health()[victim] == "draining"
        state = next(one for one in stack.described()["Instances"] if one["InstanceId"] == victim)
        assert state["LifecycleState"] == "Terminating"
        assert {ask(port).headers["X-Instance-Port"] for _ in range(3)} == {str(direct[other])}
        for one in direct.values():
            ask(one, "/open")
        assert {one.result().headers["X-Instance-Port"] for one in pending} == {str(one) for one in direct.values()}
    wait_until(lambda: victim not in stack.health() and len(stack.described()["Instances"]) == 1)
    wait_until(lambda: "asked to end" in messages(client, f"/{stack.name}/service", victim))


def test_a_group_refuses_what_it_could_not_keep(client: Client, stack: Stack) -> None:
    scaling = client("autoscaling")
    with pytest.raises(ClientError, match="value 9 is above max value 4"):
        scaling.set_desired_capacity(AutoScalingGroupName=stack.name, DesiredCapacity=9)
    with pytest.raises(ClientError, match="while there are instances"):
        scaling.delete_auto_scaling_group(AutoScalingGroupName=stack.name)
    scaling.update_auto_scaling_group(AutoScalingGroupName=stack.name, MinSize=3)
    assert stack.described()["DesiredCapacity"] == 3


def test_an_instance_without_a_group_runs_the_same_way_and_says_what_is_wrong_with_its_artifact(
    client: Client, stack: Stack, running: Running
) -> None:
    wrong = hashlib.sha256(b"another").hexdigest()
    client("s3").put_object(Bucket=stack.bucket, Key=f"service/{wrong}.jar", Body=b"something")
    logs = f"/{stack.name}/service"

    def run(sha256: str) -> str:
        made = client("ec2").run_instances(
            ImageId="ami-12c6146b", MinCount=1, MaxCount=1, SubnetId=stack.subnets[0],
            SecurityGroupIds=[stack.service_group], UserData=user_data(stack.bucket, sha256, logs),
        )  # fmt: skip
        return str(made["Instances"][0]["InstanceId"])

    good, bad, missing = run(stack.sha256), run(wrong), run("0" * 64)
    wait_until(lambda: "listening" in messages(client, logs, good))
    expected = {bad: "digest does not match", missing: "answered 404"}
    for instance_id, says in expected.items():
        wait_until(lambda one=instance_id, text=says: any(text in line for line in messages(client, logs, one)))  # type: ignore[misc]
    assert set(places(running)["instances"]) & {f"{one}:{PORT}" for one in expected} == set()
    pid = process_of(running, good)
    client("ec2").terminate_instances(InstanceIds=[good, bad, missing])
    wait_until(lambda: not Path(f"/proc/{pid}").exists())


def test_stopping_the_cloud_leaves_no_process(tmp_path: Path, jar: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPSCTL_LOCAL_PORT", "0")
    cloud = LocalCloud(tmp_path, ACCOUNT, REGION)
    running = cloud.start()
    try:
        stack = build_stack(lambda service, **settings: client_of(running, service, **settings), "last", jar)
        stack.group(stack.launch_template(), 1)
        wait_until(stack.healthy(1))
        port = listener_port(running, stack)
        assert len(processes_of(tmp_path)) >= 2
    finally:
        cloud.stop()
    assert processes_of(tmp_path) == []
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=1)
