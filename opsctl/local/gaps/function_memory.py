"""Lambda: a function that takes more memory than it has is killed, and its invocation fails.

MiniStack tells a worker how much it has, and lets it take what it wants. Here the peak of a worker's resident memory
(VmHWM, proc(5)) is looked at while it works and again before its answer counts: above `MemorySize` its process is
killed, as AWS's is (`Runtime.ExitError`, "signal: killed"; the Errors metric). REPORT's "Max Memory Used" is that peak.

An idle worker has 31 MB here and about as much on AWS, so the limit holds without an allowance: the stack's functions
have peaks of 51 to 94 MB and limits of 256 MB and more (measured with all systems at work). What a function's child
processes take is not counted.
"""

from __future__ import annotations

import asyncio
import threading
from signal import SIGKILL
from typing import Any

from opsctl.local.gaps.function_errors import DIED
from opsctl.local.gaps.gap import Gap
from opsctl.local.repeating import every
from opsctl.proc import peak_memory

LOOK_SECONDS = 0.1
ENDED_SECONDS = 5.0


class FunctionMemory(Gap):
    async def install(self) -> None:
        from ministack.core import lambda_runtime
        from ministack.services import lambda_svc

        self._at_work: set[Any] = set()
        last = threading.local()  # an invocation has its thread, from here to its log
        invoke, probe = lambda_runtime.Worker.invoke, lambda_svc._probe_peak_memory_mb

        def invoke_within_limits(worker: Any, *arguments: Any, **named: Any) -> dict[str, Any]:
            last.peak_mb = None
            self._at_work.add(worker)
            try:
                response: dict[str, Any] = invoke(worker, *arguments, **named)
            except RuntimeError:  # it ended while it loaded its code
                if worker._proc is None or worker._proc.wait(ENDED_SECONDS) != -SIGKILL:
                    raise
                return {"status": "error", "error": DIED, "log": worker._drain_stderr()}
            finally:
                self._at_work.discard(worker)
            process = worker._proc
            if process is not None:
                last.peak_mb = _peak_mb(process)
                if outgrew(process, worker.config.get("MemorySize")):
                    process.kill()
                    process.wait()
                    worker._proc = None
                    return {**response, "status": "error", "error": DIED, "raised": None}
            return response

        def probe_worker(function: dict[str, Any]) -> int:
            peak = getattr(last, "peak_mb", None)
            return round(peak) if peak else int(probe(function))

        lambda_runtime.Worker.invoke = invoke_within_limits
        lambda_svc._probe_peak_memory_mb = probe_worker
        self._watching = asyncio.create_task(every(LOOK_SECONDS, self._look))

    async def uninstall(self) -> None:
        self._watching.cancel()

    def _look(self) -> None:
        """End what grows on and on, before it has taken this machine's memory."""
        for worker in list(self._at_work):
            process, limit_mb = worker._proc, worker.config.get("MemorySize")
            if process is not None and limit_mb and (_peak_mb(process) or 0) > int(limit_mb):
                process.kill()


def outgrew(process: Any, limit_mb: Any) -> bool:
    """Whether a worker took more than it has. One whose peak can't be told any more was ended by a look just now, after
    it had answered.
    """
    peak = _peak_mb(process)
    if peak is None:
        return bool(process.wait(ENDED_SECONDS) == -SIGKILL)
    return bool(limit_mb) and peak > int(limit_mb)


def _peak_mb(process: Any) -> float | None:
    peak = peak_memory(process.pid)
    return None if peak is None else peak / 2**20
