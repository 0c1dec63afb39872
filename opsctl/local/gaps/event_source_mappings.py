"""Lambda: mappings of Kinesis and DynamoDB streams keep order, halve, retry, and give up into a destination.

MiniStack tries a batch that fails for ever, whole, one mapping after the other in one thread; of the settings it knows
the batch size, the filters and, for DynamoDB, the records' age. Here each shard of each mapping is followed by a task
of its own (by as many as its parallelization factor says), from a position that is a sequence number. The function is
invoked like any other, through all gaps. Queues stay MiniStack's.

Sources: Lambda developer guide, "Using Lambda to process records from Amazon Kinesis Data Streams" and "… from Amazon
DynamoDB Streams"; what becomes of a batch that fails is in opsctl/local/streams/attempts.py. Waits between attempts are
shorter than on AWS. Tumbling windows and enhanced fan-out are not there.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, NamedTuple

from opsctl.local.destinations import deliver, invocation, object_time
from opsctl.local.gaps.gap import Gap
from opsctl.local.repeating import every
from opsctl.local.streams.attempts import Attempt, Outcome, Policy, StreamRecord, outcome_of, that_fit
from opsctl.local.streams.records import failure_document
from opsctl.local.streams.shards import BEFORE_ALL, Source, arrival, arrivals, of_lane
from opsctl.local.streams.working import Work, work_off

RECONCILE_SECONDS = 0.25
LOOK_SECONDS = 1.0  # as often as Lambda polls a shard of Kinesis; arrivals wake a reader earlier
AGAIN_SECONDS, LONGEST_AGAIN_SECONDS = 0.1, 5.0
WINDOWS_LOOK_SECONDS = 0.05


class Lane(NamedTuple):
    """What is worked off in order: a shard of a mapping, or one of the lanes that its keys are spread over."""

    account: str
    region: str
    mapping: str
    shard: str
    number: int
    lanes: int


class EventSourceMappings(Gap):
    async def install(self) -> None:
        from ministack.services import lambda_svc

        self._functions = lambda_svc
        lambda_svc._poll_kinesis = lambda: False
        lambda_svc._poll_dynamodb_streams = lambda: False
        create = lambda_svc._create_esm

        def create_and_anchor(data: dict[str, Any]) -> Any:
            before = set(lambda_svc._esms)
            answer = create(data)
            for made in set(lambda_svc._esms) - before:
                self._anchor(lambda_svc._esms[made])
            return answer

        lambda_svc._create_esm = create_and_anchor
        self._positions: dict[tuple[str, str, int], str] = {}
        self._lanes: dict[Lane, asyncio.Task[None]] = {}
        self._keeping = asyncio.create_task(every(RECONCILE_SECONDS, self._reconcile))

    async def uninstall(self) -> None:
        self._keeping.cancel()
        for task in self._lanes.values():
            task.cancel()

    def _anchor(self, mapping: Mapping[str, Any]) -> None:
        """LATEST is where the stream ends when the mapping is made, not when somebody first looks."""
        if _is_stream(mapping) and mapping["StartingPosition"] != "TRIM_HORIZON":
            source = Source(mapping["EventSourceArn"])
            for shard in source.shards():
                self._positions[mapping["UUID"], shard, 0] = source.last(shard)

    async def _reconcile(self) -> None:
        """Have a task for each lane that there is, and for no other."""
        wanted = {
            Lane(account, region, uuid_, shard, number, lanes)
            for (account, region, uuid_), mapping in list(self._functions._esms._data.items())
            if _is_stream(mapping) and mapping.get("Enabled", True)
            for lanes in [int(mapping.get("ParallelizationFactor") or 1)]
            for shard in Source(mapping["EventSourceArn"]).shards()
            for number in range(lanes)
        }
        for lane in [lane for lane, task in self._lanes.items() if task.done()]:
            del self._lanes[lane]
        # What is not wanted any more ends its batch first, and only then others take over.
        busy = {(lane.mapping, lane.shard) for lane in set(self._lanes) - wanted}
        new = {lane for lane in wanted - set(self._lanes) if (lane.mapping, lane.shard) not in busy}
        # All lanes of a shard begin together, where the slowest of those before them stood.
        for mapping, shard in {(lane.mapping, lane.shard) for lane in new}:
            known = [self._positions[at] for at in list(self._positions) if at[:2] == (mapping, shard)]
            for lane in new:
                if (lane.mapping, lane.shard) == (mapping, shard):
                    self._positions[mapping, shard, lane.number] = min(known, default=BEFORE_ALL)
        for lane in new:
            if (settings := self._mapping(lane)) is not None:
                self._lanes[lane] = asyncio.create_task(self._follow(lane, Source(settings["EventSourceArn"])))
        there = {uuid_ for _, _, uuid_ in list(self._functions._esms._data)}
        for at in [at for at in self._positions if at[0] not in there]:
            del self._positions[at]

    def _mapping(self, lane: Lane) -> Any:
        """The mapping as it is now; None when this lane has no more to do for it: gone, disabled, spread otherwise."""
        mapping = self._functions._esms.get_scoped(lane.account, lane.region, lane.mapping)
        if mapping is None or not mapping.get("Enabled", True):
            return None
        return mapping if int(mapping.get("ParallelizationFactor") or 1) == lane.lanes else None

    async def _follow(self, lane: Lane, source: Source) -> None:
        """Work off one lane for as long as it is wanted. What can't be done now is done later: the position stays."""
        at = (lane.mapping, lane.shard, lane.number)
        while (mapping := self._mapping(lane)) is not None:
            arrived = arrivals().watch()
            most = int(mapping.get("BatchSize") or 100)
            seen = source.read(lane.shard, self._positions[at], most * lane.lanes)
            self._measure_reading(source, seen)
            records = that_fit(of_lane(seen, lane.number, lane.lanes), most)
            window = float(mapping.get("MaximumBatchingWindowInSeconds") or 0)
            if records and len(records) < most and self._now() - records[0].created < window:
                await asyncio.sleep(WINDOWS_LOOK_SECONDS)
            elif records:
                wanted = self._filtered(records, mapping)
                if await self._work_off(lane, source, wanted):
                    self._positions[at] = records[-1].sequence
            elif seen:
                self._positions[at] = seen[-1].sequence
            else:
                await arrival(arrived, at_most=LOOK_SECONDS)

    def _filtered(self, records: Sequence[StreamRecord], mapping: Mapping[str, Any]) -> tuple[StreamRecord, ...]:
        kept = {id(event) for event in self._functions._apply_filter_criteria([r.event for r in records], mapping)}
        return tuple(record for record in records if id(record.event) in kept)

    async def _work_off(self, lane: Lane, source: Source, records: tuple[StreamRecord, ...]) -> bool:
        """Until every record is done or given up; False: the lane was stopped before."""

        def policy() -> Policy | None:
            mapping = self._mapping(lane)
            return None if mapping is None else policy_of(mapping)

        def move(position: str) -> None:
            self._positions[lane.mapping, lane.shard, lane.number] = position

        return await work_off(
            records,
            Work(
                policy, partial(self._invoke, lane), partial(self._give_up, lane, source), move, self._now,
                AGAIN_SECONDS, LONGEST_AGAIN_SECONDS,
            ),
        )  # fmt: skip

    async def _invoke(self, lane: Lane, attempt: Attempt, policy: Policy) -> tuple[Outcome | None, str]:
        """How it went (None: it wasn't invoked: throttled, or not possible yet), and Lambda's word for the error."""
        mapping = self._functions._esms.get_scoped(lane.account, lane.region, lane.mapping)
        payload = json.dumps({"Records": [record.event for record in attempt.records]}, default=str).encode()
        self._measure_age(mapping, attempt)
        answer = await self.cloud.handle(
            invocation(mapping["FunctionArn"], payload, account=lane.account, region=lane.region)
        )
        self._note(lane, "OK" if answer.status < 300 else "PROBLEM: Function call failed")
        if answer.status >= 300:
            return None, ""
        if error := answer.header("x-amz-function-error"):
            self._note(lane, "PROBLEM: Function call failed")
            return Outcome(0, raised=True), error
        try:
            said = answer.json()
        except ValueError:
            said = None
        return outcome_of(said, attempt.records, policy), ""

    def _note(self, lane: Lane, result: str) -> None:
        if mapping := self._functions._esms.get_scoped(lane.account, lane.region, lane.mapping):
            mapping["LastProcessingResult"] = result

    async def _give_up(
        self, lane: Lane, source: Source, records: Sequence[StreamRecord], condition: str, invocations: int, error: str
    ) -> None:
        """Send records to the mapping's failure destination, if it has one. A bucket keeps them whole."""
        mapping = self._functions._esms.get_scoped(lane.account, lane.region, lane.mapping) or {}
        destination = ((mapping.get("DestinationConfig") or {}).get("OnFailure") or {}).get("Destination")
        if not destination:
            return
        now = datetime.fromtimestamp(self._now(), UTC)
        document = failure_document(
            source, lane.shard, records, function=mapping["FunctionArn"], condition=condition,
            invocations=invocations, error=error, now=now, request_id=str(uuid.uuid4()),
        )  # fmt: skip
        if destination.split(":")[2] == "s3":
            document["payload"] = json.dumps({"Records": [record.event for record in records]}, default=str)
        key = f"aws/lambda/{lane.mapping}/{lane.shard}/{object_time(now)}-{uuid.uuid4()}"
        await deliver(self.cloud.handle, destination, document, account=lane.account, region=lane.region, key=key)

    def _measure_age(self, mapping: Mapping[str, Any], attempt: Attempt) -> None:
        """The age of the last record that the function gets."""
        source = Source(mapping["EventSourceArn"])
        age = max(0.0, round((self._now() - attempt.records[-1].created) * 1000))
        self.cloud.metrics.record_sets(
            ({"FunctionName": mapping["FunctionName"]}, {}), account_id=source.account, region=source.region,
            namespace="AWS/Lambda", values={"IteratorAge": (age, "Milliseconds")},
        )  # fmt: skip

    def _measure_reading(self, source: Source, records: Sequence[StreamRecord]) -> None:
        """What Kinesis tells of each read; a reader that has caught up is 0 ms behind."""
        if source.service != "kinesis":
            return
        age = max(0.0, round((self._now() - records[-1].created) * 1000)) if records else 0.0
        values = {
            "GetRecords.IteratorAgeMilliseconds": (age, "Milliseconds"),
            "GetRecords.Records": (len(records), "Count"),
            "GetRecords.Bytes": (sum(record.size for record in records), "Bytes"),
            "GetRecords.Success": (1, "Count"),
        }
        self.cloud.metrics.record_sets(
            ({"StreamName": source.name},), account_id=source.account, region=source.region, namespace="AWS/Kinesis",
            values=values,
        )  # fmt: skip

    def _now(self) -> float:
        return self.cloud.metrics.now().timestamp()


def policy_of(mapping: Mapping[str, Any]) -> Policy:
    """A mapping's settings, with AWS's defaults where it says nothing."""

    def number(name: str) -> int:
        value = mapping.get(name)
        return -1 if value is None else int(value)

    return Policy(
        retries=number("MaximumRetryAttempts"),
        age_seconds=number("MaximumRecordAgeInSeconds"),
        bisect=bool(mapping.get("BisectBatchOnFunctionError")),
        reports_items="ReportBatchItemFailures" in (mapping.get("FunctionResponseTypes") or ()),
    )


def _is_stream(mapping: Mapping[str, Any]) -> bool:
    arn = mapping.get("EventSourceArn", "")
    return arn.split(":")[2:3] == ["kinesis"] or "/stream/" in arn
