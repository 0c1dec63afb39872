"""EventBridge Scheduler: runs schedules on time, in their time zone and window, tries again, and keeps what failed.

MiniStack looks every 10 s, knows UTC only and no flexible window, drops what a target refuses, and fills in no context
attribute. Here a retry waits a tenth of what AWS's backoff begins with (0.1 s, doubled up to 6 s).
"""

from __future__ import annotations

import asyncio
import json
import random
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from opsctl.clock import Clock, SystemClock
from opsctl.local.destinations import DESTINATIONS, dead_letter, invocation, json_call
from opsctl.local.exchange import Request, Response
from opsctl.local.gaps.gap import Cloud, Gap
from opsctl.local.repeating import Background, every
from opsctl.local.scheduling import Run, may_retry, payload, plan

LOOK_SECONDS = 0.25
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 6.0
RETRIED = (429, 500, 502, 503, 504)

Key = tuple[str, str, str]
"""Account, region, group/name."""


@dataclass(frozen=True)
class Planned:
    """The next run of a schedule as it was at `version`; None: it runs no more."""

    version: float
    run: Run | None


class Schedules(Gap):
    def __init__(self, cloud: Cloud, clock: Clock | None = None, chance: Callable[[], float] = random.random) -> None:
        super().__init__(cloud)
        self._clock, self._chance = clock or SystemClock(), chance
        self._planned: dict[Key, Planned] = {}

    async def install(self) -> None:
        from ministack.services import scheduler

        scheduler._tick_schedules = lambda: None
        self._scheduler = scheduler
        self._background = Background()
        self._looking = asyncio.create_task(every(LOOK_SECONDS, self.look))

    async def uninstall(self) -> None:
        self._looking.cancel()
        self._background.cancel()

    def look(self) -> None:
        """Start what is due, and plan what is new or was changed."""
        now = self._clock.now()
        schedules = dict(self._scheduler._schedules.all_items())
        self._planned = {key: planned for key, planned in self._planned.items() if key in schedules}
        for key, schedule in schedules.items():
            version, planned = schedule["LastModificationDate"], self._planned.get(key)
            if planned is None or planned.version != version:
                # From its own beginning: a time that passed while nobody looked is not lost.
                begun = datetime.fromtimestamp(version, UTC)
                planned = self._planned[key] = Planned(version, plan(schedule, begun, self._chance()))
            if planned.run is None or planned.run.starts > now:
                continue
            run = planned.run
            self._planned[key] = Planned(version, plan(schedule, max(now, run.scheduled), self._chance()))
            if schedule["State"] == "ENABLED":
                self._background.start(self._deliver(key, schedule, run))
            if self._planned[key].run is None and schedule.get("ActionAfterCompletion") == "DELETE":
                self._scheduler._schedules._data.pop(key, None)

    async def _deliver(self, key: Key, schedule: Mapping[str, Any], run: Run) -> None:
        """Until the target took it, or the retry policy is exhausted."""
        account, region, _ = key
        begun, execution_id, pause, attempt = self._clock.monotonic(), str(uuid.uuid4()), FIRST_PAUSE, 1
        while True:
            text = payload(schedule, run, execution_id=execution_id, attempt=attempt, account=account, region=region)
            answer = await self.cloud.handle(_call(schedule["Target"]["Arn"], text, account, region))
            self._count(key, schedule, "InvocationAttemptCount")
            if answer.status < 300:
                return
            self._count(key, schedule, "TargetErrorThrottledCount" if answer.status == 429 else "TargetErrorCount")
            age = self._clock.monotonic() - begun
            exhausted = may_retry(schedule, retries=attempt - 1, age_seconds=age)
            if exhausted or answer.status not in RETRIED:
                self._count(key, schedule, "InvocationDroppedCount")
                await self._set_aside(key, schedule, text, answer, exhausted, attempt - 1)
                return
            await asyncio.sleep(pause)
            attempt, pause = attempt + 1, min(pause * 2, LONGEST_PAUSE)

    async def _set_aside(
        self, key: Key, schedule: Mapping[str, Any], text: str, answer: Response, exhausted: str, retries: int
    ) -> None:
        """Source: user guide, "Configuring a schedule's dead-letter queue"."""
        queue = (schedule["Target"].get("DeadLetterConfig") or {}).get("Arn")
        if not queue:
            return
        account, region, _ = key
        code, message = _error(answer)
        attributes = {
            "ERROR_CODE": code, "ERROR_MESSAGE": message, "EXHAUSTED_RETRY_CONDITION": exhausted,
            "IS_PAYLOAD_TRUNCATED": "false", "RETRY_ATTEMPTS": str(retries), "SCHEDULE_ARN": schedule["Arn"],
            "TARGET_ARN": schedule["Target"]["Arn"],
        }  # fmt: skip
        kept = await self.cloud.handle(dead_letter(queue, text, attributes, account=account, region=region))
        ending = "SentToDeadLetterCount" if kept.status < 300 else "FailedToBeSentToDeadLetterCount"
        self._count(key, schedule, f"Invocations{ending}")

    def _count(self, key: Key, schedule: Mapping[str, Any], name: str) -> None:
        """Source: user guide, "Monitoring EventBridge Scheduler with CloudWatch": dimension ScheduleGroup."""
        account, region, _ = key
        self.cloud.metrics.record_sets(
            ({}, {"ScheduleGroup": str(schedule["GroupName"])}), account_id=account, region=region,
            namespace="AWS/Scheduler", values={name: (1, "Count")},
        )  # fmt: skip


def _call(arn: str, text: str, account: str, region: str) -> Request:
    """The call of a templated target."""
    service = arn.split(":")[2]
    if service == "lambda":
        return invocation(arn, text.encode(), account=account, region=region, kind="Event")
    if service == "states":
        body = {"stateMachineArn": arn, "input": text}
        return json_call("states", "AWSStepFunctions.StartExecution", body, account, region)
    return DESTINATIONS[service](arn, json.loads(text), account, region, "")


def _error(answer: Response) -> tuple[str, str]:
    try:
        said = answer.json()
    except ValueError:
        said = {}
    code = answer.header("x-amzn-errortype") or str(said.get("__type") or said.get("code") or answer.status)
    message = said.get("message") or said.get("Message") or answer.body[:300].decode("utf-8", "replace")
    return code.partition(":")[0].rpartition("#")[2], str(message)[:1000]
