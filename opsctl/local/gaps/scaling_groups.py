"""Auto Scaling: a group's default instance warm-up is kept. moto drops it."""

from __future__ import annotations

from typing import Any

from opsctl.local.gaps.gap import Gap


class ScalingGroups(Gap):
    async def install(self) -> None:
        from moto.autoscaling.responses import AutoScalingResponse

        for name in ("create_auto_scaling_group", "update_auto_scaling_group"):
            setattr(AutoScalingResponse, name, _keeping_warmup(getattr(AutoScalingResponse, name)))


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
