"""Keep every change of every order, in order, once. Fed by Kinesis, which may deliver a record twice.

The key of an entry is the order and the number of its change, and it is written on condition that there is none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import store
from audit import entry
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from events.stream import event_in, in_order, sequence_number

logger = Logger()
tracer = Tracer()
metrics = Metrics()


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return in_order(event["Records"], keep)


def keep(record: Mapping[str, Any]) -> None:
    change = event_in(record, "order.changed")
    logger.set_correlation_id(change["correlation_id"])
    new = store.keep(entry(change, recorded_as=sequence_number(record)))
    metrics.add_metric(name="ChangesKept" if new else "ChangesDeliveredAgain", unit=MetricUnit.Count, value=1)
    logger.info("kept" if new else "delivered again", transaction_id=change["transaction_id"], status=change["status"])
