"""What `up` still does after an apply: the first page, and waiting for the service."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from opsctl.environments import settling
from opsctl.environments.ports import Ports
from opsctl.environments.settling import SERVICE_SECONDS, ServiceUnhealthy, settle

SERVICE = {"service": {"autoscaling_group": "opsctl-local-service", "target_group_arn": "arn:group"}}


@pytest.fixture
def service(aws: Any) -> Any:
    """A service whose target group says, look after look, what the test wrote into `states`."""
    said = SimpleNamespace(desired=2, states=iter(()))

    def describe_target_health(TargetGroupArn: str) -> Any:  # noqa: N803
        state = next(said.states)
        return {"TargetHealthDescriptions": [{"Target": {"Id": "i-1"}, "TargetHealth": {"State": state}}]}

    aws.describe_auto_scaling_groups = lambda **_: {"AutoScalingGroups": [{"DesiredCapacity": said.desired}]}
    aws.describe_target_health = describe_target_health
    return said


def test_up_waits_until_an_instance_is_healthy(ports: Ports, service: Any) -> None:
    service.states = iter(("initial", "initial", "unhealthy", "healthy", "never asked"))
    settle(ports, SERVICE)
    assert next(service.states) == "never asked"


def test_a_service_that_stays_unhealthy_fails_with_what_its_instances_are(ports: Ports, service: Any) -> None:
    def for_ever() -> Iterator[str]:
        while True:
            yield "unhealthy"

    service.states = for_ever()
    with pytest.raises(ServiceUnhealthy) as raised:
        settle(ports, SERVICE)
    assert raised.value.where == "i-1 unhealthy"
    assert ports.clock.monotonic() > SERVICE_SECONDS


def test_a_group_that_is_to_have_no_instance_is_not_waited_for(ports: Ports, service: Any) -> None:
    service.desired = 0
    settle(ports, SERVICE)


def test_a_stack_without_service_and_site_has_nothing_to_settle(ports: Ports, aws: Any) -> None:
    settle(ports, {})
    assert aws.calls == []


@pytest.mark.parametrize(("there", "published"), [(False, ["site"]), (True, [])])
def test_a_page_is_published_where_there_is_none_and_left_alone_where_there_is_one(
    ports: Ports, aws: Any, monkeypatch: pytest.MonkeyPatch, there: bool, published: list[str]
) -> None:
    seen: list[str] = []

    def publish(aws: Any, bucket: str, folder: Path, config: dict[str, str]) -> Any:
        assert config == {"api_key": "open to everybody", "environment": "local"}
        seen.append(bucket)
        return SimpleNamespace(files=("index.html",))

    aws.get_api_key = lambda **_: {"value": "open to everybody"}
    monkeypatch.setattr(settling, "is_published", lambda aws, bucket: there)
    monkeypatch.setattr(settling, "publish_site", publish)
    settle(ports, {"site": {"bucket": "site"}, "api": {"site_api_key_id": "k"}})
    assert seen == published
