"""Elastic Load Balancing: a Network Load Balancer forwards, checks its targets and drains them. moto's are records."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from opsctl.local.exchange import Handler, Request, Response, json_response
from opsctl.local.gaps.gap import Gap
from opsctl.local.network.load_balancers import LoadBalancers as DataPlane
from opsctl.local.repeating import every

TICK_SECONDS = 0.25
REPORT_SECONDS = 10.0
PLACES_PATH = "/_opsctl/network"
"""Where a person, a test or a benchmark asks which loopback port is which listener and instance."""


class LoadBalancers(Gap):
    async def install(self) -> None:
        from moto.elbv2 import models

        self._plane = plane = DataPlane(self.cloud)

        def health_for(group: Any, target: dict[str, Any], _: Any) -> Any:
            state, reason, description = plane.health(group.arn, target["Id"])
            port = target.get("Port") or group.targets.get(target["Id"], {}).get("Port", group.port)
            return models.FakeHealthStatus(
                target["Id"], port, str(group.health_check_port), state, reason or None, description or None
            )

        describe = models.ELBv2Backend.describe_target_health

        def describe_target_health(backend: Any, arn: str, targets: list[dict[str, Any]]) -> Any:
            found = describe(backend, arn, targets)
            if targets:
                return found
            group = backend.target_groups[arn]
            leaving = [target_id for target_id in plane.draining(arn) if target_id not in group.targets]
            return [*found, *(group.health_for({"Id": target_id}, None) for target_id in leaving)]

        models.FakeTargetGroup.health_for = health_for
        models.ELBv2Backend.describe_target_health = describe_target_health
        self._repeated = asyncio.gather(every(TICK_SECONDS, plane.settle), every(REPORT_SECONDS, plane.report))

    async def uninstall(self) -> None:
        self._repeated.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._repeated
        await self._plane.close()

    def wants(self, request: Request) -> bool:
        return request.path == PLACES_PATH

    async def answer(self, request: Request, forward: Handler) -> Response:
        return json_response(200, self.cloud.network.places())
