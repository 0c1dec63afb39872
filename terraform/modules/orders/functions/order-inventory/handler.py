"""Set an order's stock aside, all of it or nothing. A topic calls this, perhaps twice for one order.

Reservation, stock and order change in one transaction, so there is no half-way in it. What comes after, telling the
topic, is noted in the order's outbox by that same transaction: whoever dies before it is published leaves it there for
the next delivery.
"""

from __future__ import annotations

import json
from typing import Any

import events
import inventory
import store
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.data_classes import SNSEvent, event_source
from aws_lambda_powertools.utilities.typing import LambdaContext
from correlation import correlation_id_of

logger = Logger()
tracer = Tracer()
metrics = Metrics()


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics
@event_source(data_class=SNSEvent)
def handler(event: SNSEvent, context: LambdaContext) -> None:
    logger.set_correlation_id(correlation_id_of(event.raw_event))
    for record in event.records:
        order = json.loads(record.sns.message)
        events.check(inventory.PLACED, order)
        work_off(order)


@tracer.capture_method(capture_response=False)
def work_off(order: dict[str, Any]) -> None:
    """Do what isn't done yet for this order.

    Raises:
        inventory.Unknown: nobody recorded such an order.
        inventory.Busy: others change the same stock just now; come back.
    """
    verdict = store.reserve(order["transaction_id"], inventory.wanted(order["items"]))
    match verdict:
        case inventory.Missing(skus):
            store.reject(order["transaction_id"], inventory.reason_for(skus))
        case inventory.Done():
            metrics.add_metric(name="OrdersDeliveredAgain", unit=MetricUnit.Count, value=1)
        case inventory.Reserved():
            metrics.add_metric(name="OrdersReserved", unit=MetricUnit.Count, value=1)
    record = store.find(order["transaction_id"])
    if record is None:
        raise inventory.Unknown(order["transaction_id"])
    event = record.get("outbox")
    if event in inventory.PUBLISHED_HERE:
        store.publish(event, inventory.as_event(event, order, record))
        store.mark_published(order["transaction_id"], event)
    logger.info("worked off", transaction_id=order["transaction_id"], status=record["status"], published=event)
