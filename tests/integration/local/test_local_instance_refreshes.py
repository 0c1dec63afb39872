"""Instance refreshes replace real processes: within bounds, in stages, back again, and no request is lost."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import threading
import urllib.request
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from email.message import Message
from typing import Any

import pytest
from botocore.exceptions import ClientError
from local_clouds import Client
from services import PORT, Stack, build_stack, service_jar, user_data, wait_until

from opsctl.local import Running

QUICK = {"MinHealthyPercentage": 100, "MaxHealthyPercentage": 200, "InstanceWarmup": 1}
SLOW = {"MinHealthyPercentage": 100, "MaxHealthyPercentage": 150, "InstanceWarmup": 1}
ENDED = {"Successful", "Failed", "Cancelled", "RollbackSuccessful", "RollbackFailed"}


@pytest.fixture(scope="module")
def stack(client: Client, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A group of two at version 1; 2 is another, good one, and the artifact of 3 is not there."""
    made = build_stack(client, "refreshes", service_jar(tmp_path_factory.mktemp("service")))
    anybody = {"IpProtocol": "tcp", "FromPort": PORT, "ToPort": PORT, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    client("ec2").authorize_security_group_ingress(GroupId=made.balancer_group, IpPermissions=[anybody])
    template = made.launch_template()
    version(made, "1", DB_HOST="127.0.0.2")
    version(made, "1", sha256="0" * 64)
    made.group(template, 2, LaunchTemplate={"LaunchTemplateId": template, "Version": "1"})
    wait_until(made.healthy(2))
    yield made
    made.remove()


@pytest.fixture(autouse=True)
def at_version_1(stack: Stack) -> None:
    """Each test begins with two healthy instances of version 1, whatever the one before did."""
    scaling = stack.client("autoscaling")
    if (refreshes := described(stack)) and refreshes[0]["Status"] not in ENDED:
        scaling.cancel_instance_refresh(AutoScalingGroupName=stack.name, WaitForTransitioningInstances=False)
    scaling.update_auto_scaling_group(
        AutoScalingGroupName=stack.name, MinSize=2, MaxSize=4, DesiredCapacity=2,
        LaunchTemplate={"LaunchTemplateName": stack.name, "Version": "1"},
    )  # fmt: skip
    if versions(stack) != Counter({"1": 2}):
        refresh(stack, "1", **(QUICK | {"SkipMatching": True, "MinHealthyPercentage": 0, "MaxHealthyPercentage": 100}))
        ended(stack, "Successful")
    wait_until(lambda: versions(stack) == Counter({"1": 2}) and stack.healthy(2)())


def version(stack: Stack, source: str, *, sha256: str | None = None, **environment: str) -> str:
    """A new version of the launch template that differs from `source` in its user data only. Gives its number."""
    text = user_data(stack.bucket, sha256 or stack.sha256, f"/{stack.name}/service")
    for name, value in environment.items():
        text = text.replace(f"{name}=127.1.2.3", f"{name}={value}")
    made = stack.client("ec2").create_launch_template_version(
        LaunchTemplateName=stack.name, SourceVersion=source,
        LaunchTemplateData={"UserData": base64.b64encode(text.encode()).decode()},
    )  # fmt: skip
    return str(made["LaunchTemplateVersion"]["VersionNumber"])


def refresh(stack: Stack, to: str, **preferences: Any) -> str:
    started = stack.client("autoscaling").start_instance_refresh(
        AutoScalingGroupName=stack.name, Preferences=preferences,
        DesiredConfiguration={"LaunchTemplate": {"LaunchTemplateName": stack.name, "Version": to}},
    )  # fmt: skip
    return str(started["InstanceRefreshId"])


def described(stack: Stack, **asked: Any) -> list[dict[str, Any]]:
    found = stack.client("autoscaling").describe_instance_refreshes(AutoScalingGroupName=stack.name, **asked)
    return list(found["InstanceRefreshes"])


def now(stack: Stack) -> dict[str, Any]:
    return described(stack)[0]


def ended(stack: Stack, status: str, seconds: float = 60) -> dict[str, Any]:
    """Wait for the end of the newest refresh, which must be `status`."""
    wait_until(lambda: now(stack)["Status"] in ENDED, seconds)
    found = now(stack)
    assert found["Status"] == status, found
    return found


def versions(stack: Stack) -> Counter[str]:
    """How many instances in service there are of each version."""
    return Counter(
        one["LaunchTemplate"]["Version"]
        for one in stack.described()["Instances"]
        if one["LifecycleState"] == "InService"
    )


def listener_port(running: Running, stack: Stack) -> int:
    with urllib.request.urlopen(f"{running.endpoint_url}/_opsctl/network") as answer:
        listeners = json.load(answer)["listeners"]
    return int(listeners[f"{stack.balancer_host.lower()}:{PORT}"].rpartition(":")[2])


class Load:
    """Requests through the load balancer, one after the other from each of three clients, until it is left."""

    def __init__(self, port: int) -> None:
        self._port, self._stop, self._pool = port, threading.Event(), ThreadPoolExecutor(3)
        self.answers: Counter[str] = Counter()
        self.failures: list[str] = []

    def __enter__(self) -> Load:
        for _ in range(3):
            self._pool.submit(self._ask)
        wait_until(lambda: sum(self.answers.values()) > 20)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._pool.shutdown()

    def _ask(self) -> None:
        while not self._stop.is_set():
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/", timeout=10) as answer:
                    self.answers["new" if b"DB_HOST=127.0.0.2" in answer.read() else "old"] += 1
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(repr(error))


@dataclass(frozen=True)
class Answer:
    headers: Message
    text: str


def ask(port: int, path: str = "/") -> Answer:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
        return Answer(answer.headers, answer.read().decode())


def instance_ports(running: Running, stack: Stack) -> list[int]:
    """Where the instances in service answer themselves."""
    with urllib.request.urlopen(f"{running.endpoint_url}/_opsctl/network") as answer:
        places = json.load(answer)["instances"]
    ids = [one["InstanceId"] for one in stack.described()["Instances"] if one["LifecycleState"] == "InService"]
    return [int(places[f"{one}:{PORT}"].rpartition(":")[2]) for one in ids]


def ids(stack: Stack) -> set[str]:
    return {one["InstanceId"] for one in stack.described()["Instances"]}


def refused(stack: Stack, code: str, call: str, **asked: Any) -> str:
    """What a call of Auto Scaling was refused with, which must be `code`."""
    with pytest.raises(ClientError) as error:
        getattr(stack.client("autoscaling"), call)(AutoScalingGroupName=stack.name, **asked)
    assert error.value.response["Error"]["Code"] == code
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    return str(error.value)


def test_a_refresh_pauses_at_its_checkpoint_and_an_alarm_brings_the_old_version_back(stack: Stack) -> None:
    cloudwatch = stack.client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName="refreshes", Namespace="Tests", MetricName="errors", Statistic="Sum", Period=60, EvaluationPeriods=1,
        ComparisonOperator="GreaterThanThreshold", Threshold=1, TreatMissingData="ignore",
    )  # fmt: skip
    before = ids(stack)
    refresh(
        stack, "2", **QUICK, CheckpointPercentages=[50, 100], CheckpointDelay=600, AutoRollback=True,
        AlarmSpecification={"Alarms": ["refreshes"]},
    )  # fmt: skip
    wait_until(lambda: "Checkpoint of 50 percent reached" in now(stack).get("StatusReason", ""))
    assert versions(stack) == Counter({"1": 1, "2": 1})
    paused = now(stack)
    assert (paused["Status"], paused["PercentageComplete"], paused["InstancesToUpdate"]) == ("InProgress", 50, 1)
    assert paused["DesiredConfiguration"]["LaunchTemplate"]["Version"] == "2"
    refused(stack, "InstanceRefreshInProgress", "start_instance_refresh")
    said = refused(
        stack, "ValidationError", "update_auto_scaling_group",
        LaunchTemplate={"LaunchTemplateName": stack.name, "Version": "2"},
    )  # fmt: skip
    assert "not available for update while the instance refresh is active" in said
    stack.client("autoscaling").set_desired_capacity(AutoScalingGroupName=stack.name, DesiredCapacity=3)
    wait_until(lambda: versions(stack) == Counter({"1": 1, "2": 2}))
    stack.client("autoscaling").set_desired_capacity(AutoScalingGroupName=stack.name, DesiredCapacity=2)

    cloudwatch.set_alarm_state(AlarmName="refreshes", StateValue="ALARM", StateReason="a test")
    found = ended(stack, "RollbackSuccessful")
    assert "ALARM state: refreshes" in found["RollbackDetails"]["RollbackReason"]
    assert found["RollbackDetails"]["PercentageCompleteOnRollback"] >= 50
    assert found["PercentageComplete"] == 0
    wait_until(lambda: versions(stack) == Counter({"1": 2}))
    assert len(ids(stack) & before) == 1
    assert stack.described()["LaunchTemplate"]["Version"] == "1"


