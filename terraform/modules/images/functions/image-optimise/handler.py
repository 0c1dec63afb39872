"""Finish every version of an image."""

from __future__ import annotations

from typing import Any

import store
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from optimising import optimised

logger = Logger()
tracer = Tracer()
metrics = Metrics()


@logger.inject_lambda_context(correlation_id_path="request.correlation_id", clear_state=True)
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Gives {outputs: [key]}. What it reads (work/) is left for the bucket's lifecycle: a retry needs it."""
    request = event["request"]
    logger.append_keys(image_id=request["image_id"], execution=event["execution"], step="optimise")
    logger.info("attempt")
    store.begin(request["image_id"], event["execution"])
    outputs = [
        store.put_output(request["image_id"], made["version"], optimised(store.fetch_work(made["key"])))
        for made in event["versions"]
    ]
    metrics.add_metric(name="ImagesMade", unit=MetricUnit.Count, value=1)
    return {"outputs": outputs}
