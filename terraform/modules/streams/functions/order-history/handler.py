"""Keep for each customer their orders as they are now. Fed by the orders table's stream, which may deliver twice.

Each change of an order has a number that grows; an older one never replaces a newer one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import store
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from events.stream import in_order
from history import entry

logger = Logger()
tracer = Tracer()
metrics = Metrics()


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return in_order(event["Records"], follow)


def follow(record: Mapping[str, Any]) -> None:
    order = entry(record)
    if order is None:
        return
    logger.set_correlation_id(order["correlation_id"]["S"])
    new = store.keep(order)
    metrics.add_metric(name="ChangesFollowed" if new else "ChangesDeliveredAgain", unit=MetricUnit.Count, value=1)
    logger.info("followed" if new else "delivered again", transaction_id=order["transaction_id"]["S"])
