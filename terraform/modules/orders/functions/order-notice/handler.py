"""Tell the customer what became of an order: one notice for each event, however often it comes."""

from __future__ import annotations

from typing import Any

import notices
import store
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.idempotency import IdempotencyConfig, idempotent_function
from aws_lambda_powertools.utilities.typing import LambdaContext
from correlation import correlation_id_of

logger = Logger()
tracer = Tracer()
metrics = Metrics()
# As long as a message can live: in the queue, and in its dead-letter queue.
once = IdempotencyConfig(event_key_jmespath="[transaction_id, event]", expires_after_seconds=18 * 24 * 3600)
# A batch in which every message failed is answered like any other, so that each is retried alone.
processor = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False, logger=logger)


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    once.register_lambda_context(context)
    return dict(process_partial_response(event=event, record_handler=work_off, processor=processor, context=context))


def work_off(record: SQSRecord) -> None:
    logger.set_correlation_id(correlation_id_of(record.raw_event))
    attributes = record.raw_event.get("messageAttributes") or {}
    try:
        notice = notices.notice((attributes.get("event") or {}).get("stringValue", ""), record.body)
    except notices.Rejected as rejection:
        store.set_aside(record.raw_event, str(rejection))
        metrics.add_metric(name="NoticesRejected", unit=MetricUnit.Count, value=1)
        logger.warning("rejected", reason=str(rejection))
        return
    tell(notice=notice)


@idempotent_function(data_keyword_argument="notice", persistence_store=store.told, config=once)
def tell(notice: dict[str, Any]) -> dict[str, Any]:
    store.publish(notice)
    logger.info("told", transaction_id=notice["transaction_id"], notice_of=notice["event"])
    return {}
