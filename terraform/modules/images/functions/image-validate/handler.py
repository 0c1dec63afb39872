"""Say whether an image is one that we take. The first step, so it also claims the image for its execution."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import store
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from claims import outcome_without_claim
from pictures import Refused, inspect

logger = Logger()
tracer = Tracer()
metrics = Metrics()


@logger.inject_lambda_context(correlation_id_path="request.correlation_id", clear_state=True)
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Gives {outcome}: valid (format, width, height, frames), invalid (reason), duplicate, in_other_hands or gone."""
    request = event["request"]
    logger.append_keys(image_id=request["image_id"], execution=event["execution"], step="validate")
    logger.info("attempt")
    status = store.claim_image(request, event["execution"], datetime.now(UTC))
    if status is not None:
        metrics.add_metric(name="ImagesDeliveredAgain", unit=MetricUnit.Count, value=1)
        logger.info("delivered again", status=status)
        return {"outcome": outcome_without_claim(status)}
    try:
        original = store.fetch(request["bucket"], request["key"])
        if original is None:
            logger.info("removed since")
            store.forget(request["image_id"])
            return {"outcome": "gone"}
        facts = inspect(original)
    except Refused as refusal:
        metrics.add_metric(name="ImagesRejected", unit=MetricUnit.Count, value=1)
        logger.warning("rejected", reason=str(refusal))
        return {"outcome": "invalid", "reason": str(refusal)}
    logger.info("valid", **asdict(facts))
    return {"outcome": "valid", **asdict(facts)}
