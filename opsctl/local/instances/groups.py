"""Auto Scaling groups that act: they start, watch, replace and end their instances. moto keeps the records.

moto starts and ends records at once inside the call that changes a group, all in one subnet, and looks at no health.
Here a call notes what is wanted, and `settle` makes it so: at once for what can be done at once, and again for each
group whenever something may have changed (an instance ended, a health check failed, a target was drained).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from opsctl.local.instances import refreshing
from opsctl.local.instances.capacity import Member, subnets_of_new, surplus
from opsctl.local.instances.refresh import Configuration, Fleet, Refresh, Seen, Status, decide

LOCK = threading.RLock()
"""Held by whoever changes a group: calls run in moto's threads, `settle` in the event loop."""
IN_SERVICE, TERMINATING, STANDBY = "InService", "Terminating", "Standby"
KEPT_ACTIVITIES = 100
TEMPLATE_TAG, VERSION_TAG = "aws:ec2launchtemplate:id", "aws:ec2launchtemplate:version"

USER_HEALTH_CHECK = "a user health-check"
EC2_HEALTH_CHECK = "an EC2 health check indicating it has been terminated or stopped"
ELB_HEALTH_CHECK = "an ELB system health check failure"
REPLACES = "an unhealthy instance needing to be replaced"
DIFFERENCE = "a difference between desired and actual capacity"


def groups() -> Iterator[Any]:
    """Every group of every account and region."""
    from moto.backends import get_backend

    for regions in list(get_backend("autoscaling").values()):
        for backend in list(regions.values()):
            yield from list(backend.autoscaling_groups.values())


def settle_all(now: datetime) -> None:
    """Bring every group nearer to what it wants; one that can't be is logged and does not hold up the others."""
    with LOCK:
        for group in groups():
            try:
                settle(group, now)
            except Exception:
                logging.getLogger("opsctl").exception("Auto Scaling group %s", group.name)


def settle(group: Any, now: datetime) -> None:
    """Health, then what an instance refresh or the desired number asks for, then the end of what is leaving."""
    unhealthy = 0
    for state in serving(group):
        reason = _illness(group, state, now)
        if reason:
            state.health_status = "Unhealthy"
            if _active(group, "ReplaceUnhealthy") and _active(group, "Terminate"):
                _leave(group, state, f"was taken out of service in response to {reason}", now)
                unhealthy += 1
    refresh = refreshing.active(group)
    if refresh is None:
        _scale(group, unhealthy, now)
    else:
        _advance(group, refresh, now)
    _register(group)
    for state in [state for state in group.instance_states if state.lifecycle_state == TERMINATING]:
        if not _draining(group, state.instance.id):
            _end(group, state, now)


def fleet(group: Any, refresh: Refresh) -> Fleet:
    """The group as an instance refresh sees it."""
    alarms = refreshing.alarm_states(group) if refresh.preferences.alarms else {}
    return Fleet(
        desired=group.desired_capacity or 0,
        instances=tuple(_seen(group, s) for s in group.instance_states if s.lifecycle_state in (IN_SERVICE, STANDBY)),
        ringing=tuple(name for name in refresh.preferences.alarms if alarms.get(name) == "ALARM"),
    )


def serving(group: Any) -> list[Any]:
    return [state for state in group.instance_states if state.lifecycle_state == IN_SERVICE]


def leave(group: Any, instance_id: str, cause: str, now: datetime) -> Any:
    """Begin to end one instance of a group, because somebody asked for it. Gives the activity."""
    state = next(state for state in group.instance_states if state.instance.id == instance_id)
    return _leave(group, state, cause, now)


def end_all(group: Any, now: datetime) -> None:
    """End every instance at once, without draining: the group itself goes."""
    for state in list(group.instance_states):
        _end(group, state, now)


def activities(group: Any) -> list[Any]:
    """What the group did, newest first (DescribeScalingActivities)."""
    return list(reversed(_activities(group)))


def _activities(group: Any) -> list[Any]:
    found: list[Any] = group.__dict__.setdefault("opsctl_activities", [])
    return found


