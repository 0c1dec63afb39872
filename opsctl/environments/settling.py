"""After an apply: what Terraform starts and does not wait for, and the first version of what it does not own.

Each step looks at the stack's outputs and has nothing to do for a stack without its part.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from opsctl.builds.site import is_published, publish_site
from opsctl.environments.ports import Ports
from opsctl.errors import OpsctlError

if TYPE_CHECKING:
    from opsctl.aws.clients import Aws

SERVICE_SECONDS = 600
"""An instance on AWS boots, installs its packages and passes two health checks: 3 to 5 minutes. Locally seconds."""
LOOK_SECONDS = {True: 0.5, False: 10.0}
"""Between two looks, for a local environment and for one on AWS."""


class ServiceUnhealthy(OpsctlError):
    """The service has instances, and none of them became healthy in time."""

    def __init__(self, environment: str, states: Mapping[str, str]) -> None:
        seen = ", ".join(f"{instance} {state}" for instance, state in states.items()) or "no instance is registered"
        super().__init__(
            f"No instance of {environment}'s service is healthy after {SERVICE_SECONDS} s.", where=seen,
            next="The service's log group says why: outputs service.log_group.",
        )  # fmt: skip


def settle(ports: Ports, outputs: Mapping[str, Any]) -> None:
    """Publish the page where there is none yet, and wait until the service answers its load balancer.

    Raises:
        ServiceUnhealthy: what was applied stays; the next `up` waits again.
    """
    publish_first_page(ports, outputs)
    wait_for_service(ports, outputs)


def publish_first_page(ports: Ports, outputs: Mapping[str, Any]) -> None:
    """Deploys own the page (`opsctl deploy site`); a new environment gets its first one here."""
    bucket, key = outputs.get("site", {}).get("bucket"), outputs.get("api", {}).get("site_api_key_id")
    if not bucket or not key or is_published(ports.aws, bucket):
        return
    with ports.stage("first page") as result:
        value = ports.aws.call("apigateway", "get_api_key", apiKey=key, includeValue=True)["value"]
        page = ports.environment.stack.parent / "modules" / "site" / "page"
        published = publish_site(ports.aws, bucket, page, {"api_key": value, "environment": ports.environment.name})
        result(f"{len(published.files)} files")


def wait_for_service(ports: Ports, outputs: Mapping[str, Any]) -> None:
    """Until one instance is healthy in the target group, when the group is to have any."""
    service = outputs.get("service", {})
    if "autoscaling_group" not in service:
        return
    [group] = ports.aws.call(
        "autoscaling", "describe_auto_scaling_groups", AutoScalingGroupNames=[service["autoscaling_group"]]
    )["AutoScalingGroups"]
    if not group["DesiredCapacity"]:
        return
    states = target_states(ports.aws, service["target_group_arn"])
    if "healthy" in states.values():
        return
    with ports.stage("service") as result:
        deadline = ports.clock.monotonic() + SERVICE_SECONDS
        while "healthy" not in states.values():
            if ports.clock.monotonic() > deadline:
                raise ServiceUnhealthy(ports.environment.name, states)
            ports.clock.sleep(LOOK_SECONDS[ports.environment.is_local])
            states = target_states(ports.aws, service["target_group_arn"])
        result(f"{list(states.values()).count('healthy')} of {group['DesiredCapacity']} instances healthy")


def target_states(aws: Aws, target_group_arn: str) -> dict[str, str]:
    """Instance id → its state in the target group: initial, healthy, unhealthy, draining, unused."""
    answer = aws.call("elbv2", "describe_target_health", TargetGroupArn=target_group_arn)
    return {target["Target"]["Id"]: target["TargetHealth"]["State"] for target in answer["TargetHealthDescriptions"]}
