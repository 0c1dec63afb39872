"""Lambda: metrics of each invocation, whoever asked for it, namespace AWS/Lambda.

Source: Lambda developer guide, "Types of metrics for Lambda functions"
(https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html). MiniStack publishes those of Invoke calls
only, and none of what queues, APIs and other services invoke; an accepted asynchronous call counts there as an
invocation. Dimensions: FunctionName; none (all functions of the region); FunctionName and Resource (`name:alias`,
`name:version`, or the name alone), with ExecutedVersion when an alias was invoked. Duration leaves the start of a
process out, as AWS leaves Init Duration. What has a Resource is stored by the second, where AWS has minutes: a deploy's
steps last seconds here.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any

from opsctl.local.gaps.gap import Gap
from opsctl.local.observing import observe

SECOND = 1


class FunctionMetrics(Gap):
    async def install(self) -> None:
        from ministack.core import lambda_runtime, responses
        from ministack.services import lambda_svc

        self._functions, self._scope = lambda_svc, responses
        self._invocation = threading.local()  # each has its thread, from being admitted to its end
        spawn = lambda_runtime.Worker._spawn

        def spawn_timed(worker: Any) -> None:
            begun = time.perf_counter()
            try:
                spawn(worker)
            finally:
                self._invocation.starting = time.perf_counter() - begun

        lambda_runtime.Worker._spawn = spawn_timed
        lambda_svc._emit_lambda_metrics = lambda *_, **__: None
        observe(lambda_svc, "_acquire_execution_slot", self._admitted)
        observe(lambda_svc, "_execute_function_dispatch", self._ended)

    def _record(self, dimension_sets: Any, values: Mapping[str, tuple[float, str]], resolution: int = 60) -> None:
        self.cloud.metrics.record_sets(
            dimension_sets, account_id=self._scope.get_account_id(), region=self._scope.get_region(),
            namespace="AWS/Lambda", values=values, resolution=resolution,
        )  # fmt: skip

    def _record_all(self, config: dict[str, Any], **values: tuple[float, str]) -> None:
        self._record(({"FunctionName": config["FunctionName"]}, {}), values)
        self._record(resource_dimensions(config), values, SECOND)

    def _admitted(self, answer: tuple[Any, Any], _: float, function: Any, config: dict[str, Any]) -> None:
        """A throttled request is neither an invocation nor an error."""
        slot, _ = answer
        self._invocation.starting = 0.0
        self._record_all(config, Throttles=(float(slot is None), "Count"))
        if slot is not None:
            running = self._functions._inflight.get(slot, 1)
            sets: tuple[dict[str, str], ...] = ({"FunctionName": config["FunctionName"]}, {})
            self._record(sets, {"ConcurrentExecutions": (running, "Count")})

    def _ended(self, result: Any, seconds: float, function: Any, config: dict[str, Any], *_: Any) -> None:
        failed = isinstance(result, dict) and bool(result.get("error"))
        self._record_all(
            config, Invocations=(1, "Count"), Errors=(float(failed), "Count"),
            Duration=(round((seconds - self._invocation.starting) * 1000, 1), "Milliseconds"),
        )  # fmt: skip


def resource_dimensions(config: Mapping[str, Any]) -> tuple[dict[str, str], ...]:
    """The dimensions that tell by what an invocation came, and, behind an alias, which version it was.

    Args:
        config: with the ARN that was invoked, and the version that ran.
    """
    resource = str(config["FunctionArn"]).split(":function:")[1]
    by_resource = {"FunctionName": str(config["FunctionName"]), "Resource": resource}
    qualifier = resource.partition(":")[2]
    if not qualifier or qualifier in ("$LATEST", config["Version"]):
        return (by_resource,)
    return by_resource, by_resource | {"ExecutedVersion": str(config["Version"])}