def _note(group: Any, description: str, cause: str, now: datetime, status: str, progress: int) -> Any:
    from moto.autoscaling.models import Activity

    activity = Activity(description, f"At {now:%Y-%m-%dT%H:%M:%SZ} {cause}.", group, start_time=now, status_code=status)
    activity.end_time = now if progress == 100 else None
    activity.progress = progress
    kept = _activities(group)
    kept.append(activity)
    del kept[:-KEPT_ACTIVITIES]
    return activity


def _scale(group: Any, unhealthy: int, now: datetime) -> None:
    """Bring the group to its desired number; so many were just found `unhealthy`."""
    members = {state.instance.id: (state, _member(state)) for state in serving(group)}
    size = len(members)
    difference = (group.desired_capacity or 0) - size
    if difference > 0 and _active(group, "Launch"):
        causes = [
            REPLACES if number < unhealthy else f"{DIFFERENCE}, increasing the capacity from {size + number} to "
            f"{size + number + 1}"
            for number in range(difference)
        ]  # fmt: skip
        _launch(group, refreshing.configuration(group), causes, now)
    elif difference < 0 and _active(group, "Terminate"):
        for member in surplus([member for _, member in members.values()], -difference, group.termination_policies):
            shrinking = f"{DIFFERENCE}, shrinking the capacity from {size} to {size - 1}"
            _leave(group, members[member.id][0], f"was taken out of service in response to {shrinking}", now)
            size -= 1


def _advance(group: Any, refresh: Refresh, now: datetime) -> None:
    """Do what an instance refresh wants next."""
    decision = decide(refresh, fleet(group, refresh), now)
    refreshing.keep(group, decision.refresh)
    cause = f"an instance refresh ({refresh.id})"
    if decision.launch and _active(group, "Launch"):
        _launch(group, decision.refresh.target, [cause] * decision.launch, now)
    if _active(group, "Terminate"):
        for instance_id in decision.end:
            leave(group, instance_id, f"was taken out of service in response to {cause}", now)
    if decision.refresh.status is Status.SUCCESSFUL and refresh.desired is not None:
        _configure(group, refresh.desired)


def _configure(group: Any, configuration: Configuration) -> None:
    """Make a configuration the group's own."""
    group.ec2_launch_template = group.ec2_backend.get_launch_template(configuration.template_id)
    group.launch_template_version = group.provided_launch_template_version = configuration.version


def _seen(group: Any, state: Any) -> Seen:
    tags = _tags(state.instance)
    return Seen(
        id=state.instance.id,
        launched=_aware(state.instance.launch_time),
        template=(tags.get(TEMPLATE_TAG, ""), template_version(state.instance)),
        healthy=_is_healthy(group, state),
        protected=bool(state.protected_from_scale_in),
        standby=state.lifecycle_state == STANDBY,
    )


def _is_healthy(group: Any, state: Any) -> bool:
    """Whether an instance serves: it runs, nobody called it unhealthy, and each load balancer that is asked agrees."""
    if state.instance.state != "running" or state.health_status != "Healthy":
        return False
    return "ELB" not in group.health_check_type or all(
        target_group.health_for({"Id": state.instance.id}, group.ec2_backend).status == "healthy"
        for target_group in _target_groups(group)
    )


def _active(group: Any, process: str) -> bool:
    return process not in group._suspended_processes


def _member(state: Any) -> Member:
    instance = state.instance
    return Member(
        id=instance.id,
        subnet=str(instance.subnet_id),
        launched=_aware(instance.launch_time),
        template_version=template_version(instance),
        protected=bool(state.protected_from_scale_in),
    )


def template_version(instance: Any) -> int:
    """Version of the launch template that an instance was made from; 0 without one."""
    return int(_tags(instance).get(VERSION_TAG, 0))


def _tags(instance: Any) -> dict[str, str]:
    return {tag["key"]: tag["value"] for tag in instance.get_tags()}


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _illness(group: Any, state: Any, now: datetime) -> str:
    """Why an instance must be replaced; empty when it needn't be.

    A state other than running counts at once, and so does what SetInstanceHealth said. What the load balancer says
    counts after the grace period (user guide, "Set the health check grace period").
    """
    if state.instance.state != "running":
        return EC2_HEALTH_CHECK
    if state.health_status == "Unhealthy":
        return USER_HEALTH_CHECK
    age = (now - _aware(state.instance.launch_time)).total_seconds()
    if "ELB" not in group.health_check_type or age < (group.health_check_grace_period or 0):
        return ""
    target = {"Id": state.instance.id}
    sick = any(
        target_group.health_for(target, group.ec2_backend).status == "unhealthy"
        for target_group in _target_groups(group)
    )
    return ELB_HEALTH_CHECK if sick else ""


