"""Lambda: asynchronous invocations are retried, and what fails in the end is sent to its destination, as configured.

On AWS an asynchronous event (Invoke with type Event, SNS, S3, EventBridge, Scheduler) is tried three times, and the
configuration of the alias that was called says how often, for how long, and where its record goes. MiniStack looks at
the unpublished function's configuration only, and calls a function for SNS and EventBridge just once. Here they all go
one way: each attempt is an invocation like any other, through all gaps.

Sources: Lambda developer guide, "How Lambda handles errors and retries with asynchronous invocation" (twice more after
1 and 2 minutes; here 1 and 2 seconds; throttled ones for as long as the event may get old) and "Capturing records of
Lambda asynchronous invocations" (their shape); metrics: "Types of metrics for Lambda functions".
"""

from __future__ import annotations

import asyncio
import json
import logging
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from opsctl.local.destinations import dead_letter, deliver, invocation, object_time, timestamp
from opsctl.local.exchange import Handler, Request, Response
from opsctl.local.gaps.gap import Gap
from opsctl.local.repeating import Background

RETRY_SECONDS = (1.0, 2.0)
THROTTLED_SECONDS, LONGEST_THROTTLED_SECONDS = 0.2, 5.0
LARGEST_BYTES = 1024 * 1024
"""Quota "Invocation payload", asynchronous."""


@dataclass(frozen=True)
class Settings:
    """What is configured for a function that is called by one qualifier."""

    retries: int = 2
    age_seconds: float = 6 * 3600
    on_failure: str = ""
    on_success: str = ""
    dead_letters: str = ""


