"""Keep running totals of orders, per customer and per minute. Fed by Kinesis, which may deliver a record twice.

A change is counted in one transaction with the note that it was: twice delivered, it is counted once.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import store
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from events.stream import event_in, in_order
from totals import counted_once_as, increments, totals_of

logger = Logger()
tracer = Tracer()
metrics = Metrics()


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return in_order(event["Records"], count)


def count(record: Mapping[str, Any]) -> None:
    change = event_in(record, "order.changed")
    logger.set_correlation_id(change["correlation_id"])
    new = store.count(counted_once_as(change), totals_of(change), increments(change), now=int(time.time()))
    metrics.add_metric(name="ChangesCounted" if new else "ChangesDeliveredAgain", unit=MetricUnit.Count, value=1)
    logger.info(
        "counted" if new else "delivered again", transaction_id=change["transaction_id"], status=change["status"]
    )