def _target_groups(group: Any) -> list[Any]:
    known = group.autoscaling_backend.elbv2_backend.target_groups
    return [known[arn] for arn in group.target_group_arns or [] if arn in known]


def _register(group: Any) -> None:
    if not _active(group, "AddToLoadBalancer"):
        return
    for target_group in _target_groups(group):
        new = [{"Id": s.instance.id} for s in serving(group) if s.instance.id not in target_group.targets]
        if new:
            target_group.register([target for target in new if _runs(group, target["Id"])])


def _runs(group: Any, instance_id: str) -> bool:
    return bool(group.ec2_backend.get_instance(instance_id).state == "running")


def _draining(group: Any, instance_id: str) -> bool:
    return any(
        target_group.health_for({"Id": instance_id}, group.ec2_backend).status == "draining"
        for target_group in _target_groups(group)
    )


def _leave(group: Any, state: Any, cause: str, now: datetime) -> Any:
    instance = state.instance
    state.lifecycle_state = TERMINATING
    for target_group in _target_groups(group):
        if instance.id in target_group.targets:
            target_group.deregister([{"Id": instance.id}])
    state.activity = _note(
        group, f"Terminating EC2 instance: {instance.id}", f"instance {instance.id} {cause}", now, "InProgress", 50
    )
    return state.activity


def _end(group: Any, state: Any, now: datetime) -> None:
    if state.instance.state not in ("terminated", "shutting-down"):
        group.ec2_backend.terminate_instances([state.instance.id])
    group.instance_states = [other for other in group.instance_states if other is not state]
    for target_group in _target_groups(group):
        target_group.deregister_terminated_instances([state.instance.id])
    activity = getattr(state, "activity", None)
    if activity is not None:
        activity.status_code, activity.progress, activity.end_time = "Successful", 100, now


def _launch(group: Any, configuration: Configuration | None, causes: list[str], now: datetime) -> None:
    """Start an instance for each cause, from a launch template's version or the group's launch configuration."""
    from moto.autoscaling.models import ASG_NAME_TAG, InstanceState

    subnets = group.vpc_zone_identifier.split(",") if group.vpc_zone_identifier else [""]
    members = [_member(state) for state in serving(group)]
    source, chosen = group.launch_config, None
    if configuration is not None:
        source = group.ec2_backend.get_launch_template(configuration.template_id).get_version(configuration.number)
        chosen = {"LaunchTemplateId": configuration.template_id, "Version": str(configuration.number)}
    for subnet, cause in zip(subnets_of_new(members, subnets, len(causes)), causes, strict=True):
        tags = {**group.get_propagated_tags(), **getattr(source, "instance_tags", {}), ASG_NAME_TAG: group.name}
        reservation = group.ec2_backend.run_instances(
            source.image_id, 1, source.user_data, list(source.security_groups),
            instance_type=source.instance_type,
            tags={"instance": tags},
            placement=None if subnet else group.availability_zones[0],
            launch_config=group.launch_config,
            launch_template=chosen,
            is_instance_type_default=False,
            associate_public_ip=group.launch_config.associate_public_ip_address if group.launch_config else False,
            region_name=group.region,
            subnet_id=subnet or None,
        )  # fmt: skip
        instance = reservation.instances[0]
        instance.autoscaling_group = group
        protected = group.new_instances_protected_from_scale_in
        group.instance_states = [*group.instance_states, InstanceState(instance, protected_from_scale_in=protected)]
        _note(
            group, f"Launching a new EC2 instance: {instance.id}", f"an instance was started in response to {cause}",
            now, "Successful", 100,
        )  # fmt: skip


def changing(action: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a call of moto's so that no other changes a group meanwhile."""

    def locked(*arguments: Any, **named: Any) -> Any:
        with LOCK:
            return action(*arguments, **named)

    return locked
