"""Lambda: a function that raised an error stays warm, and its error has its name.

On AWS an error ends the invocation, not the execution environment. MiniStack kills the worker, so that an authorizer,
which answers each refused token by raising, would start anew for each of them. And AWS names an error by its class,
which Retry and Catch of a state machine go by, with its stack; a process that ended is `Runtime.ExitError`
(https://docs.aws.amazon.com/lambda/latest/dg/python-exceptions.html). MiniStack calls everything HandlerError.
"""

from __future__ import annotations

import threading
from typing import Any

from opsctl.local.gaps.gap import Gap

RAISED = '{"status": "error", "error": str(e), "trace": traceback.format_exc()}'
SAID = (
    '{"status": "ok", "result": None, "raised": {"error": str(e), "trace": traceback.format_exc(),'
    ' "type": type(e).__name__, "stack": traceback.format_tb(e.__traceback__)[1:]}}'
)
DIED = "Worker process died"


class FunctionErrors(Gap):
    async def install(self) -> None:
        from ministack.core import lambda_runtime
        from ministack.services import lambda_svc

        script: str = lambda_runtime._PYTHON_WORKER_SCRIPT
        if script.count(RAISED) != 1:
            raise RuntimeError("MiniStack's worker reports errors in another way: see to this gap.")
        lambda_runtime._PYTHON_WORKER_SCRIPT = script.replace(RAISED, SAID)
        invoke, execute = lambda_runtime.Worker.invoke, lambda_svc._execute_function_warm
        last = threading.local()  # an invocation has its thread, from here to the answer

        def invoke_and_keep(worker: Any, event: Any, request_id: str, **settings: Any) -> dict[str, Any]:
            response: dict[str, Any] = invoke(worker, event, request_id, **settings)
            raised = response.pop("raised", None)
            last.error = None
            if raised is not None:
                last.error = {"errorType": raised.pop("type"), "stackTrace": raised.pop("stack")}
                return {**response, "status": "error", **raised}
            if response.get("error") == DIED:
                last.error = {"errorType": "Runtime.ExitError"}
                response["error"] = f"RequestId: {request_id} Error: Runtime exited with error: signal: killed"
            return response

        def execute_and_name(function: dict[str, Any], event: Any, request_id: str) -> dict[str, Any]:
            last.error = None
            answer: dict[str, Any] = execute(function, event, request_id)
            if answer.get("error") and last.error:
                answer["body"] = {**answer["body"], **last.error, "requestId": request_id}
            return answer

        lambda_runtime.Worker.invoke = invoke_and_keep
        lambda_svc._execute_function_warm = execute_and_name
