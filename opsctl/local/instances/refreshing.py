"""The instance refreshes of moto's Auto Scaling groups: kept with the group, read from a request, told in an answer."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from opsctl.local.instances.refresh import Configuration, Preferences, Refresh

KEPT_REFRESHES = 100
FIELDS = {
    "MinHealthyPercentage": "min_healthy",
    "MaxHealthyPercentage": "max_healthy",
    "InstanceWarmup": "warmup",
    "CheckpointPercentages": "checkpoints",
    "CheckpointDelay": "checkpoint_delay",
    "BakeTime": "bake",
    "AutoRollback": "auto_rollback",
    "SkipMatching": "skip_matching",
    "ScaleInProtectedInstances": "protected",
    "StandbyInstances": "standby",
}
"""RefreshPreferences by the names of `Preferences`; AlarmSpecification holds the alarms."""
RANGES = {
    "MinHealthyPercentage": (0, 100),
    "MaxHealthyPercentage": (100, 200),
    "InstanceWarmup": (0, 86400),
    "CheckpointDelay": (0, 172800),
    "BakeTime": (0, 172800),
}
CHOICES = {
    "ScaleInProtectedInstances": ("Refresh", "Ignore", "Wait"),
    "StandbyInstances": ("Terminate", "Ignore", "Wait"),
}
MOST_ALARMS = 10
SSM_IMAGE = "resolve:ssm:"


class Invalid(ValueError):
    """The request asks for what AWS answers with a ValidationError. The message is the answer's."""


def refreshes(group: Any) -> list[Refresh]:
    """Every refresh of a group, newest first."""
    return list(reversed(_kept(group)))


def active(group: Any) -> Refresh | None:
    """The refresh under way."""
    return next((refresh for refresh in _kept(group) if refresh.active), None)


def keep(group: Any, refresh: Refresh) -> None:
    """Store a refresh, or the next state of one."""
    kept = [other for other in _kept(group) if other.id != refresh.id]
    group.opsctl_refreshes = sorted([*kept, refresh], key=lambda one: one.started)[-KEPT_REFRESHES:]


def configuration(group: Any) -> Configuration | None:
    """The group's own configuration; None without a launch template."""
    template = group.ec2_launch_template
    if template is None:
        return None
    asked = str(group.launch_template_version)
    return Configuration(template.id, template.name, asked, template.get_version(asked).number)


def started(group: Any, asked: Mapping[str, Any], alarms: Mapping[str, str], now: datetime) -> Refresh:
    """The refresh that StartInstanceRefresh asks for.

    Args:
        asked: the request's parameters.
        alarms: the state of each alarm that there is.

    Raises:
        Invalid: it is not possible, or contradicts itself.
        moto's own error: the launch template or its version does not exist.
    """
    if asked.get("Strategy", "Rolling") != "Rolling":
        raise Invalid(f"The local cloud has no strategy {asked['Strategy']}, only Rolling.")
    saved, desired = configuration(group), _desired(group, asked.get("DesiredConfiguration") or {})
    preferences = _preferences(group, asked.get("Preferences") or {}, alarms)
    if preferences.auto_rollback and (why := irreversible(group, desired, saved)):
        raise Invalid(f"The request isn't valid. The AutoRollback parameter cannot be set to true when {why}.")
    return Refresh(str(uuid.uuid4()), preferences, desired, saved, now, better_at=now)


def irreversible(group: Any, desired: Configuration | None, saved: Configuration | None) -> str:
    """Why a refresh can't be rolled back; empty when it can ("Undo changes with a rollback", considerations)."""
    if desired is None:
        return (
            "the DesiredConfiguration parameter is empty. Set AutoRollback to false or specify a desired configuration "
            "and try again"
        )
    if saved is None or not saved.version.isdigit():
        return "the Auto Scaling group uses the launch template's $Latest or $Default version"
    template = group.ec2_backend.get_launch_template(saved.template_id)
    if template.get_version(saved.number).image_id.startswith(SSM_IMAGE):
        return "the launch template's ImageId is an AWS Systems Manager parameter"
    return ""


