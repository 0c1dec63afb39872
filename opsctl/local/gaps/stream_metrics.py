"""Kinesis: metrics of each data stream, namespace AWS/Kinesis, dimension StreamName. MiniStack publishes none.

Source: Kinesis developer guide, "Monitor the Amazon Kinesis Data Streams service with Amazon CloudWatch"
(https://docs.aws.amazon.com/streams/latest/dev/monitoring-with-cloudwatch.html). What event source mappings read is
recorded by them. Nothing is throttled here, so the throttling metrics are 0 whenever a call is made.
"""

from __future__ import annotations

import json
from typing import Any

from opsctl.local.gaps.gap import Gap
from opsctl.local.metrics import metric
from opsctl.local.observing import observe

Answer = tuple[int, dict[str, str], Any]


class StreamMetrics(Gap):
    async def install(self) -> None:
        from ministack.core import responses
        from ministack.services import kinesis

        self._kinesis, self._scope = kinesis, responses
        observe(kinesis, "_put_record", self._put)
        observe(kinesis, "_put_records", self._put_together)
        observe(kinesis, "_get_records", self._got)
        observe(kinesis, "put_record_internal", self._put_by_a_service)

    def _record(self, stream: str, **values: tuple[float, str]) -> None:
        """Metrics by name, with `_` for the dot."""
        account_id, region = self._scope.get_account_id(), self._scope.get_region()
        for name, (value, unit) in values.items():
            name = name.replace("_", ".", 1)
            measured = metric(account_id, region, "AWS/Kinesis", name, (("StreamName", stream),), unit)
            self.cloud.metrics.record(measured, value)

    def _incoming(self, stream: str, count: int, size: int) -> None:
        self._record(
            stream, IncomingRecords=(count, "Count"), IncomingBytes=(size, "Bytes"),
            WriteProvisionedThroughputExceeded=(0, "Count"),
        )  # fmt: skip

    def _put(self, answer: Answer, seconds: float, data: dict[str, Any]) -> None:
        stream, size, done = self._name(data), _size(data.get("Data", "")), answer[0] == 200
        if stream:
            self._record(stream, PutRecord_Success=(float(done), "Count"))
        if stream and done:
            self._incoming(stream, 1, size)
            self._record(stream, PutRecord_Bytes=(size, "Bytes"), PutRecord_Latency=_milliseconds(seconds))

    def _put_together(self, answer: Answer, seconds: float, data: dict[str, Any]) -> None:
        stream, records = self._name(data), data.get("Records", [])
        if not stream:
            return
        size, done = sum(_size(record.get("Data", "")) for record in records), answer[0] == 200
        self._record(stream, PutRecords_Success=(float(done), "Count"))
        if done:
            self._incoming(stream, len(records), size)
            self._record(
                stream, PutRecords_Bytes=(size, "Bytes"), PutRecords_Latency=_milliseconds(seconds),
                PutRecords_TotalRecords=(len(records), "Count"), PutRecords_SuccessfulRecords=(len(records), "Count"),
                PutRecords_FailedRecords=(0, "Count"), PutRecords_ThrottledRecords=(0, "Count"),
            )  # fmt: skip

    def _put_by_a_service(self, done: bool, _: float, arn: str, partition_key: str, data: bytes) -> None:
        if done:
            self._incoming(arn.rpartition("/")[2], 1, len(data))

    def _got(self, answer: Answer, seconds: float, data: dict[str, Any]) -> None:
        iterator = self._kinesis._shard_iterators.get(data.get("ShardIterator"))
        if iterator is None:
            return
        stream, done = iterator["stream"], answer[0] == 200
        self._record(stream, GetRecords_Success=(float(done), "Count"))
        if done:
            said = json.loads(answer[2])
            self._record(
                stream, GetRecords_Records=(len(said["Records"]), "Count"), GetRecords_Latency=_milliseconds(seconds),
                GetRecords_Bytes=(sum(_size(record["Data"]) for record in said["Records"]), "Bytes"),
                GetRecords_IteratorAgeMilliseconds=(self._age(said["Records"]), "Milliseconds"),
                ReadProvisionedThroughputExceeded=(0, "Count"),
            )  # fmt: skip

    def _age(self, records: list[dict[str, Any]]) -> float:
        """Of the last record of the answer; 0 when the reader has caught up."""
        if not records:
            return 0
        written = float(records[-1]["ApproximateArrivalTimestamp"])
        return float(max(0, round((self.cloud.metrics.now().timestamp() - written) * 1000)))

    def _name(self, data: dict[str, Any]) -> str:
        return str(data.get("StreamName") or data.get("StreamARN", "").rpartition("/")[2])


def _size(encoded: str) -> int:
    """Bytes of what base64 carries."""
    return len(encoded) * 3 // 4 - encoded[-2:].count("=")


def _milliseconds(seconds: float) -> tuple[float, str]:
    return round(seconds * 1000, 2), "Milliseconds"
