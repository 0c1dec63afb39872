"""Lambda: a function that raised an error stays warm.

On AWS an error ends the invocation, not the execution environment. MiniStack kills the worker, so that an authorizer,
which answers each refused token by raising, would start anew for each of them.
"""

from __future__ import annotations

from typing import Any

from opsctl.local.gaps.gap import Gap

RAISED = '{"status": "error", "error": str(e), "trace": traceback.format_exc()}'
SAID = '{"status": "ok", "result": None, "raised": {"error": str(e), "trace": traceback.format_exc()}}'


class FunctionErrors(Gap):
    async def install(self) -> None:
        from ministack.core import lambda_runtime

        script: str = lambda_runtime._PYTHON_WORKER_SCRIPT
        if script.count(RAISED) != 1:
            raise RuntimeError("MiniStack's worker reports errors in another way: see to this gap.")
        lambda_runtime._PYTHON_WORKER_SCRIPT = script.replace(RAISED, SAID)
        invoke = lambda_runtime.Worker.invoke

        def invoke_and_keep(worker: Any, *arguments: Any, **settings: Any) -> dict[str, Any]:
            response: dict[str, Any] = invoke(worker, *arguments, **settings)
            raised = response.pop("raised", None)
            return response if raised is None else {**response, "status": "error", **raised}

        lambda_runtime.Worker.invoke = invoke_and_keep
