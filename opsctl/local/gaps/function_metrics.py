"""Lambda: metrics of each invocation, whoever asked for it, namespace AWS/Lambda.

Source: Lambda developer guide, "Types of metrics for Lambda functions"
(https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html). MiniStack publishes those of Invoke calls
only, and none of what queues, APIs and other services invoke; an accepted asynchronous call counts there as an
invocation. Dimensions: FunctionName, and none (all functions of the region). Duration is that of the emulator's
invocation: a cold start is in it, which AWS leaves out.
"""

from __future__ import annotations

from typing import Any

from opsctl.local.gaps.gap import Gap
from opsctl.local.observing import observe


class FunctionMetrics(Gap):
    async def install(self) -> None:
        from ministack.core import responses
        from ministack.services import lambda_svc

        self._functions, self._scope = lambda_svc, responses
        lambda_svc._emit_lambda_metrics = lambda *_, **__: None
        observe(lambda_svc, "_acquire_execution_slot", self._admitted)
        observe(lambda_svc, "_execute_function_dispatch", self._ended)

    def _record(self, config: dict[str, Any], name: str, value: float, unit: str = "Count") -> None:
        self.cloud.metrics.record_sets(
            ({"FunctionName": config["FunctionName"]}, {}), account_id=self._scope.get_account_id(),
            region=self._scope.get_region(), namespace="AWS/Lambda", values={name: (value, unit)},
        )  # fmt: skip

    def _admitted(self, answer: tuple[Any, Any], _: float, function: Any, config: dict[str, Any]) -> None:
        """A throttled request is neither an invocation nor an error."""
        slot, _ = answer
        self._record(config, "Throttles", float(slot is None))
        if slot is not None:
            running = self._functions._inflight.get(slot, 1)
            self._record(config, "ConcurrentExecutions", running)

    def _ended(self, result: Any, seconds: float, function: Any, config: dict[str, Any], *_: Any) -> None:
        self._record(config, "Invocations", 1)
        self._record(config, "Errors", float(isinstance(result, dict) and bool(result.get("error"))))
        self._record(config, "Duration", round(seconds * 1000, 1), "Milliseconds")
