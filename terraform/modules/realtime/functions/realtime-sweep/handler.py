"""Removes connections that ended without a $disconnect, and hangs up those whose token has expired. Run by a schedule.

It stops when its time is nearly over; the next run goes on, with those that have waited for longest first.
"""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from connections import Known
from staleness import Duty, duty
from store import connections

AT_ONCE = 16
SPARE_MILLISECONDS = 5_000

logger = Logger()
tracer = Tracer()
metrics = Metrics()


@logger.inject_lambda_context(correlation_id_path="execution_id", clear_state=True)
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    def look_after(connection: Known) -> str:
        if context.get_remaining_time_in_millis() < SPARE_MILLISECONDS:
            return "left"
        match duty(connection, now=time.time()):
            case Duty.HANG_UP:
                connections.hang_up(connection.connection_id)
                return "expired"
            case Duty.ASK if not connections.is_open(connection.connection_id):
                connections.close(connection.connection_id)
                return "gone"
        return "open"

    known = sorted(connections.known(), key=lambda connection: connection.connected_at)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = Counter(pool.map(look_after, known))
    for name, count in found.items():
        metrics.add_metric(name=f"Connections{name.capitalize()}", unit=MetricUnit.Count, value=count)
    logger.info("swept", **found)
    return dict(found)
