"""Run a state machine, as the Amazon States Language says (https://states-language.net/spec.html).

MiniStack's functions do what happens to data inside a state (paths, JSONata, choice rules); here is what happens
around them: order, time, retries, branches, callbacks, and the history of it all. Everything runs on the daemon's
event loop, so that a stop or a timeout ends what it must end at once.
"""

from __future__ import annotations

import asyncio
import json
import random
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from ministack.services import stepfunctions as ministack

from opsctl.local.destinations import timestamp
from opsctl.local.exchange import Handler, signed_request
from opsctl.local.gaps.state_machines_calls import CallFailed, call
from opsctl.local.gaps.state_machines_history import Trail

StateFailed = ministack._ExecutionError

LARGEST_PAYLOAD = 256 * 1024
"""Step Functions quotas: the most that a task, state or execution takes and gives, bytes of UTF-8."""
INLINE_MAP_CONCURRENCY = 40
"""Most iterations of an inline Map at the same time."""
FUNCTIONS_AT_ONCE = 8
"""This machine's, not AWS's: a burst waits, instead of starting a worker for each of its calls (1 s of CPU, 75 MB)."""
POLL_SECONDS = 0.5
UNCATCHABLE = frozenset({"States.Runtime", "States.DataLimitExceeded"})
"""Errors that States.ALL doesn't match."""

# Prefixes of the errors of optimised integrations; those of aws-sdk ones are MiniStack's table.
ERROR_PREFIXES = {"dynamodb": "DynamoDB", "sns": "SNS", "sqs": "SQS", "events": "EventBridge", "batch": "Batch",
                  "states": "StepFunctions", "lambda": "Lambda"}  # fmt: skip

Context = dict[str, Any]


@dataclass
class Waiting:
    """A task that waits for its token to come back."""

    answer: asyncio.Future[Any]
    beat: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass
class Tokens:
    """The task tokens of one cloud. `closed` are those whose task has ended."""

    open: dict[str, Waiting] = field(default_factory=dict)
    closed: set[str] = field(default_factory=set)

    def close(self, token: str) -> None:
        if self.open.pop(token, None):
            self.closed.add(token)


def retry_delay_seconds(retrier: Mapping[str, Any], attempt: int, chance: Callable[[float, float], float]) -> float:
    """How long a retrier waits before its retry number `attempt` (from 0).

    Args:
        chance: a number between two, for JitterStrategy FULL (AWS: between 0 and the computed delay).
    """
    delay = float(retrier.get("IntervalSeconds", 1)) * float(retrier.get("BackoffRate", 2.0)) ** attempt
    delay = min(delay, float(retrier.get("MaxDelaySeconds", delay)))
    return chance(0.0, delay) if retrier.get("JitterStrategy") == "FULL" else delay


def matches(names: list[str], error: str) -> bool:
    """Whether a retrier or catcher is meant: States.ALL leaves out what can't be caught, States.TaskFailed timeouts."""
    if error in names:
        return True
    if error in UNCATCHABLE:
        return False
    # A missed heartbeat is a timeout, too: the error's name says which (API reference, error names).
    if error == "States.HeartbeatTimeout" and "States.Timeout" in names:
        return True
    return "States.ALL" in names or (
        "States.TaskFailed" in names and error not in ("States.Timeout", "States.HeartbeatTimeout")
    )


