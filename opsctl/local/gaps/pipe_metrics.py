"""EventBridge Pipes: metrics of each pipe, namespace AWS/EventBridge/Pipes, dimension PipeName. MiniStack: none.

Source: EventBridge user guide, "Monitoring Amazon EventBridge Pipes"
(https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-monitoring.html). EventCount is what the source gave,
before the filter.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Awaitable, Callable
from typing import Any

from opsctl.local.gaps import pipes
from opsctl.local.gaps.gap import Gap
from opsctl.local.metrics import metric

Source = Callable[[pipes.Pipe, pipes.Calls, pipes.Deliver], Awaitable[None]]


class PipeMetrics(Gap):
    async def install(self) -> None:
        pipes.SOURCES.update({service: self._counted(source) for service, source in pipes.SOURCES.items()})

    def _counted(self, source: Source) -> Source:
        @functools.wraps(source)
        async def counted(pipe: pipes.Pipe, calls: pipes.Calls, deliver: pipes.Deliver) -> None:
            async def delivered(records: list[Any]) -> None:
                begun = time.perf_counter()
                self._record(pipe, "Invocations", 1)
                self._record(pipe, "EventCount", len(records))
                try:
                    await deliver(records)
                except Exception:
                    self._record(pipe, "ExecutionFailed", 1)
                    raise
                finally:
                    self._record(pipe, "Duration", round((time.perf_counter() - begun) * 1000, 1), "Milliseconds")

            await source(pipe, calls, delivered)

        return counted

    def _record(self, pipe: pipes.Pipe, name: str, value: float, unit: str = "Count") -> None:
        dimensions = (("PipeName", pipe.name),)
        measured = metric(pipe.account, pipe.region, "AWS/EventBridge/Pipes", name, dimensions, unit)
        self.cloud.metrics.record(measured, value)
