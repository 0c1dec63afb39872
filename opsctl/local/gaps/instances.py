"""EC2: an instance whose user data names an artifact runs it: one Java process. moto's instances are records."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime

from opsctl.local.exchange import Handler, Request, Response
from opsctl.local.gaps.gap import Gap
from opsctl.local.instances import groups
from opsctl.local.instances.fleet import Fleet, report_groups
from opsctl.local.repeating import every, whenever

SERVICES = frozenset({"ec2", "autoscaling", "elasticloadbalancing"})
TICK_SECONDS = 1.0
REPORT_SECONDS = 20.0


class Instances(Gap):
    async def install(self) -> None:
        self._fleet = Fleet(self.cloud)
        self._changed = asyncio.Event()
        self._repeated = asyncio.gather(whenever(self._pause, self._settle), every(REPORT_SECONDS, self._report))

    async def uninstall(self) -> None:
        self._repeated.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._repeated
        await self._fleet.close()

    def wants(self, request: Request) -> bool:
        return request.service in SERVICES

    async def answer(self, request: Request, forward: Handler) -> Response:
        response = await forward(request)
        self._changed.set()
        return response

    async def _pause(self) -> None:
        """Until something may have changed."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), TICK_SECONDS)
        self._changed.clear()

    def _settle(self) -> None:
        self._fleet.settle()
        groups.settle_all(datetime.now(UTC))
        self._fleet.settle()  # what the groups have just started and ended
        self._fleet.copy_logs()

    def _report(self) -> None:
        self._fleet.report()
        report_groups(self.cloud, groups.groups())
