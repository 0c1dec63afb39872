"""What is told of records that were given up."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from opsctl.local.destinations import timestamp
from opsctl.local.streams.attempts import StreamRecord
from opsctl.local.streams.shards import Source

INFORMATION = {"kinesis": "KinesisBatchInfo", "dynamodb": "DDBStreamBatchInfo"}


def failure_document(
    source: Source,
    shard: str,
    records: Sequence[StreamRecord],
    *,
    function: str,
    condition: str,
    invocations: int,
    error: str,
    now: datetime,
    request_id: str,
) -> dict[str, Any]:
    """An invocation record, as the developer guide shows it ("Example invocation records" of both kinds of stream)."""

    def at(record: StreamRecord) -> str:
        return timestamp(datetime.fromtimestamp(record.created, UTC))

    return {
        "requestContext": {
            "requestId": request_id,
            "functionArn": function,
            "condition": condition,
            "approximateInvokeCount": invocations,
        },
        "responseContext": {
            "statusCode": 200,
            "executedVersion": "$LATEST",
            **({"functionError": error} if error else {}),
        },
        "version": "1.0",
        "timestamp": timestamp(now),
        INFORMATION[source.service]: {
            "shardId": shard,
            "startSequenceNumber": records[0].sequence,
            "endSequenceNumber": records[-1].sequence,
            "approximateArrivalOfFirstRecord": at(records[0]),
            "approximateArrivalOfLastRecord": at(records[-1]),
            "batchSize": len(records),
            "streamArn": source.arn,
        },
    }
