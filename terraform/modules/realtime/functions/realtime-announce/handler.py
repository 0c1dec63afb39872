"""Tells a topic's subscribers what was announced. SNS may deliver an announcement twice; Lambda tries three times.

An announcement that everybody got is remembered for an hour and not told again, and while one worker tells it no other
does (Powertools' idempotency, in the connections' table). An attempt that didn't reach everybody remembers whom it
reached, and raises: the next one tells the others. A worker that dies in between has remembered nothing, so the next
attempt may tell somebody twice; clients that can't bear it look at the announcement's `id`.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any

from announcements import Announcement, read
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer, IdempotencyConfig, idempotent_function
from aws_lambda_powertools.utilities.typing import LambdaContext
from connections import Gone, remember_told, told
from correlation import correlation_id_of
from store import TABLE, connections, table

REMEMBERED_SECONDS = 3600
AT_ONCE = 16

logger = Logger()
tracer = Tracer()
metrics = Metrics()
once = IdempotencyConfig(event_key_jmespath="id", expires_after_seconds=REMEMBERED_SECONDS)
memory = DynamoDBPersistenceLayer(
    TABLE, key_attr="topic", static_pk_value="idempotency", sort_key_attr="connection_id", expiry_attr="expires_at"
)


class NotAllTold(Exception):
    """Some subscribers could not be told for now."""


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> None:
    once.register_lambda_context(context)
    for record in event["Records"]:
        logger.set_correlation_id(correlation_id_of(record))
        tell(announcement=asdict(read(record["Sns"]["Message"])))


@idempotent_function(data_keyword_argument="announcement", persistence_store=memory, config=once)
def tell(announcement: dict[str, Any]) -> dict[str, int]:
    """Tell everybody who wasn't told by an earlier attempt. Gives how many were reached, and how many are gone.

    Raises:
        NotAllTold
    """
    told_now = Announcement(**announcement)
    before = told(table, told_now.id)
    waiting = [subscriber for subscriber in connections.subscribers(told_now.topic) if subscriber not in before]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        outcomes = dict(zip(waiting, pool.map(lambda subscriber: _push(subscriber, told_now), waiting), strict=True))
    reached = [subscriber for subscriber, outcome in outcomes.items() if outcome == "reached"]
    failed = sum(outcome == "failed" for outcome in outcomes.values())
    metrics.add_metric(name="SubscribersTold", unit=MetricUnit.Count, value=len(reached))
    logger.info("told", announcement_id=told_now.id, reached=len(reached), failed=failed, subscribers=len(waiting))
    if failed:
        remember_told(table, told_now.id, reached, int(time.time()) + REMEMBERED_SECONDS)
        raise NotAllTold(f"{failed} of {len(waiting)}")
    return {"reached": len(reached), "gone": len(waiting) - len(reached)}


def _push(subscriber: str, announcement: Announcement) -> str:
    try:
        connections.push(subscriber, announcement.message(), announcement.topic)
    except Gone:
        return "gone"
    except Exception:
        logger.exception("not reached", connection_id=subscriber)
        return "failed"
    return "reached"
