"""A stream as the source of a pipe: batch after batch of each shard, in order, from where the pipe stands."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

from opsctl.local.streams.attempts import Attempt, Outcome, Policy, StreamRecord, that_fit
from opsctl.local.streams.records import failure_document
from opsctl.local.streams.shards import BEFORE_ALL, Source, arrival, arrivals
from opsctl.local.streams.working import Work, work_off

LOOK_SECONDS = 1.0
AGAIN_SECONDS, LONGEST_AGAIN_SECONDS = 0.2, 5.0

Record = dict[str, Any]
Deliver = Callable[[list[Record]], Awaitable[None]]


class Piped(Protocol):
    """What is needed to know of a pipe."""

    @property
    def name(self) -> str: ...
    @property
    def arn(self) -> str: ...
    @property
    def source(self) -> str: ...
    @property
    def source_parameters(self) -> Mapping[str, Any]: ...


class Places:
    """Where each pipe stands in each shard: it goes on there after it was stopped or changed."""

    def __init__(self) -> None:
        self._positions: dict[tuple[str, str], str] = {}

    def start(self, pipe: Piped, source: Source, starting: str) -> None:
        """Give a pipe that stands nowhere yet its starting position."""
        for shard in source.shards():
            first = BEFORE_ALL if starting == "TRIM_HORIZON" else source.last(shard)
            self._positions.setdefault((pipe.arn, shard), first)

    def of(self, pipe: Piped, shard: str) -> str:
        return self._positions.get((pipe.arn, shard), BEFORE_ALL)

    def move(self, pipe: Piped, shard: str, position: str) -> None:
        self._positions[pipe.arn, shard] = position

    def forget(self, arn: str) -> None:
        """The pipe is gone."""
        for place in [place for place in self._positions if place[0] == arn]:
            del self._positions[place]


async def take_from_stream(
    pipe: Piped, deliver: Deliver, give_up: Callable[[dict[str, Any]], Awaitable[None]], places: Places
) -> None:
    """Kinesis, and a table's stream: until cancelled.

    Args:
        deliver: raises when the target refuses a batch.
        give_up: gets the record of a batch that is not tried again.
    """
    source = Source(pipe.source)
    settings = _settings(pipe)
    places.start(pipe, source, settings.get("StartingPosition", "LATEST"))
    async with asyncio.TaskGroup() as shards:
        for shard in source.shards():
            shards.create_task(_follow(pipe, source, shard, settings, deliver, give_up, places))
        if not source.shards():
            await asyncio.sleep(LOOK_SECONDS)  # it isn't there yet: to be asked again


async def _follow(
    pipe: Piped, source: Source, shard: str, settings: Mapping[str, Any], deliver: Deliver,
    give_up: Callable[[dict[str, Any]], Awaitable[None]], places: Places,
) -> None:  # fmt: skip
    most = int(settings.get("BatchSize") or 100)
    policy = Policy(
        retries=int(settings.get("MaximumRetryAttempts", -1)),
        age_seconds=float(settings.get("MaximumRecordAgeInSeconds", -1)),
        bisect=settings.get("OnPartialBatchItemFailure") == "AUTOMATIC_BISECT",
    )

    async def run(attempt: Attempt, _: Policy) -> tuple[Outcome, str]:
        try:
            await deliver([as_piped(record) for record in attempt.records])
        except Exception as error:  # whatever the target has, the pipe waits for it
            logging.getLogger("opsctl").warning("pipe %s: %s", pipe.name, error)
            return Outcome(0, raised=True), ""
        return Outcome(len(attempt.records)), ""

    async def give_up_records(records: Sequence[StreamRecord], condition: str, tries: int, _: str) -> None:
        await give_up(_told(pipe, source, shard, records, condition, tries))

    work = Work(
        lambda: policy, run, give_up_records, lambda position: places.move(pipe, shard, position), time.time,
        AGAIN_SECONDS, LONGEST_AGAIN_SECONDS,
    )  # fmt: skip
    while True:
        arrived = arrivals().watch()
        records = that_fit(source.read(shard, places.of(pipe, shard), most), most)
        if records:
            await work_off(records, work)
        else:
            await arrival(arrived, at_most=LOOK_SECONDS)


def as_piped(record: StreamRecord) -> Record:
    """A record as pipes show it: Kinesis's fields lie beside the others, not in a field of their own."""
    event = dict(record.event)
    return {**event.pop("kinesis"), **event} if "kinesis" in event else event


def _settings(pipe: Piped) -> Mapping[str, Any]:
    found: Mapping[str, Any] = (
        pipe.source_parameters.get("KinesisStreamParameters")
        or pipe.source_parameters.get("DynamoDBStreamParameters")
        or {}
    )
    return found


def _told(
    pipe: Piped, source: Source, shard: str, records: Sequence[StreamRecord], condition: str, invocations: int
) -> dict[str, Any]:
    document = failure_document(
        source, shard, records, function="", condition=condition, invocations=invocations, error="",
        now=datetime.now(UTC), request_id=str(uuid.uuid4()),
    )  # fmt: skip
    del document["requestContext"], document["responseContext"]
    context = {"partnerResourceArn": pipe.arn, "condition": condition, "approximateInvokeCount": invocations}
    return {"context": context, **document}


def dead_letter_arn(pipe: Piped) -> str:
    """The queue for what the pipe gives up; empty when it has none."""
    return str((_settings(pipe).get("DeadLetterConfig") or {}).get("Arn", ""))
