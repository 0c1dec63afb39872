"""Check one entry before a person is asked. Called by the state machine `release`, for at most five at once."""

from __future__ import annotations

from typing import Any

import entries
from aws_lambda_powertools import Logger, Tracer
from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger()
tracer = Tracer()


@logger.inject_lambda_context(correlation_id_path="correlation_id", clear_state=True)
@tracer.capture_lambda_handler(capture_response=False)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Gives {photo_id, accepted: true, caption}.

    Raises:
        entries.InvalidEntry: the execution notes it and goes on with the others.
    """
    return entries.check(event["entry"])
