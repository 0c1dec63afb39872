"""Step Functions: executions as AWS runs, tells, logs and counts them.

MiniStack's interpreter ignores a machine's TimeoutSeconds, heartbeats, MaxDelaySeconds and jitter, keeps no history
inside of Map and Parallel, goes on after StopExecution, can't tell a token that was used from one that never was, and
treats Express machines as Standard ones. Here its API and records stay, and `state_machines_interpreter` runs what
they describe. Sources: Step Functions API reference (StartExecution, StartSyncExecution, StopExecution, SendTask*),
developer guide ("Monitoring with CloudWatch metrics", "Logging in CloudWatch Logs", "Service quotas").
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import time
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from opsctl.local.destinations import timestamp
from opsctl.local.gaps.gap import Gap
from opsctl.local.gaps.state_machines_history import Trail, is_logged
from opsctl.local.metrics import Metric
from opsctl.workflows.asl import problems

LARGEST_INPUT = 256 * 1024
EXPRESS_SECONDS = 300.0
"""An Express execution ends after five minutes (Step Functions quotas)."""
NAME = re.compile(r"[^\s\x00-\x1f\x7f-\x9f<>{}\[\]?*\"#%\\^|~`$&,;:/]{1,80}")
DATA_FIELDS = frozenset({"input", "output", "parameters", "inputDetails", "outputDetails"})
ENDINGS = {
    "SUCCEEDED": "ExecutionsSucceeded",
    "FAILED": "ExecutionsFailed",
    "TIMED_OUT": "ExecutionsTimedOut",
    "ABORTED": "ExecutionsAborted",
}
HOOKS = (
    "start_execution", "start_sync_execution", "stop_execution", "list_executions", "send_task_success",
    "send_task_failure", "send_task_heartbeat", "create_state_machine", "update_state_machine",
    "validate_state_machine_definition",
)  # fmt: skip


class StateMachines(Gap):
    async def install(self) -> None:
        from ministack.services import stepfunctions

        from opsctl.local.gaps import state_machines_interpreter as interpreter

        self._service, self._interpreter = stepfunctions, interpreter
        self._loop = asyncio.get_running_loop()
        self._tokens = interpreter.Tokens()
        self._slots = asyncio.Semaphore(interpreter.FUNCTIONS_AT_ONCE)
        self._running: dict[str, asyncio.Task[None]] = {}
        self._kept = {name: getattr(stepfunctions, f"_{name}") for name in HOOKS}
        for name in HOOKS:
            setattr(stepfunctions, f"_{name}", getattr(self, f"_{name}"))

    async def uninstall(self) -> None:
        for task in self._running.values():
            task.cancel()

    # Executions. Each of these is called with the request's account and region in context, on the loop or on a thread.

    def _start_execution(self, asked: dict[str, Any]) -> Any:
        from ministack.core.responses import json_response

        record = self._record(asked)
        if not isinstance(record, dict):
            return record
        if "task" not in record:  # the same execution again
            return json_response({"executionArn": record["executionArn"], "startDate": record["startDate"]})
        self._loop.call_soon_threadsafe(self._begin, record)
        return json_response({"executionArn": record["executionArn"], "startDate": record["startDate"]})

    def _start_sync_execution(self, asked: dict[str, Any]) -> Any:
        from ministack.core.responses import json_response

        machine = self._machine(asked)
        if machine is not None and machine["type"] != "EXPRESS":
            return _refused(
                "StateMachineTypeNotSupported", "This operation is not supported by this type of state machine"
            )
        record = self._record(asked)
        if not isinstance(record, dict):
            return record
        begun = time.monotonic()
        asyncio.run_coroutine_threadsafe(self._to_the_end(record), self._loop).result()
        milliseconds = (time.monotonic() - begun) * 1000
        answer = {
            name: record[name]
            for name in ("executionArn", "stateMachineArn", "name", "startDate", "stopDate", "status", "input",
                         "inputDetails", "output", "outputDetails", "error", "cause")
            if record.get(name) is not None
        }  # fmt: skip
        billed = {"billedMemoryUsedInMB": 64, "billedDurationInMilliseconds": int(-(-milliseconds // 100) * 100)}
        return json_response(answer | {"billingDetails": billed})

    def _machine(self, asked: Mapping[str, Any]) -> dict[str, Any] | None:
        arn = self._service._resolve_state_machine_arn(str(asked.get("stateMachineArn", "")).partition("#")[0])
        found: dict[str, Any] | None = self._service._state_machines.get(arn) if arn else None
        return found

    def _record(self, asked: Mapping[str, Any]) -> Any:
        """The record of a new execution, in MiniStack's shape; a refusal; or that of one that was started before."""
        from ministack.core.responses import get_account_id, get_region

        machine = self._machine(asked)
        if machine is None:
            return _refused(
                "StateMachineDoesNotExist", f"State Machine Does Not Exist: '{asked.get('stateMachineArn')}'"
            )
        name, text = asked.get("name") or str(uuid.uuid4()), asked.get("input", "{}")
        if not NAME.fullmatch(name):
            return _refused("InvalidName", f"Invalid Name: '{name}'")
        try:
            data = json.loads(text)
        except ValueError:
            return _refused("InvalidExecutionInput", f"Invalid State Machine Execution Input: '{text[:200]}'")
        if len(text.encode()) > LARGEST_INPUT:
            return _refused("InvalidExecutionInput", f"The input has more than {LARGEST_INPUT} bytes")
        express = machine["type"] == "EXPRESS"
        place = f"arn:aws:states:{get_region()}:{get_account_id()}"
        arn = f"{place}:execution:{machine['name']}:{name}"
        if express:
            arn = f"{place}:express:{machine['name']}:{name}:{uuid.uuid4()}"
        elif known := self._service._executions.get(arn):
            # Idempotent while it runs and the input is the same (API reference, StartExecution).
            if known["status"] == "RUNNING" and known["input"] == text:
                return known
            return _refused("ExecutionAlreadyExists", f"Execution Already Exists: '{arn}'")
        version = self._service._execution_version_arn(asked.get("stateMachineArn"))
        described = self._service._state_machine_versions.get(version) or machine
        record: dict[str, Any] = {
            "executionArn": arn, "stateMachineArn": machine["stateMachineArn"], "name": name, "status": "RUNNING",
            "startDate": timestamp(datetime.now(UTC)), "stopDate": None, "input": text, "output": None,
            "inputDetails": {"included": True}, "outputDetails": {"included": True}, "events": [],
            "testCase": "", "mockAttempts": {}, "sync": express,
        }  # fmt: skip
        if not express:
            self._service._executions[arn] = dict(record)
            record = self._service._executions[arn]
        # What only the start needs to know; popped before anybody is shown the record.
        record["task"] = (described, data, get_account_id(), get_region())
        return record

    def _begin(self, record: dict[str, Any]) -> None:
        task = self._loop.create_task(self._to_the_end(record))
        self._running[record["executionArn"]] = task
        task.add_done_callback(lambda _: self._running.pop(record["executionArn"], None))

    async def _to_the_end(self, record: dict[str, Any]) -> None:
        from ministack.core.responses import request_scope

        machine, data, account_id, region = record.pop("task")
        with request_scope(account_id, region):
            await self._execute(record, machine, data, account_id, region)

    async def _execute(
        self, record: dict[str, Any], machine: Mapping[str, Any], data: Any, account_id: str, region: str
    ) -> None:
        definition = json.loads(machine["definition"])
        trail = Trail(record["events"], self._log(record, machine, account_id, region))
        self._count(record, account_id, region, {"ExecutionsStarted": (1, "Count")})
        trail.add(
            "ExecutionStarted",
            {"input": record["input"], "inputDetails": {"truncated": False}, "roleArn": machine["roleArn"]},
        )
        self._service._emit_execution_status_event(record)
        context = {
            "QueryLanguage": definition.get("QueryLanguage", "JSONPath"),
            "Execution": {"Id": record["executionArn"], "Input": data, "Name": record["name"],
                          "RoleArn": machine["roleArn"], "StartTime": record["startDate"], "RedriveCount": 0},
            "StateMachine": {"Id": record["stateMachineArn"], "Name": record["executionArn"].split(":")[6]},
            "variables": {},
        }  # fmt: skip
        longest = definition.get("TimeoutSeconds") or (EXPRESS_SECONDS if record["sync"] else None)
        runner = self._interpreter.Interpreter(self.cloud.handle, account_id, region, self._tokens, self._slots)
        begun = time.monotonic()
        try:
            async with asyncio.timeout(longest) as clock:
                output = await runner.run(definition, data, context, trail)
            text = json.dumps(output, separators=(",", ":"), default=str)
            self._end(record, trail, "SUCCEEDED", {"output": text, "outputDetails": {"truncated": False}}, output=text)
        except TimeoutError:
            error = "States.Timeout" if clock.expired() else "States.Runtime"
            self._end(record, trail, "TIMED_OUT" if clock.expired() else "FAILED", {"error": error}, error=error)
        except asyncio.CancelledError:
            said = {name: record[name] for name in ("error", "cause") if record.get(name)}
            self._end(record, trail, "ABORTED", said)
        except self._interpreter.StateFailed as failed:
            said = {"error": failed.error, "cause": failed.cause}
            self._end(record, trail, "FAILED", said, **said)
        except Exception as bug:
            said = {"error": "States.Runtime", "cause": str(bug)}
            self._end(record, trail, "FAILED", said, **said)
            raise
        finally:
            milliseconds = (time.monotonic() - begun) * 1000
            ended = {ENDINGS[record["status"]]: (1.0, "Count"), "ExecutionTime": (milliseconds, "Milliseconds")}
            self._count(record, account_id, region, ended)

    def _end(
        self, record: dict[str, Any], trail: Trail, status: str, details: Mapping[str, Any], **result: Any
    ) -> None:
        record.update({"status": status, "stopDate": record["stopDate"] or timestamp(datetime.now(UTC)), **result})
        kind = {"SUCCEEDED": "Succeeded", "FAILED": "Failed", "TIMED_OUT": "TimedOut", "ABORTED": "Aborted"}[status]
        trail.add(f"Execution{kind}", details)
        self._service._emit_execution_status_event(record)

    def _stop_execution(self, asked: dict[str, Any]) -> Any:
        from ministack.core.responses import json_response

        record = self._service._executions.get(asked.get("executionArn"))
        if record is None:
            return _refused("ExecutionDoesNotExist", f"Execution Does Not Exist: '{asked.get('executionArn')}'")
        if record["status"] == "RUNNING":
            # Answered at once; the rest of it ends with the task.
            stopped = timestamp(datetime.now(UTC))
            record.update(status="ABORTED", stopDate=stopped, error=asked.get("error"), cause=asked.get("cause"))
            if task := self._running.get(record["executionArn"]):
                self._loop.call_soon_threadsafe(task.cancel)
        return json_response({"stopDate": record["stopDate"]})

    def _list_executions(self, asked: dict[str, Any]) -> Any:
        machine = self._machine(asked)
        if machine is not None and machine["type"] == "EXPRESS":
            return _refused(
                "StateMachineTypeNotSupported", "This operation is not supported by this type of state machine"
            )
        return self._kept["list_executions"](asked)

    # Callbacks. Tokens of activities are MiniStack's.

    def _send_task_success(self, asked: dict[str, Any]) -> Any:
        try:
            output = json.loads(asked.get("output", ""))
        except ValueError:
            return _refused("InvalidOutput", "Invalid Output: the output is no JSON")
        return self._answer("send_task_success", asked, lambda future: future.set_result(output))

    def _send_task_failure(self, asked: dict[str, Any]) -> Any:
        failed = self._interpreter.StateFailed(asked.get("error") or "States.TaskFailed", asked.get("cause") or "")
        return self._answer("send_task_failure", asked, lambda future: future.set_exception(failed))

    def _send_task_heartbeat(self, asked: dict[str, Any]) -> Any:
        return self._answer("send_task_heartbeat", asked, None)

    def _answer(self, name: str, asked: dict[str, Any], answer: Any) -> Any:
        from ministack.core.responses import json_response

        token = asked.get("taskToken", "")
        if token in self._service._task_tokens:
            return self._kept[name](asked)
        if token in self._tokens.closed:
            return _refused("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'")
        waiting = self._tokens.open.get(token)
        if waiting is None:
            return _refused("InvalidToken", "Invalid Token: 'Invalid token'")
        if answer is None:
            self._loop.call_soon_threadsafe(waiting.beat.set)
        else:
            self._tokens.close(token)  # now: a second answer comes too late, even before the task has seen the first
            self._loop.call_soon_threadsafe(_settle, waiting.answer, answer)
        return json_response({})

    # Machines.

    def _create_state_machine(self, asked: dict[str, Any]) -> Any:
        return self._defined("create_state_machine", asked)

    def _update_state_machine(self, asked: dict[str, Any]) -> Any:
        return self._defined("update_state_machine", asked)

    def _defined(self, name: str, asked: dict[str, Any]) -> Any:
        from ministack.core.responses import get_account_id, get_region

        if (definition := asked.get("definition")) is not None and (found := problems(definition)):
            said = "; ".join(f"{problem.where}: {problem.what}" for problem in found)
            return _refused("InvalidDefinition", f"Invalid State Machine Definition: '{said}'")
        answer = self._kept[name](asked)
        place = f"arn:aws:states:{get_region()}:{get_account_id()}:stateMachine"
        machine = self._service._state_machines.get(asked.get("stateMachineArn") or f"{place}:{asked.get('name')}")
        if answer[0] < 300 and machine is not None and (name.startswith("create") or "tracingConfiguration" in asked):
            machine["tracingConfiguration"] = asked.get("tracingConfiguration") or {"enabled": False}
        return answer

    def _validate_state_machine_definition(self, asked: dict[str, Any]) -> Any:
        from ministack.core.responses import json_response

        found = problems(asked.get("definition", ""))
        diagnostics = [
            {
                "severity": "ERROR",
                "code": "SCHEMA_VALIDATION_FAILED",
                "message": problem.what,
                "location": problem.where,
            }
            for problem in found
        ]
        return json_response({"result": "FAIL" if found else "OK", "diagnostics": diagnostics, "truncated": False})

    # What is told of them.

    def _count(
        self, record: Mapping[str, Any], account_id: str, region: str, values: Mapping[str, tuple[float, str]]
    ) -> None:
        dimensions = (("StateMachineArn", str(record["stateMachineArn"])),)
        for name, (value, unit) in values.items():
            self.cloud.metrics.record(Metric(account_id, region, "AWS/States", name, dimensions, unit), value)

    def _log(self, record: Mapping[str, Any], machine: Mapping[str, Any], account_id: str, region: str) -> Any:
        settings = machine.get("loggingConfiguration") or {}
        level, with_data = settings.get("level", "OFF"), bool(settings.get("includeExecutionData"))
        groups = [
            destination["cloudWatchLogsLogGroup"]["logGroupArn"].split(":log-group:")[1].removesuffix(":*")
            for destination in settings.get("destinations", [])
        ]
        name = record["executionArn"].split(":")[6]
        stream = f"states/{name}/{datetime.now(UTC):%Y-%m-%d-%H-%M}/{uuid.uuid4().hex[:8]}"

        def write(event: Mapping[str, Any], details: Mapping[str, Any]) -> None:
            if not groups or not is_logged(level, event["type"]):
                return
            shown = {key: value for key, value in details.items() if with_data or key not in DATA_FIELDS}
            stamp = datetime.fromisoformat(event["timestamp"]).timestamp()
            line = {
                "id": str(event["id"]), "type": event["type"], "details": shown,
                "redrive_count": "0", "previous_event_id": str(event["previousEventId"]),
                "event_timestamp": str(int(stamp * 1000)), "execution_arn": record["executionArn"],
            }  # fmt: skip
            for group in groups:
                self.cloud.logs.write(account_id, region, group, stream, line)

        return write


def _settle(future: asyncio.Future[Any], answer: Any) -> None:
    with contextlib.suppress(asyncio.InvalidStateError):  # the task ended in this very moment
        answer(future)


def _refused(kind: str, message: str) -> Any:
    from ministack.core.responses import error_response_json

    return error_response_json(kind, message, 400)
