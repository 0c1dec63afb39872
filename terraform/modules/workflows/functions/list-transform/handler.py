"""Turn a checked list into its result, in the bucket of results. Called by the state machine `lists`."""

from __future__ import annotations

import json
from typing import Any

import store
import transformation
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
    """Gives {bucket, key, etag, entries} of the result. The same list gives the same object.

    Raises:
        store.Superseded: the list was written over since.
    """
    entries = json.loads(store.fetch(event["bucket"], event["key"], event["etag"]))
    result = transformation.transform(event["list_id"], entries)
    stored = store.put(f"lists/results/{event['list_id']}.json", transformation.to_bytes(result))
    metrics.add_metric(name="ListsTransformed", unit=MetricUnit.Count, value=1)
    return {**stored, "entries": len(entries)}
