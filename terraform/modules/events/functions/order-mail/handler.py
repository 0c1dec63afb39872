"""Write to the customer whose order was confirmed. Fed by EventBridge, which may deliver an event twice.

One letter for each order: Powertools notes in a table that it was sent. Only a worker that dies between SES's answer
and that note sends a second one: SES can't be asked what it was told.
"""

from __future__ import annotations

import os
from typing import Any

import events
import store
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)
from aws_lambda_powertools.utilities.typing import LambdaContext
from letters import confirmation

logger = Logger()
tracer = Tracer()
metrics = Metrics()
# An archive may be replayed for as long as it keeps events; nobody wants last month's letters again.
once = IdempotencyConfig(event_key_jmespath="transaction_id", expires_after_seconds=90 * 24 * 3600)
sent = DynamoDBPersistenceLayer(table_name=os.environ["TABLE"])


@logger.inject_lambda_context(correlation_id_path="detail.correlation_id", clear_state=True)
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> None:
    once.register_lambda_context(context)
    try:
        events.check("order.confirmed", event["detail"])
    except events.Invalid as error:
        store.set_aside(event, reason=str(error))
        metrics.add_metric(name="EventsRejected", unit=MetricUnit.Count, value=1)
        logger.warning("rejected", reason=str(error))
        return
    write(detail=event["detail"])


@idempotent_function(data_keyword_argument="detail", config=once, persistence_store=sent)
def write(*, detail: dict[str, Any]) -> dict[str, str]:
    message_id = store.send(confirmation(detail))
    metrics.add_metric(name="LettersSent", unit=MetricUnit.Count, value=1)
    logger.info("sent", message_id=message_id, transaction_id=detail["transaction_id"])
    return {"message_id": message_id}
