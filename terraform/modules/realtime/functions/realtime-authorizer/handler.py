"""API Gateway's question who wants to connect. The answer stays with the connection as its context."""

from __future__ import annotations

import os
import time
from typing import Any

import access
import offers
import store
from aws_lambda_powertools import Logger, Tracer
from aws_lambda_powertools.utilities.typing import LambdaContext
from published_keys import PublishedKeys

ISSUER, AUDIENCE = os.environ["ISSUER"], os.environ["AUDIENCE"]

logger = Logger()
tracer = Tracer()
keys = PublishedKeys(store.published_keys, time.time)


@logger.inject_lambda_context(correlation_id_path="requestContext.requestId", clear_state=True)
@tracer.capture_lambda_handler(capture_response=False, capture_error=False)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    token = offers.token_in(event["headers"])
    try:
        bearer = access.check(f"Bearer {token}", keys.find, issuer=ISSUER, audience=AUDIENCE, now=int(time.time()))
    except access.Refused as refusal:
        logger.info("refused", reason=str(refusal))
        raise Exception("Unauthorized") from None  # the one message that API Gateway answers with 401
    logger.info("let in", username=bearer.subject, token_id=bearer.token_id)
    statement = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": event["methodArn"]}
    return {
        "principalId": bearer.subject,
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        "context": {"expires_at": str(bearer.expires_at), "scope": " ".join(bearer.scopes)},
    }
