"""Instance refreshes replace real processes: within bounds, in stages, back again, and no request is lost."""

from __future__ import annotations

import base64
import http.client
import json
import threading
import urllib.request
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
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


def test_a_refresh_replaces_every_instance_and_no_request_fails(running: Running, stack: Stack) -> None:
    seen: list[tuple[int, int]] = []
    with Load(listener_port(running, stack)) as load:
        asked = refresh(stack, "2", **SLOW, BakeTime=1)

        def over() -> bool:
            health = list(stack.health().values())
            seen.append((health.count("healthy"), sum(versions(stack).values())))
            return now(stack)["Status"] in ENDED

        wait_until(over, 60)
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