def test_a_version_that_never_becomes_healthy_gets_no_traffic_and_is_taken_back(running: Running, stack: Stack) -> None:
    before = ids(stack)
    with Load(listener_port(running, stack)) as load:
        refresh(stack, "3", **SLOW)
        wait_until(lambda: "is not healthy" in now(stack).get("StatusReason", ""))
        assert versions(stack) == Counter({"1": 2, "3": 1})
        stack.client("autoscaling").rollback_instance_refresh(AutoScalingGroupName=stack.name)
        assert now(stack)["Status"] == "RollbackInProgress"
        ended(stack, "RollbackSuccessful")
    assert load.failures == []
    wait_until(lambda: ids(stack) == before)


def test_a_cancelled_refresh_leaves_what_it_did(stack: Stack) -> None:
    refresh(stack, "3", **SLOW)
    wait_until(lambda: versions(stack)["3"] == 1)
    scaling = stack.client("autoscaling")
    scaling.cancel_instance_refresh(AutoScalingGroupName=stack.name)
    assert now(stack)["Status"] == "Cancelling"
    scaling.cancel_instance_refresh(AutoScalingGroupName=stack.name, WaitForTransitioningInstances=False)
    assert now(stack)["Status"] == "Cancelled"
    for call in ("cancel_instance_refresh", "rollback_instance_refresh"):
        refused(stack, "ActiveInstanceRefreshNotFound", call)
    wait_until(lambda: sum(versions(stack).values()) == 2)  # what is too much goes as the group's policies say


