"""Announce what became of a list, once for each version of it. Called by the state machine `lists`.

S3 and EventBridge deliver at least once, and Step Functions tries again: Powertools' idempotency remembers what was
announced, by outcome, key and ETag. A worker that dies between telling SNS and remembering announces once more.
"""

from __future__ import annotations

import os
from typing import Any

import announcements
import store
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)
from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger()
tracer = Tracer()
metrics = Metrics()
persistence = DynamoDBPersistenceLayer(table_name=os.environ["NOTICES_TABLE"])
config = IdempotencyConfig(
    event_key_jmespath="[outcome, key, etag]", raise_on_no_idempotency_key=True, expires_after_seconds=7 * 24 * 3600
)


@logger.inject_lambda_context(correlation_id_path="key", clear_state=True)
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Gives the announcement with its message_id: the first one's, if this list was announced before."""
    config.register_lambda_context(context)
    announced: dict[str, Any] = announce(notice=event)
    return announced


@idempotent_function(data_keyword_argument="notice", persistence_store=persistence, config=config)
def announce(notice: dict[str, Any]) -> dict[str, Any]:
    announcement = announcements.of(notice)
    message_id = store.publish(announcement, correlation_id=notice["key"])
    metrics.add_metric(name="ListsAnnounced", unit=MetricUnit.Count, value=1)
    return {**announcement, "message_id": message_id}
