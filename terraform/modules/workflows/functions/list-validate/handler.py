"""Read a list that arrived in S3, and refuse a wrong one. Called by the state machine `lists`."""

from __future__ import annotations

from typing import Any

import lists
import store
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger()
tracer = Tracer()
metrics = Metrics()


@logger.inject_lambda_context(correlation_id_path="key", clear_state=True)
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Gives {list_id, bucket, key, etag, entries: their number}.

    Raises:
        lists.InvalidList: the execution takes its Catch path; the message is JSON: {index, field, reason}.
        store.Superseded: the object was written over since.
    """
    try:
        list_id = lists.list_id_in(event["key"])
        lists.check_size(event["size"])
        entries = lists.parse(store.fetch(event["bucket"], event["key"], event["etag"]))
    except lists.InvalidList as refusal:
        metrics.add_metric(name="ListsRejected", unit=MetricUnit.Count, value=1)
        logger.warning("rejected", problem=refusal.problem)
        raise
    return {
        "list_id": list_id,
        "bucket": event["bucket"],
        "key": event["key"],
        "etag": event["etag"],
        "entries": len(entries),
    }