@pytest.mark.parametrize(
    ("preferences", "says"),
    [
        ({"MaxHealthyPercentage": 150}, "MaxHealthyPercentage needs a MinHealthyPercentage"),
        ({"MinHealthyPercentage": 50, "MaxHealthyPercentage": 200}, "at most 100 lower"),
        ({"MinHealthyPercentage": 101}, "0 to 100"),
        ({"CheckpointDelay": 5}, "CheckpointDelay needs CheckpointPercentages"),
        ({"CheckpointPercentages": [50, 20]}, "ascending"),
        ({"AlarmSpecification": {"Alarms": ["nobody"]}}, "do not exist: nobody"),
        ({"ScaleInProtectedInstances": "Perhaps"}, "must be one of Refresh, Ignore, Wait"),
    ],
)
def test_a_refresh_that_contradicts_itself_is_refused(stack: Stack, preferences: dict[str, Any], says: str) -> None:
    assert says in refused(stack, "ValidationError", "start_instance_refresh", Preferences=preferences)


def test_a_refresh_that_could_not_be_rolled_back_is_refused_as_aws_refuses_it(stack: Stack) -> None:
    said = refused(stack, "ValidationError", "start_instance_refresh", Preferences={"AutoRollback": True})
    assert "The AutoRollback parameter cannot be set to true when the DesiredConfiguration parameter is empty" in said
    stack.client("autoscaling").update_auto_scaling_group(
        AutoScalingGroupName=stack.name, LaunchTemplate={"LaunchTemplateName": stack.name, "Version": "$Default"}
    )
    desired = {"LaunchTemplate": {"LaunchTemplateName": stack.name, "Version": "2"}}
    said = refused(
        stack, "ValidationError", "start_instance_refresh",
        Preferences={"AutoRollback": True}, DesiredConfiguration=desired,
    )  # fmt: skip
    assert "$Latest or $Default" in said
    looked_up = stack.client("ec2").create_launch_template_version(
        LaunchTemplateName=stack.name, SourceVersion="1", LaunchTemplateData={"ImageId": "resolve:ssm:/some/image"}
    )["LaunchTemplateVersion"]["VersionNumber"]
    stack.client("autoscaling").update_auto_scaling_group(
        AutoScalingGroupName=stack.name, LaunchTemplate={"LaunchTemplateName": stack.name, "Version": str(looked_up)}
    )
    said = refused(
        stack, "ValidationError", "start_instance_refresh",
        Preferences={"AutoRollback": True}, DesiredConfiguration=desired,
    )  # fmt: skip
    assert "AWS Systems Manager parameter" in said
    refresh(stack, "2", **SLOW)
    said = refused(stack, "IrreversibleInstanceRefresh", "rollback_instance_refresh")
    assert "AWS Systems Manager parameter" in said


