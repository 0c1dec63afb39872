"""The last step of the saga: the order is confirmed and its reservation sold, or cancelled and its stock put back."""

from __future__ import annotations

from typing import Any

import settlement
import store
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from correlation import correlation_id_of

logger = Logger()
tracer = Tracer()
metrics = Metrics()


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Gives {"status", "refund_due", "detail"}: where the order stands now, and what the bus is to be told."""
    logger.set_correlation_id(correlation_id_of(event))
    transaction_id = event["transaction_id"]
    order = store.find(transaction_id)
    wanted = settlement.Outcome(event["outcome"])
    if settlement.is_to_be_done(order["status"], wanted):
        store.settle(order, wanted, event.get("reason", ""))
        order = store.find(transaction_id)
        metrics.add_metric(name=f"Orders{wanted.name.title()}", unit=MetricUnit.Count, value=1)
    logger.info("settled", transaction_id=transaction_id, status=order["status"])
    return settlement.result(order)
