"""Auto Scaling: instance refreshes (opsctl.local.instances.refresh). moto has none of their four calls."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from opsctl.local.gaps.gap import Gap
from opsctl.local.gaps.scaling_groups import group_named
from opsctl.local.instances import groups, refreshing
from opsctl.local.instances.refresh import FORWARD, Refresh, cancel, roll_back

PAGE = 50
MOST_RECORDS = 100


class InstanceRefreshes(Gap):
    async def install(self) -> None:
        from moto.autoscaling import models
        from moto.autoscaling.responses import AutoScalingResponse

        AutoScalingResponse.start_instance_refresh = start
        AutoScalingResponse.describe_instance_refreshes = describe
        AutoScalingResponse.cancel_instance_refresh = cancel_active
        AutoScalingResponse.rollback_instance_refresh = roll_back_active
        update = models.FakeAutoScalingGroup.update

        def update_what_is_free(group: Any, *arguments: Any, **settings: Any) -> None:
            refresh = refreshing.active(group)
            derived = ("launch_template", "launch_config_name", "mixed_instances_policy")
            if refresh is not None and refresh.desired is not None and any(settings.get(name) for name in derived):
                raise models.ValidationError(
                    "An active instance refresh with a desired configuration exists. All configuration options derived "
                    "from the desired configuration are not available for update while the instance refresh is active."
                )
            update(group, *arguments, **settings)

        models.FakeAutoScalingGroup.update = update_what_is_free


def start(response: Any) -> Any:
    from moto.autoscaling.exceptions import ValidationError

    group = _group(response)
    if refreshing.active(group) is not None:
        raise _fault(
            "InstanceRefreshInProgress",
            "An Instance Refresh is already in progress and blocks the execution of this Instance Refresh.",
        )
    try:
        refresh = refreshing.started(group, response._get_params(), refreshing.alarm_states(group), _now())
    except refreshing.Invalid as error:
        raise ValidationError(str(error)) from error
    refreshing.keep(group, refresh)
    return _answer({"InstanceRefreshId": refresh.id})


def describe(response: Any) -> Any:
    from moto.autoscaling.exceptions import ValidationError

    group = _group(response)
    wanted = response._get_param("InstanceRefreshIds", [])
    found = [refresh for refresh in refreshing.refreshes(group) if not wanted or refresh.id in wanted]
    size = response._get_int_param("MaxRecords") or PAGE
    if not 1 <= size <= MOST_RECORDS:
        raise ValidationError(f"MaxRecords must be 1 to {MOST_RECORDS}, and is {size}.")
    token = response._get_param("NextToken")
    ids = [refresh.id for refresh in found]
    if token and token not in ids:
        raise _fault("InvalidNextToken", f"The token '{token}' is invalid.")
    first = ids.index(token) if token else 0
    page, after = found[first : first + size], ids[first + size : first + size + 1]
    told: dict[str, Any] = {"InstanceRefreshes": [refreshing.described(group, refresh) for refresh in page]}
    return _answer(told | ({"NextToken": after[0]} if after else {}))


def cancel_active(response: Any) -> Any:
    group = _group(response)
    refresh = _active(group)
    wait = response._get_bool_param("WaitForTransitioningInstances", True)
    refreshing.keep(group, cancel(refresh, wait, _now()))
    return _answer({"InstanceRefreshId": refresh.id})


def roll_back_active(response: Any) -> Any:
    group = _group(response)
    refresh = _active(group)
    why = refreshing.irreversible(group, refresh.desired, refresh.saved)
    if refresh.status not in FORWARD:
        why = f"it is {refresh.status}"
    if why:
        raise _fault("IrreversibleInstanceRefresh", f"Instance Refresh {refresh.id} can't be rolled back: {why}.")
    reason = "Manually rolled back by the user."
    refreshing.keep(group, roll_back(refresh, groups.fleet(group, refresh), reason, _now()))
    return _answer({"InstanceRefreshId": refresh.id})


def _group(response: Any) -> Any:
    return group_named(response.autoscaling_backend, response._get_param("AutoScalingGroupName"))


def _active(group: Any) -> Refresh:
    refresh = refreshing.active(group)
    if refresh is None:
        raise _fault(
            "ActiveInstanceRefreshNotFound",
            f"No in progress or pending Instance Refresh found for Auto Scaling group {group.name}",
        )
    return refresh


def _fault(code: str, message: str) -> Exception:
    from moto.autoscaling.exceptions import AutoscalingClientError

    error: Exception = AutoscalingClientError(code, message)
    return error


def _answer(result: dict[str, Any]) -> Any:
    from moto.core.responses import ActionResult

    return ActionResult(result)


def _now() -> datetime:
    return datetime.now(UTC)
