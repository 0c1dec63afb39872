"""Start the state machine for each object that S3 announces."""

from __future__ import annotations

from typing import Any

import store
from aws_lambda_powertools import Logger, Tracer
from aws_lambda_powertools.utilities.typing import LambdaContext
from correlation import correlation_id_of
from requests_of_s3 import request_of

logger = Logger()
tracer = Tracer()


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler(capture_response=False)
def handler(event: dict[str, Any], context: LambdaContext) -> None:
    """Take an S3 event. Raises what a call raises: Lambda tries twice again, and then keeps the event in a queue."""
    for record in event["Records"]:
        request = request_of(record, correlation_id_of(record))
        logger.set_correlation_id(request["correlation_id"])
        logger.info("started", image_id=request["image_id"], execution=store.start(request))
