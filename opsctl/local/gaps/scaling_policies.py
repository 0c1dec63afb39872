"""Auto Scaling: a policy is enabled, and predicts nothing unless it was told to. moto says the contrary of both."""

from __future__ import annotations

from typing import Any

from opsctl.local.gaps.gap import Gap


class ScalingPolicies(Gap):
    async def install(self) -> None:
        from moto.autoscaling.models import FakeScalingPolicy

        initialise = FakeScalingPolicy.__init__

        def __init__(policy: Any, *arguments: Any, **named: Any) -> None:  # noqa: N807
            initialise(policy, *arguments, **named)
            policy.enabled = True
            policy.predictive_scaling_configuration = policy.predictive_scaling_configuration or None

        FakeScalingPolicy.__init__ = __init__
