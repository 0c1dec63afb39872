"""Notes each push of a repository. CodeCommit calls it by a trigger, perhaps twice."""

from __future__ import annotations

from typing import Any

import store
from aws_lambda_powertools import Logger, Tracer
from aws_lambda_powertools.utilities.typing import LambdaContext
from correlation import correlation_id_of
from pushes import pushes_in

logger = Logger()
tracer = Tracer()


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler(capture_response=False)
def handler(event: dict[str, Any], context: LambdaContext) -> None:
    logger.set_correlation_id(correlation_id_of(event))
    for push in pushes_in(event):
        store.note(push)
        logger.info("noted", branch=push.branch, commit_id=push.commit_id, what=push.what)
