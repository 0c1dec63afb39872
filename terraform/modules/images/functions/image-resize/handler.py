"""Make the version that people look at."""

from __future__ import annotations

from typing import Any

import store
from aws_lambda_powertools import Logger, Tracer
from aws_lambda_powertools.utilities.typing import LambdaContext
from resizing import resized

logger = Logger()
tracer = Tracer()


@logger.inject_lambda_context(correlation_id_path="request.correlation_id", clear_state=True)
@tracer.capture_lambda_handler(capture_response=False)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Gives {versions: [{version, key}]}."""
    request = event["request"]
    logger.append_keys(image_id=request["image_id"], execution=event["execution"], step="resize")
    logger.info("attempt")
    store.begin(request["image_id"], event["execution"])
    image = resized(store.fetch(request["bucket"], request["key"]))
    return {"versions": [store.put_work(request["image_id"], "resized", image)]}