def test_refreshes_are_told_newest_first_and_in_pages(stack: Stack) -> None:
    started = []
    for _ in range(3):
        started.append(refresh(stack, "1", SkipMatching=True))
        ended(stack, "Successful")
    scaling, newest = stack.client("autoscaling"), started[::-1]
    first = scaling.describe_instance_refreshes(AutoScalingGroupName=stack.name, MaxRecords=2)
    then = described(stack, NextToken=first["NextToken"])
    assert [one["InstanceRefreshId"] for one in (*first["InstanceRefreshes"], *then)][:3] == newest
    assert [one["InstanceRefreshId"] for one in described(stack)][:3] == newest
    assert [one["InstanceRefreshId"] for one in described(stack, InstanceRefreshIds=[started[0]])] == [started[0]]
    refused(stack, "InvalidNextToken", "describe_instance_refreshes", NextToken="nothing")
    said = refused(stack, "ValidationError", "describe_instance_refreshes", MaxRecords=101)
    assert "1 to 100" in said


def test_a_refresh_replaces_every_instance_and_no_request_fails(running: Running, stack: Stack) -> None:
    port, seen = listener_port(running, stack), list[tuple[int, int]]()
    direct = instance_ports(running, stack)
    with ThreadPoolExecutor(1) as pool, Load(port) as load:
        pending = pool.submit(ask, port, "/gate")
        wait_until(lambda: any(ask(one).headers["X-Waiting"] == "1" for one in direct))
        asked = refresh(stack, "2", **SLOW, BakeTime=1)

        def over() -> bool:
            health = list(stack.health().values())
            seen.append((health.count("healthy"), sum(versions(stack).values())))
            return now(stack)["Status"] in ENDED

        wait_until(over, 60)
        assert list(stack.health().values()).count("draining") == 1  # it still answers one request
        for one in direct:
            with contextlib.suppress(OSError):  # the other one is gone
                ask(one, "/open")
        assert pending.result().headers["X-Instance-Port"] in {str(one) for one in direct}
        wait_until(lambda: load.answers["new"] > 20 and len(stack.health()) == 2)
    found = now(stack)
    assert (found["InstanceRefreshId"], found["Status"]) == (asked, "Successful"), found
    assert (found["PercentageComplete"], found["InstancesToUpdate"]) == (100, 0)
    assert found["EndTime"] >= found["StartTime"]
    assert found["Preferences"] | SLOW | {"BakeTime": 1, "AutoRollback": False} == found["Preferences"]
    assert load.failures == []
    assert load.answers["old"] > 0
    assert min(healthy for healthy, _ in seen) >= 2
    assert max(count for _, count in seen) <= 3
    assert versions(stack) == Counter({"2": 2})
    assert stack.described()["LaunchTemplate"]["Version"] == "2"
    causes = stack.client("autoscaling").describe_scaling_activities(AutoScalingGroupName=stack.name)["Activities"]
    assert sum(f"an instance refresh ({asked})" in one["Cause"] for one in causes) == 4
