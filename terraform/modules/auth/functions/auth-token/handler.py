"""Signing in, and the keys by which others check the tokens."""

from __future__ import annotations

import json
import os
import time
from typing import Any
from uuid import uuid4

import sign_in
import store
import tokens
from aws_lambda_powertools import Logger, Tracer
from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.utilities.typing import LambdaContext
from correlation import correlation_id_of

ISSUER = tokens.Issuer(os.environ["ISSUER"], os.environ["AUDIENCE"], int(os.environ["TOKEN_SECONDS"]))
# A new key waits longer than this before it signs (auth-rotation), so that what was read is always good enough.
KEYS_KEPT_SECONDS = int(os.environ["PUBLICATION_SECONDS"]) / 10

logger = Logger()
tracer = Tracer()
app = APIGatewayRestResolver()

_keys: tuple[float, dict[str, Any] | None] = (0.0, None)


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler(capture_response=False)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    logger.set_correlation_id(correlation_id_of(event))
    return app.resolve(event, context)


@app.post("/auth/token")
def token() -> Response[str]:
    try:
        credentials = sign_in.parse_credentials(json.loads(app.current_event.decoded_body or "null"))
    except ValueError as error:
        return _answer(400, str(error) if isinstance(error, sign_in.BadRequest) else "The body is not JSON.")
    now, name = int(time.time()), credentials.username
    user, failures = store.find(name)
    # A name that is nobody's may be a password in the wrong field.
    known = name if user else "nobody"
    if wait := sign_in.wait_seconds(failures, now):
        logger.info("must wait", username=known, wait_seconds=wait)
        return _answer(429, "Too many wrong passwords.", **{"Retry-After": str(wait)})
    if not sign_in.password_matches(credentials.password, user["password_hash"] if user else None):
        store.count_failure(name, now, now + sign_in.FORGET_AFTER_SECONDS)
        logger.info("refused", username=known)
        return _answer(401, "Wrong user name or password.")
    if failures:
        store.forget_failures(name)
    return _sign(name, sorted((user or {}).get("scopes", ())))


@app.get("/auth/jwks")
def jwks() -> Response[str]:
    document = tokens.still_valid(store.published_keys(), int(time.time()))
    return Response(
        status_code=200, content_type="application/json", body=json.dumps(document),
        headers={"Cache-Control": "public, max-age=300"},
    )  # fmt: skip


def _sign(username: str, scopes: list[str]) -> Response[str]:
    now, token_id = int(time.time()), str(uuid4())
    try:
        key = tokens.signing_key(_signing_keys(), now)
    except tokens.NoKey:
        logger.error("there is no key to sign with yet")
        return _answer(503, "Signing in is not possible yet.", **{"Retry-After": "5"})
    signed = tokens.issue(ISSUER, key, subject=username, scopes=scopes, now=now, token_id=token_id)
    logger.info("signed in", username=username, token_id=token_id, key_id=key["kid"])
    return _json(
        200,
        {
            "access_token": signed,
            "token_type": "Bearer",
            "expires_in": ISSUER.lifetime_seconds,
            "scope": tokens.scope_text(scopes),
        },
        {},
    )


def _signing_keys() -> dict[str, Any] | None:
    """The keys, read again when what we have is older than KEYS_KEPT_SECONDS or holds none."""
    global _keys
    read_at, document = _keys
    if document is None or time.monotonic() - read_at >= KEYS_KEPT_SECONDS:
        _keys = (time.monotonic(), store.keys())
    return _keys[1]


def _answer(status: int, message: str, **headers: str) -> Response[str]:
    return _json(status, {"message": message, "request_id": app.current_event.request_context.request_id}, headers)


def _json(status: int, document: dict[str, Any], headers: dict[str, str]) -> Response[str]:
    return Response(
        status_code=status, content_type="application/json", body=json.dumps(document),
        headers={"Cache-Control": "no-store", **headers},
    )  # fmt: skip
