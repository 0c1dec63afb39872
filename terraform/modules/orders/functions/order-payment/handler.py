"""Start the saga of each order whose stock is reserved: one execution for each, named by its transaction."""

from __future__ import annotations

from typing import Any

import payments
import store
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext
from correlation import correlation_id_of

logger = Logger()
tracer = Tracer()
metrics = Metrics()
# A batch in which every message failed is answered like any other, so that each is retried alone.
processor = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False, logger=logger)


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return dict(process_partial_response(event=event, record_handler=work_off, processor=processor, context=context))


def work_off(record: SQSRecord) -> None:
    logger.set_correlation_id(correlation_id_of(record.raw_event))
    try:
        order = payments.parse(record.body)
    except payments.Rejected as rejection:
        store.set_aside(record.raw_event, str(rejection))
        metrics.add_metric(name="PaymentsRejected", unit=MetricUnit.Count, value=1)
        logger.warning("rejected", reason=str(rejection))
        return
    attributes = record.raw_event.get("messageAttributes") or {}
    started = store.start(payments.execution_name(order["transaction_id"], attributes), payments.saga_input(order))
    logger.info("started" if started else "started before", transaction_id=order["transaction_id"])
