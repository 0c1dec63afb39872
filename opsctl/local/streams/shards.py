"""Shards of Kinesis and DynamoDB streams in MiniStack, read from a sequence number on, and who tells of more."""

from __future__ import annotations

import asyncio
import contextlib
import json
import zlib
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from opsctl.local.streams.attempts import StreamRecord

TABLES_SHARD = "shardId-00000000000000000000-00000000"
"""MiniStack keeps a table's stream as one shard."""

BEFORE_ALL = ""
"""The position before the first record: TRIM_HORIZON."""


@dataclass(frozen=True)
class Source:
    """A stream: of Kinesis, or of a DynamoDB table."""

    arn: str

    @property
    def service(self) -> str:
        return self.arn.split(":")[2]

    @property
    def account(self) -> str:
        return self.arn.split(":")[4]

    @property
    def region(self) -> str:
        return self.arn.split(":")[3]

    @property
    def name(self) -> str:
        """The stream's, or the table's."""
        return self.arn.split("/")[1]

    def shards(self) -> tuple[str, ...]:
        """Ids of its shards; none when it is not there."""
        if self.service == "dynamodb":
            return (TABLES_SHARD,) if self._table() else ()
        stream = self._stream()
        return tuple(stream["shards"]) if stream else ()

    def last(self, shard: str) -> str:
        """The position after all that is there: LATEST."""
        records = self._records(shard)
        return _sequence(records[-1]) if records else BEFORE_ALL

    def read(self, shard: str, position: str, most: int) -> list[StreamRecord]:
        """Records after a position, oldest first."""
        records = self._records(shard)
        first = bisect_right(records, position, key=_sequence)
        return [self._as_record(record, shard) for record in records[first : first + most]]

    def _stream(self) -> Any:
        from ministack.services import kinesis

        stream = kinesis._streams.get_scoped(self.account, self.region, self.name)
        return stream if stream and stream["StreamARN"] == self.arn and stream["StreamStatus"] == "ACTIVE" else None

    def _table(self) -> Any:
        from ministack.services import dynamodb

        table = dynamodb._tables.get_scoped(self.account, self.region, self.name)
        return table if table and table.get("LatestStreamArn") == self.arn else None

    def _records(self, shard: str) -> Sequence[Mapping[str, Any]]:
        if self.service == "dynamodb":
            from ministack.services import dynamodb

            live: list[Mapping[str, Any]] = dynamodb.stream_live_records(
                self.name, account_id=self.account, region=self.region
            )
            return live if self._table() else ()
        stream = self._stream()
        found: list[Mapping[str, Any]] = stream["shards"].get(shard, {}).get("records", []) if stream else []
        return found

    def _as_record(self, record: Mapping[str, Any], shard: str) -> StreamRecord:
        if self.service == "dynamodb":
            change = record["dynamodb"]
            key = json.dumps(change["Keys"], sort_keys=True)
            size = len(json.dumps(record, default=str))
            return StreamRecord(
                change["SequenceNumber"], key, float(change["ApproximateCreationDateTime"]), record, size
            )
        from ministack.services import kinesis

        data, sequence, created = (
            kinesis._ensure_base64(record["Data"]), record["SequenceNumber"],
            record["ApproximateArrivalTimestamp"],
        )  # fmt: skip
        event = {
            "kinesis": {
                "kinesisSchemaVersion": "1.0",
                "partitionKey": record["PartitionKey"],
                "sequenceNumber": sequence,
                "data": data,
                "approximateArrivalTimestamp": created,
            },
            "eventSource": "aws:kinesis",
            "eventVersion": "1.0",
            "eventID": f"{shard}:{sequence}",
            "eventName": "aws:kinesis:record",
            "awsRegion": self.region,
            "eventSourceARN": self.arn,
        }
        return StreamRecord(sequence, record["PartitionKey"], float(created), event, len(data) + 600)


def of_lane(records: Iterable[StreamRecord], lane: int, lanes: int) -> list[StreamRecord]:
    """The records of one of the lanes that a shard is worked off in: all of a key are in the same."""
    if lanes == 1:
        return list(records)
    return [record for record in records if zlib.crc32(record.key.encode()) % lanes == lane]


class Arrivals:
    """Tells readers that something may have come. MiniStack wakes its own poller by an event: this listens along."""

    def __init__(self) -> None:
        from ministack.core.concurrency import esm_wake

        self._loop = asyncio.get_running_loop()
        self._event = asyncio.Event()
        self._pending = False
        wake = esm_wake.set

        def wake_and_tell() -> None:
            wake()
            if not self._pending:
                self._pending = True
                with contextlib.suppress(RuntimeError):  # the cloud is stopping
                    self._loop.call_soon_threadsafe(self._tell)

        esm_wake.set = wake_and_tell

    def watch(self) -> asyncio.Event:
        """An event that is set at the next arrival. To be asked for before looking."""
        return self._event

    def _tell(self) -> None:
        self._pending = False
        told, self._event = self._event, asyncio.Event()
        told.set()


_listening: WeakKeyDictionary[asyncio.AbstractEventLoop, Arrivals] = WeakKeyDictionary()


def arrivals() -> Arrivals:
    """The one listener of this event loop."""
    loop = asyncio.get_running_loop()
    if loop not in _listening:
        _listening[loop] = Arrivals()
    return _listening[loop]


async def arrival(event: asyncio.Event, *, at_most: float) -> None:
    """Wait for an event, or so many seconds."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), at_most)


def _sequence(record: Mapping[str, Any]) -> str:
    number: str = record["dynamodb"]["SequenceNumber"] if "dynamodb" in record else record["SequenceNumber"]
    return number