class AsyncInvocations(Gap):
    async def install(self) -> None:
        from ministack.services import eventbridge, lambda_svc, s3, sns

        self._functions = lambda_svc
        self._background = Background()

        def from_rule(arn: str, payload: str) -> None:
            self._enqueue(arn, payload.encode())

        def from_topic(arn: str, envelope: str, _topic: str, subscription: str, *_: Any) -> None:
            record = {
                "EventVersion": "1.0",
                "EventSubscriptionArn": subscription,
                "EventSource": "aws:sns",
                "Sns": json.loads(envelope),
            }
            self._enqueue(arn, json.dumps({"Records": [record]}).encode())

        def from_bucket(arn: str, event: dict[str, Any], _region: str) -> None:
            self._enqueue(arn, json.dumps(event).encode())

        eventbridge._dispatch_to_lambda = from_rule
        sns._deliver_to_lambda = from_topic
        s3._deliver_event_to_lambda = from_bucket

    async def uninstall(self) -> None:
        self._background.cancel()

    def wants(self, request: Request) -> bool:
        return request.headers.get("x-amz-invocation-type") == "Event" and request.path.endswith("/invocations")

    async def answer(self, request: Request, forward: Handler) -> Response:
        """Accept an event if there is such a function; it is worked off later."""
        if len(request.body) > LARGEST_BYTES:
            return await forward(request)
        asked = await forward(replace(request, headers={**request.headers, "x-amz-invocation-type": "DryRun"}))
        if asked.status != 204:
            return asked
        from ministack.core.responses import request_scope

        function = request.path.split("/functions/")[1].removesuffix("/invocations")
        qualifier = request.query.get("Qualifier") or request.headers.get("x-amz-qualifier")
        with request_scope(self.cloud.account_of(request), request.region):
            self._enqueue(function, request.body or b"{}", qualifier)
        return replace(asked, status=202)

    def _enqueue(self, function: str, payload: bytes, qualifier: str | None = None) -> None:
        """Have an event worked off, in the account and region that are at work now. From any thread."""
        from ministack.core.responses import get_account_id, get_region

        name, said = self._functions._resolve_name_and_qualifier(function)
        working = self._work_off(name, qualifier or said or "", payload, get_account_id(), get_region())
        self._background.start(working)

    async def _work_off(self, name: str, qualifier: str, payload: bytes, account: str, region: str) -> None:
        arn = f"arn:aws:lambda:{region}:{account}:function:{name}" + (f":{qualifier}" if qualifier else "")
        begun, attempts, throttled = self._now(), 0, THROTTLED_SECONDS
        request_id = str(uuid.uuid4())
        self._record(name, account, region, "AsyncEventsReceived", 1)
        while True:
            self._record(name, account, region, "AsyncEventAge", round((self._now() - begun) * 1000), "Milliseconds")
            answer = await self.cloud.handle(invocation(arn, payload, account=account, region=region))
            settings = self._settings(name, qualifier, account, region)
            refused = answer.status >= 300
            if answer.status == 404:
                logging.getLogger("opsctl").warning("%s is not there: its event is dropped", arn)
                self._record(name, account, region, "AsyncEventsDropped", 1)
                return
            attempts += not refused
            failed = refused or bool(answer.header("x-amz-function-error"))
            if not failed:
                await self._tell(settings.on_success, "Success", arn, payload, answer, attempts, request_id)
                return
            wait = throttled if refused else RETRY_SECONDS[min(attempts, len(RETRY_SECONDS)) - 1]
            if not refused and attempts > settings.retries:
                break
            if self._now() - begun + wait > settings.age_seconds:
                break
            throttled = min(throttled * 2, LONGEST_THROTTLED_SECONDS) if refused else THROTTLED_SECONDS
            await asyncio.sleep(wait)
        condition = "EventAgeExceeded" if refused or attempts <= settings.retries else "RetriesExhausted"
        await self._fail(settings, condition, arn, payload, answer, attempts, request_id)

    async def _fail(
        self, settings: Settings, condition: str, arn: str, payload: bytes, answer: Response, attempts: int,
        request_id: str,
    ) -> None:  # fmt: skip
        """An event that is not tried again: to the destination, the dead-letter queue, or nowhere."""
        _, _, _, region, account, _, name, *_ = arn.split(":")
        self._record(name, account, region, "AsyncEventsDropped", 1)
        if settings.dead_letters:
            await self._dead_letter(settings.dead_letters, payload, answer, name, account, region, request_id)
        await self._tell(settings.on_failure, condition, arn, payload, answer, attempts, request_id)

    async def _tell(
        self, destination: str, condition: str, arn: str, payload: bytes, answer: Response, attempts: int,
        request_id: str,
    ) -> None:  # fmt: skip
        if not destination:
            return
        _, _, _, region, account, _, name, *_ = arn.split(":")
        now = datetime.fromtimestamp(self._now(), UTC)
        document = invocation_record(
            condition=condition, arn=arn, payload=_json(payload), answer=answer, attempts=attempts,
            request_id=request_id, now=now,
        )  # fmt: skip
        key = f"aws/lambda/async/{name}/{now:%Y/%m/%d}/{object_time(now)}-{uuid.uuid4()}"
        if not await deliver(self.cloud.handle, destination, document, account=account, region=region, key=key):
            self._record(name, account, region, "DestinationDeliveryFailures", 1)

    async def _dead_letter(
        self, arn: str, payload: bytes, answer: Response, function: str, account: str, region: str, request_id: str
    ) -> None:
        """The older way: the event itself, with attributes that say why."""
        said = _json(answer.body)
        attributes = {
            "RequestID": request_id,
            "ErrorCode": str(answer.status),
            "ErrorMessage": (said.get("errorMessage") if isinstance(said, dict) else "") or "unknown",
        }
        letter = dead_letter(arn, payload.decode(errors="replace"), attributes, account=account, region=region)
        if (await self.cloud.handle(letter)).status >= 300:
            self._record(function, account, region, "DeadLetterErrors", 1)

    def _settings(self, name: str, qualifier: str, account: str, region: str) -> Settings:
        function = self._functions._functions.get_scoped(account, region, name) or {}
        configured = (function.get("event_invoke_configs") or {}).get(qualifier) or {}
        destinations = configured.get("DestinationConfig") or {}
        retries, age = configured.get("MaximumRetryAttempts"), configured.get("MaximumEventAgeInSeconds")
        return Settings(
            retries=2 if retries is None else int(retries),
            age_seconds=6 * 3600 if age is None else float(age),
            on_failure=(destinations.get("OnFailure") or {}).get("Destination", ""),
            on_success=(destinations.get("OnSuccess") or {}).get("Destination", ""),
            dead_letters=((function.get("config") or {}).get("DeadLetterConfig") or {}).get("TargetArn", ""),
        )

    def _record(self, function: str, account: str, region: str, name: str, value: float, unit: str = "Count") -> None:
        self.cloud.metrics.record_sets(
            ({"FunctionName": function}, {}), account_id=account, region=region, namespace="AWS/Lambda",
            values={name: (value, unit)},
        )  # fmt: skip

    def _now(self) -> float:
        return self.cloud.metrics.now().timestamp()


def invocation_record(
    *, condition: str, arn: str, payload: Any, answer: Response, attempts: int, request_id: str, now: datetime
) -> dict[str, Any]:
    """An invocation record as the developer guide shows it."""
    error = answer.header("x-amz-function-error")
    response: Mapping[str, Any] = {
        "statusCode": answer.status,
        "executedVersion": answer.header("x-amz-executed-version") or "$LATEST",
        **({"functionError": error} if error else {}),
    }
    return {
        "version": "1.0",
        "timestamp": timestamp(now),
        "requestContext": {
            "requestId": request_id,
            "functionArn": arn if arn.count(":") == 7 else f"{arn}:$LATEST",
            "condition": condition,
            "approximateInvokeCount": attempts,
        },
        "requestPayload": payload,
        "responseContext": response,
        "responsePayload": _json(answer.body),
    }


def _json(text: bytes) -> Any:
    try:
        return json.loads(text or b"null")
    except ValueError:
        return text.decode(errors="replace")