def described(group: Any, refresh: Refresh) -> dict[str, Any]:
    """As DescribeInstanceRefreshes gives it."""
    progress = {"PercentageComplete": refresh.percent, "InstancesToUpdate": refresh.to_update}
    told: dict[str, Any] = {
        "InstanceRefreshId": refresh.id,
        "AutoScalingGroupName": group.name,
        "Status": refresh.status.value,
        "StatusReason": refresh.reason or None,
        "StartTime": refresh.started,
        "EndTime": refresh.ended,
        "Strategy": "Rolling",
        "Preferences": _told_preferences(refresh.preferences),
        **progress,
    }
    if refresh.desired is not None:
        told["DesiredConfiguration"] = {
            "LaunchTemplate": {
                "LaunchTemplateId": refresh.desired.template_id,
                "LaunchTemplateName": refresh.desired.template_name,
                "Version": refresh.desired.version,
            }
        }
    if refresh.rollback is not None:
        told["RollbackDetails"] = {
            "RollbackReason": refresh.rollback.reason,
            "RollbackStartTime": refresh.rollback.started,
            "PercentageCompleteOnRollback": refresh.rollback.percent,
            "InstancesToUpdateOnRollback": refresh.rollback.remaining,
        }
    return {name: value for name, value in told.items() if value is not None}


def alarm_states(group: Any) -> dict[str, str]:
    """The state of each alarm of the group's account and region, by name."""
    from ministack.core.responses import request_scope
    from ministack.services import cloudwatch

    with request_scope(group.account_id, group.region):
        alarms = [*cloudwatch._alarms.items(), *cloudwatch._composite_alarms.items()]
        return {name: str(alarm["StateValue"]) for name, alarm in alarms}


def _kept(group: Any) -> list[Refresh]:
    found: list[Refresh] = group.__dict__.setdefault("opsctl_refreshes", [])
    return found


def _desired(group: Any, asked: Mapping[str, Any]) -> Configuration | None:
    if asked.get("MixedInstancesPolicy"):
        raise Invalid("The local cloud refreshes to a launch template, not to a mixed instances policy.")
    spec = asked.get("LaunchTemplate")
    if not spec:
        return None
    template_id, name = spec.get("LaunchTemplateId"), spec.get("LaunchTemplateName")
    if bool(template_id) == bool(name):
        raise Invalid("Valid requests must contain either launchTemplateId or LaunchTemplateName")
    ec2 = group.ec2_backend
    template = ec2.get_launch_template(template_id) if template_id else ec2.get_launch_template_by_name(name)
    version = str(spec.get("Version") or "$Default")
    return Configuration(template.id, template.name, version, template.get_version(version).number)


def _preferences(group: Any, asked: Mapping[str, Any], alarms: Mapping[str, str]) -> Preferences:
    for name, (low, high) in RANGES.items():
        if asked.get(name) is not None and not low <= asked[name] <= high:
            raise Invalid(f"{name} must be {low} to {high}, and is {asked[name]}.")
    for name, choices in CHOICES.items():
        if asked.get(name) is not None and asked[name] not in choices:
            raise Invalid(f"{name} must be one of {', '.join(choices)}, and is {asked[name]}.")
    least, most = asked.get("MinHealthyPercentage"), asked.get("MaxHealthyPercentage")
    if most is not None and (least is None or most - least > 100):
        raise Invalid("MaxHealthyPercentage needs a MinHealthyPercentage that is at most 100 lower.")
    checkpoints = asked.get("CheckpointPercentages") or []
    if checkpoints != sorted(set(checkpoints)) or any(not 1 <= percent <= 100 for percent in checkpoints):
        raise Invalid("CheckpointPercentages must be unique, in ascending order, and 1 to 100.")
    if asked.get("CheckpointDelay") is not None and not checkpoints:
        raise Invalid("CheckpointDelay needs CheckpointPercentages.")
    watched = (asked.get("AlarmSpecification") or {}).get("Alarms") or []
    unknown = [name for name in watched if name not in alarms]
    if unknown or len(watched) > MOST_ALARMS:
        raise Invalid(
            f"AlarmSpecification names alarms that do not exist: {', '.join(unknown)}."
            if unknown
            else f"AlarmSpecification may name {MOST_ALARMS} alarms at most."
        )
    warmup = getattr(group, "default_instance_warmup", None)
    given = {field: asked[name] for name, field in FIELDS.items() if asked.get(name) is not None}
    usual = {"warmup": int((group.health_check_grace_period if warmup is None else warmup) or 0)}
    return Preferences(**(usual | given | {"checkpoints": tuple(checkpoints), "alarms": tuple(watched)}))


def _told_preferences(preferences: Preferences) -> dict[str, Any]:
    told = {name: getattr(preferences, field) for name, field in FIELDS.items()}
    told["CheckpointPercentages"] = list(preferences.checkpoints)
    if not preferences.checkpoints:
        del told["CheckpointPercentages"], told["CheckpointDelay"]
    if preferences.alarms:
        told["AlarmSpecification"] = {"Alarms": list(preferences.alarms)}
    return {name: value for name, value in told.items() if value is not None}
