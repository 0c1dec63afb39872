"""Auto Scaling: groups act (opsctl.local.instances.groups), tell what they did, and keep their default warm-up.

moto starts and ends records inside the call that changes a group, in one subnet and with the template's default
version, looks at no health, lists no activities, and drops the warm-up.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from opsctl.local.gaps.gap import Gap
from opsctl.local.instances import groups


class ScalingGroups(Gap):
    async def install(self) -> None:
        from moto.autoscaling import models
        from moto.autoscaling.responses import AutoScalingResponse
        from moto.core.responses import ActionResult, EmptyResult

        for name in ("create_auto_scaling_group", "update_auto_scaling_group"):
            setattr(AutoScalingResponse, name, _keeping_warmup(getattr(AutoScalingResponse, name)))
        AutoScalingResponse.call_action = groups.changing(AutoScalingResponse.call_action)

        def set_desired_capacity(group: Any, capacity: int | None) -> None:
            group.desired_capacity = group.min_size if capacity is None else capacity

        def terminate_instance(backend: Any, instance_id: str, should_decrement: bool) -> Any:
            group = next(
                (
                    group
                    for group in backend.autoscaling_groups.values()
                    if any(state.instance.id == instance_id for state in group.instance_states)
                ),
                None,
            )
            if group is None:
                raise models.ValidationError(f"Instance Id not found - No managed instance found for {instance_id}")
            cause = "was taken out of service in response to a user request"
            if should_decrement:
                size = group.desired_capacity
                group.desired_capacity = size - 1
                cause += f", shrinking the capacity from {size} to {size - 1}"
            return groups.leave(group, instance_id, cause, _now())

        def set_capacity_of(backend: Any, name: str, capacity: int) -> None:
            group = group_named(backend, name)
            if not group.min_size <= capacity <= group.max_size:
                low = capacity < group.min_size
                limit = f"below min value {group.min_size}" if low else f"above max value {group.max_size}"
                raise models.ValidationError(
                    f"New SetDesiredCapacity value {capacity} is {limit} for the AutoScalingGroup."
                )
            group.desired_capacity = capacity

        update = models.FakeAutoScalingGroup.update

        def update_within_limits(group: Any, desired_capacity: int | None = None, **settings: Any) -> None:
            before = group.desired_capacity
            update(group, desired_capacity=desired_capacity, **settings)
            wanted = before if desired_capacity is None else desired_capacity
            group.desired_capacity = max(group.min_size, min(group.max_size, wanted))

        def delete_auto_scaling_group(response: Any) -> Any:
            backend, name = response.autoscaling_backend, response._get_param("AutoScalingGroupName")
            group = group_named(backend, name)
            if group.instance_states and not response._get_bool_param("ForceDelete", False):
                raise models.AutoscalingClientError(
                    "ResourceInUse",
                    "You cannot delete an AutoScalingGroup while there are instances or pending Spot instance "
                    "request(s) still in the group.",
                )
            groups.end_all(backend.autoscaling_groups.pop(name), _now())
            return EmptyResult()

        def describe_scaling_activities(response: Any) -> Any:
            backend, name = response.autoscaling_backend, response._get_param("AutoScalingGroupName")
            chosen = [group for group in backend.autoscaling_groups.values() if name in (None, group.name)]
            found = [activity for group in chosen for activity in groups.activities(group)]
            wanted = response._get_param("ActivityIds", [])
            return ActionResult({"Activities": [one for one in found if not wanted or one.activity_id in wanted]})

        def launch_template(state: Any) -> dict[str, Any] | None:
            template = state.auto_scaling_group.ec2_launch_template
            if template is None:
                return None
            version = groups.template_version(state.instance)
            return {"LaunchTemplateId": template.id, "LaunchTemplateName": template.name, "Version": str(version)}

        models.FakeAutoScalingGroup.set_desired_capacity = set_desired_capacity
        models.AutoScalingBackend.terminate_instance = terminate_instance
        models.FakeAutoScalingGroup.update = update_within_limits
        models.AutoScalingBackend.set_desired_capacity = set_capacity_of
        AutoScalingResponse.delete_auto_scaling_group = delete_auto_scaling_group
        # `settle` sees by itself what ended and what has to be registered.
        models.AutoScalingBackend.notify_terminate_instances = lambda *_: None
        models.AutoScalingBackend.update_attached_target_groups = lambda *_: None
        AutoScalingResponse.describe_scaling_activities = describe_scaling_activities
        models.InstanceState.launch_template = property(launch_template)


def group_named(backend: Any, name: str) -> Any:
    """A group of a backend; moto's ValidationError where there is none."""
    from moto.autoscaling.exceptions import ValidationError

    if name not in backend.autoscaling_groups:
        raise ValidationError(f"AutoScalingGroup name not found - AutoScalingGroup '{name}' not found")
    return backend.autoscaling_groups[name]


def _now() -> datetime:
    return datetime.now(UTC)


def _keeping_warmup(action: Any) -> Any:
    def answer(response: Any) -> Any:
        result = action(response)
        seconds = response._get_int_param("DefaultInstanceWarmup")
        if seconds is not None:
            groups = response.autoscaling_backend.autoscaling_groups
            groups[response._get_param("AutoScalingGroupName")].default_instance_warmup = (
                None if seconds < 0 else seconds
            )
        return result

    return answer