class Interpreter:
    """Runs executions of one account and region.

    Args:
        handle: calls a service as a client would.
        tokens: where callbacks find the tasks that wait.
        slots: how many functions may run at the same time.
    """

    def __init__(self, handle: Handler, account_id: str, region: str, tokens: Tokens, slots: asyncio.Semaphore) -> None:
        self._handle, self._account_id, self._region = handle, account_id, region
        self._tokens, self._slots = tokens, slots

    async def run(self, machine: Mapping[str, Any], data: Any, context: Context, trail: Trail) -> Any:
        """From StartAt to the end; gives the output.

        Raises:
            StateFailed: with the error that nothing caught.
        """
        states, name = machine.get("States", {}), machine.get("StartAt")
        while name:
            state = states.get(name)
            if state is None:
                raise StateFailed("States.Runtime", f"there is no state {name!r}")
            data, name = await self._state(name, state, data, context, trail)
            await asyncio.sleep(0)  # others take their turn, even in a long row of states that wait for nothing
        return data

    async def _state(
        self, name: str, state: Mapping[str, Any], data: Any, context: Context, trail: Trail
    ) -> tuple[Any, str | None]:
        kind = state.get("Type", "")
        context["State"] = {"Name": name, "EnteredTime": timestamp(datetime.now(UTC)), "RetryCount": 0}
        trail.add(f"{kind}StateEntered", {"name": name, "input": _text(data), "inputDetails": {"truncated": False}})
        if kind == "Fail":
            raise StateFailed(*ministack._fail_state_error(state, data, context))
        if kind in ("Task", "Parallel", "Map"):
            run = {"Task": self._task, "Parallel": self._parallel, "Map": self._map}[kind]
            output, following = await self._retried(state, data, context, lambda: run(state, data, context, trail))
        elif kind == "Wait":
            output, following = await self._wait(state, data, context)
        elif kind == "Succeed":
            output, following = _succeed(state, data, context), None
        elif kind in ("Pass", "Choice"):
            step = ministack._execute_pass if kind == "Pass" else ministack._execute_choice
            output, following = step(state, data, context)
        else:
            raise StateFailed("States.Runtime", f"unknown state type: {kind}")
        text = _text(output)
        if len(text.encode()) > LARGEST_PAYLOAD:
            raise StateFailed(
                "States.DataLimitExceeded",
                f"The state/task '{name}' returned a result with a size exceeding the maximum number of bytes"
                " service limit.",
            )
        trail.add(f"{kind}StateExited", {"name": name, "output": text, "outputDetails": {"truncated": False}})
        return output, following

    async def _retried(
        self, state: Mapping[str, Any], data: Any, context: Context,
        attempt: Callable[[], Awaitable[tuple[Any, str | None]]],
    ) -> tuple[Any, str | None]:  # fmt: skip
        entered, retries = context["State"], [0] * len(state.get("Retry", []))
        while True:
            context["State"] = {**entered, "RetryCount": sum(retries)}
            try:
                return await attempt()
            except StateFailed as error:
                # The first retrier that matches decides: once it is used up there is no other.
                found = next(
                    (number for number, retrier in enumerate(state.get("Retry", []))
                     if matches(retrier["ErrorEquals"], error.error)), None,
                )  # fmt: skip
                if found is not None and retries[found] < state["Retry"][found].get("MaxAttempts", 3):
                    delay = retry_delay_seconds(state["Retry"][found], retries[found], random.uniform)
                    retries[found] += 1
                    await asyncio.sleep(delay)
                    continue
                for catcher in state.get("Catch", []):
                    if matches(catcher["ErrorEquals"], error.error):
                        context["State"] = entered
                        language = ministack._state_query_language(state, context)
                        said = {"Error": error.error, "Cause": error.cause}
                        caught = ministack._apply_catcher(catcher, data, context, language, said)
                        return caught, catcher["Next"]
                raise

    async def _wait(self, state: Mapping[str, Any], data: Any, context: Context) -> tuple[Any, str | None]:
        if ministack._state_query_language(state, context) == "JSONata":
            if "Seconds" in state:
                seconds = ministack._jsonata_wait_seconds(state, data, context)
            else:
                seconds = _seconds_until(ministack._jsonata_wait_timestamp(state, data, context))
            await asyncio.sleep(max(0.0, seconds))
            output = ministack._apply_jsonata_output(state, data, context, default=data)
            ministack._apply_state_assign(state, data, context)
            return output, ministack._next_or_end(state)
        effective = ministack._apply_input_path(state, data, context)
        if "Seconds" in state or "SecondsPath" in state:
            seconds = state.get("Seconds")
            if seconds is None:
                seconds = ministack._resolve_path_or_ctx(state["SecondsPath"], effective, context)
        else:
            stamp = state.get("Timestamp") or ministack._resolve_path_or_ctx(state["TimestampPath"], effective, context)
            seconds = _seconds_until(stamp)
        await asyncio.sleep(max(0.0, float(seconds)))
        return ministack._apply_output_path(state, effective, context), ministack._next_or_end(state)

    async def _parallel(
        self, state: Mapping[str, Any], data: Any, context: Context, trail: Trail
    ) -> tuple[Any, str | None]:
        given = self._arguments(state, data, context)
        trail.add("ParallelStateStarted")
        branches = state.get("Branches", [])
        runs = [self.run(branch, given, _inner(context), trail.branch()) for branch in branches]
        results = await self._all(runs, trail, "ParallelState")
        return _result(state, data, context, results)

    async def _map(self, state: Mapping[str, Any], data: Any, context: Context, trail: Trail) -> tuple[Any, str | None]:
        processor = state.get("ItemProcessor") or state.get("Iterator") or {}
        if (processor.get("ProcessorConfig") or {}).get("Mode") == "DISTRIBUTED":
            record = ministack._executions[context["Execution"]["Id"]]
            output: tuple[Any, str | None] = await asyncio.to_thread(
                ministack._run_map_items, state, data, record, context
            )
            return output
        name = context["State"]["Name"]
        effective, jsonata = data, ministack._state_query_language(state, context) == "JSONata"
        if jsonata:
            items = ministack._jsonata_state_field(state, "Items", "array", data, context) if "Items" in state else data
        else:
            effective = ministack._apply_input_path(state, data, context)
            items = ministack._resolve_path_or_ctx(state.get("ItemsPath", "$"), effective, context)
        if not isinstance(items, list):
            raise StateFailed("States.Runtime", f"The items of '{name}' are no array.")
        most = self._number(state, "MaxConcurrency", data, context) or INLINE_MAP_CONCURRENCY
        free = asyncio.Semaphore(min(int(most), INLINE_MAP_CONCURRENCY))
        trail.add("MapStateStarted", {"length": len(items)})

        async def iteration(index: int, item: Any) -> Any:
            async with free:
                line, inner = trail.branch(), _inner(context)
                inner["Map"] = {"Item": {"Index": index, "Value": item}}
                which = {"name": name, "index": index}
                line.add("MapIterationStarted", which)
                selector = state.get("ItemSelector") or state.get("Parameters")
                given = item
                if selector and jsonata:
                    given = ministack._apply_jsonata_template(selector, data, inner)
                elif selector:
                    given = ministack._resolve_params_obj(selector, effective, inner)
                try:
                    output = await self.run(processor, given, inner, line)
                except StateFailed:
                    line.add("MapIterationFailed", which)
                    raise
                except asyncio.CancelledError:
                    line.add("MapIterationAborted", which)
                    raise
                line.add("MapIterationSucceeded", which)
                return output

        results = await self._all([iteration(*numbered) for numbered in enumerate(items)], trail, "MapState")
        return _result(state, data, context, results)

    async def _all(self, runs: list[Any], trail: Trail, kind: str) -> list[Any]:
        """Everything, at the same time; the first failure ends the others."""
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(run) for run in runs]
        except BaseExceptionGroup as errors:
            failed = errors.subgroup(StateFailed)
            trail.add(f"{kind}Failed")
            if failed is None:
                raise
            first: BaseException = failed
            while isinstance(first, BaseExceptionGroup):
                first = first.exceptions[0]
            raise first from None
        trail.add(f"{kind}Succeeded")
        return [task.result() for task in tasks]

    async def _task(
        self, state: Mapping[str, Any], data: Any, context: Context, trail: Trail
    ) -> tuple[Any, str | None]:
        resource = str(state.get("Resource", ""))
        if ".waitForTaskToken" in resource:
            context["Task"] = {"Token": secrets.token_urlsafe(96)}
        given = self._arguments(state, data, context)
        timeout = self._number(state, "TimeoutSeconds", data, context)
        heartbeat = self._number(state, "HeartbeatSeconds", data, context)
        events = _TaskEvents(trail, resource, self._region)
        events.scheduled(given, timeout, heartbeat)
        runs_function = (":function:" in resource or ":lambda:invoke" in resource) and "Token" not in resource
        try:
            async with self._slots if runs_function else _NOTHING:
                events.started()
                async with asyncio.timeout(timeout) as clock:
                    result = await self._perform(resource, given, context, heartbeat, events)
        except TimeoutError:
            if not clock.expired():
                raise
            events.timed_out("States.Timeout")
            raise StateFailed("States.Timeout", "") from None
        except CallFailed as error:
            failed = StateFailed(f"{_prefix(resource)}.{error.code}", error.message)
            events.failed(failed)
            raise failed from error
        except StateFailed as error:
            if error.error == "States.HeartbeatTimeout":
                events.timed_out(error.error)
            else:
                events.failed(error)
            raise
        events.succeeded(result)
        return _result(state, data, context, result)

    async def _perform(
        self, resource: str, given: Any, context: Context, heartbeat: float | None, events: _TaskEvents
    ) -> Any:
        if resource.endswith(".waitForTaskToken"):
            return await self._called_back(resource, given, context["Task"]["Token"], heartbeat, events)
        if ":function:" in resource:
            return (await self._invoke(resource, given))["Payload"]
        if not resource.startswith("arn:") or ":states:::" not in resource:
            return await asyncio.to_thread(ministack._invoke_resource, resource, given)  # activities
        return await self._integrate(resource, given, events)

    async def _integrate(self, resource: str, given: Any, events: _TaskEvents) -> Any:
        parameters = dict(given) if isinstance(given, dict) else {}
        *_, service, action = resource.split(":")
        if action in ("2",):  # startExecution.sync:2
            *_, service, action, _version = resource.split(":")
        action, _, pattern = action.partition(".")
        if service == "lambda" and action == "invoke":
            return await self._invoke(
                str(parameters.get("FunctionName", "")), parameters.get("Payload"), parameters.get("InvocationType")
            )
        operation = action[:1].upper() + action[1:]
        call_service = self._call
        if pattern.startswith("sync"):
            finish = SYNCHRONOUS.get((service, action))
            if finish is None:
                return await asyncio.to_thread(ministack._invoke_resource, resource, given)
            submitted = await call_service(service, operation, parameters)
            events.submitted(submitted)
            return await finish(call_service, submitted, resource.endswith(":2"))
        result = await call_service(service, operation, parameters)
        if (service, action) == ("events", "putEvents") and result.get("FailedEntryCount"):
            raise StateFailed("EventBridge.FailedEntry", _text(result["Entries"]))
        return result

    async def _call(self, service: str, operation: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        return await call(self._handle, self._account_id, self._region, service, operation, parameters)

    async def _invoke(self, function: str, payload: Any, invocation_type: str | None = None) -> dict[str, Any]:
        answer = await self._handle(
            signed_request(
                "lambda", self._account_id, self._region, "POST",
                f"/2015-03-31/functions/{quote(function, safe='')}/invocations",
                headers={"x-amz-invocation-type": invocation_type or "RequestResponse"}, body=_text(payload).encode(),
            )
        )  # fmt: skip
        if answer.status >= 300:
            said = json.loads(answer.body or b"{}")
            kind = answer.header("x-amzn-errortype") or said.get("__type") or said.get("Type") or "ServiceException"
            if answer.status == 429:
                kind = "TooManyRequestsException"
            raise StateFailed(f"Lambda.{kind.rpartition('#')[2].partition(':')[0]}", _text(said))
        text = answer.body.decode("utf-8", "replace")
        if answer.header("x-amz-function-error"):
            said = _json(text)
            kind = said.get("errorType") if isinstance(said, dict) else None
            raise StateFailed(kind or "Lambda.Unknown", text)
        return {
            "ExecutedVersion": answer.header("x-amz-executed-version") or "$LATEST",
            "Payload": _json(text),
            "StatusCode": answer.status,
        }

    async def _called_back(
        self, resource: str, given: Any, token: str, heartbeat: float | None, events: _TaskEvents
    ) -> Any:
        waiting = Waiting(asyncio.get_running_loop().create_future())
        self._tokens.open[token] = waiting
        try:
            events.submitted(await self._integrate(resource.removesuffix(".waitForTaskToken"), given, events))
            while True:
                beat = asyncio.ensure_future(waiting.beat.wait())
                try:
                    done, _ = await asyncio.wait(
                        {waiting.answer, beat}, timeout=heartbeat, return_when=asyncio.FIRST_COMPLETED
                    )
                finally:
                    beat.cancel()
                if waiting.answer in done:
                    return waiting.answer.result()
                if not done:
                    raise StateFailed("States.HeartbeatTimeout", "")
                waiting.beat.clear()
        finally:
            self._tokens.close(token)

    @staticmethod
    def _arguments(state: Mapping[str, Any], data: Any, context: Context) -> Any:
        if ministack._state_query_language(state, context) == "JSONata":
            return ministack._apply_jsonata_arguments(state, data, context)
        return ministack._apply_parameters(state, ministack._apply_input_path(state, data, context), context)

    @staticmethod
    def _number(state: Mapping[str, Any], name: str, data: Any, context: Context) -> float | None:
        if path := state.get(f"{name}Path"):
            found = ministack._resolve_path_or_ctx(path, data, context)
        elif name not in state:
            return None
        else:
            found = ministack._apply_jsonata_template(state[name], data, context)
        if isinstance(found, bool) or not isinstance(found, int | float) or found < 0:
            raise StateFailed("States.Runtime", f"{name} must be a number, not {found!r}")
        return float(found)


class _TaskEvents:
    """The events of one attempt of a task: a function named directly has its own kinds."""

    def __init__(self, trail: Trail, resource: str, region: str) -> None:
        self._trail, self._resource, self._region = trail, resource, region
        self._direct = ":function:" in resource
        parts = resource.split(":")
        end = -2 if parts[-1].isdigit() else -1
        kind = ":".join(parts[5:end]) if ":states:::" in resource else ""
        self._which = {"resourceType": kind or "lambda", "resource": ":".join(parts[end:])}

    def scheduled(self, given: Any, timeout: float | None, heartbeat: float | None) -> None:
        limits = {"timeoutInSeconds": timeout, "heartbeatInSeconds": heartbeat}
        said = {name: int(value) for name, value in limits.items() if value is not None}
        if self._direct:
            said.pop("heartbeatInSeconds", None)
            self._trail.add("LambdaFunctionScheduled", {"resource": self._resource, "input": _text(given), **said})
        else:
            details = {**self._which, "region": self._region, "parameters": _text(given), **said}
            self._trail.add("TaskScheduled", details)

    def started(self) -> None:
        if self._direct:
            self._trail.add("LambdaFunctionStarted")
        else:
            self._trail.add("TaskStarted", self._which)

    def submitted(self, result: Any) -> None:
        self._trail.add("TaskSubmitted", {**self._which, "output": _text(result)})

    def succeeded(self, result: Any) -> None:
        if self._direct:
            self._trail.add("LambdaFunctionSucceeded", {"output": _text(result)})
        else:
            self._trail.add("TaskSucceeded", {**self._which, "output": _text(result)})

    def failed(self, error: Any) -> None:
        self._ended("Failed", error.error, error.cause)

    def timed_out(self, error: str) -> None:
        self._ended("TimedOut", error, "")

    def _ended(self, how: str, error: str, cause: str) -> None:
        said = {"error": error, "cause": cause}
        self._trail.add(
            f"LambdaFunction{how}" if self._direct else f"Task{how}", said if self._direct else self._which | said
        )


class _Nothing:
    async def __aenter__(self) -> None: ...

    async def __aexit__(self, *error: object) -> None: ...


_NOTHING = _Nothing()


async def _batch_job(call_service: Any, submitted: Mapping[str, Any], as_json: bool) -> Any:
    while True:
        await asyncio.sleep(POLL_SECONDS)
        jobs = (await call_service("batch", "DescribeJobs", {"Jobs": [submitted["JobId"]]}))["Jobs"]
        if jobs and jobs[0]["Status"] == "SUCCEEDED":
            return jobs[0]
        if jobs and jobs[0]["Status"] == "FAILED":
            raise StateFailed("States.TaskFailed", _text(jobs[0]))


async def _child_execution(call_service: Any, submitted: Mapping[str, Any], as_json: bool) -> Any:
    """`.sync` gives the output as text, `.sync:2` as JSON."""
    while True:
        await asyncio.sleep(POLL_SECONDS / 5)
        child = await call_service("states", "DescribeExecution", {"ExecutionArn": submitted["ExecutionArn"]})
        if child["Status"] == "SUCCEEDED":
            return child | {"Output": _json(child["Output"])} if as_json else child
        if child["Status"] != "RUNNING":
            raise StateFailed("States.TaskFailed", _text(child))


# Jobs that a task can wait for, beside those that MiniStack's own code waits for.
SYNCHRONOUS: Mapping[tuple[str, str], Callable[[Any, Mapping[str, Any], bool], Awaitable[Any]]] = {
    ("batch", "submitJob"): _batch_job,
    ("states", "startExecution"): _child_execution,
}


def _inner(context: Context) -> Context:
    """A branch's context: it sees the variables around it, and has its own state."""
    return {**context, "variables": dict(context.get("variables", {}))}


def _result(state: Mapping[str, Any], data: Any, context: Context, result: Any) -> tuple[Any, str | None]:
    if ministack._state_query_language(state, context) == "JSONata":
        output = ministack._apply_jsonata_output(state, data, context, result=result, default=result)
        ministack._apply_state_assign(state, data, context, result=result)
    else:
        selected = ministack._apply_result_selector(state, result)
        output = ministack._apply_result_path(state, data, selected)
        output = ministack._apply_output_path(state, output, context)
    return output, ministack._next_or_end(state)


def _succeed(state: Mapping[str, Any], data: Any, context: Context) -> Any:
    if ministack._state_query_language(state, context) == "JSONata":
        return ministack._apply_jsonata_output(state, data, context, default=data)
    return ministack._apply_output_path(state, ministack._apply_input_path(state, data, context), context)


def _prefix(resource: str) -> str:
    parts = resource.split(":")
    if "aws-sdk" in parts:
        service = parts[parts.index("aws-sdk") + 1].lower()
        prefix: str = ministack._AWS_SDK_ERROR_PREFIX.get(service, service.capitalize())
        return prefix
    service = parts[5] if len(parts) > 5 else "States"
    return ERROR_PREFIXES.get(service, service.capitalize())


def _text(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), default=str)


def _json(text: str) -> Any:
    try:
        return json.loads(text) if text else None
    except ValueError:
        return text


def _seconds_until(stamp: Any) -> float:
    try:
        return (datetime.fromisoformat(str(stamp)) - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError) as error:
        raise StateFailed("States.Runtime", f"no timestamp: {stamp!r}") from error
