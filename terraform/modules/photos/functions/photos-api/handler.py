"""The photos part of the REST API that needs code: one photo, a list of photos, a presigned upload."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import photos
import store
from aws_lambda_powertools import Logger, Tracer
from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.exceptions import BadRequestError, NotFoundError
from aws_lambda_powertools.utilities.typing import LambdaContext
from correlation import correlation_id_of

logger = Logger()
tracer = Tracer()
app = APIGatewayRestResolver()


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler(capture_response=False)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    logger.set_correlation_id(correlation_id_of(event))
    return app.resolve(event, context)


@app.post("/photos/presign")
def presign() -> Response[str]:
    try:
        upload = photos.parse_upload(app.current_event.json_body)
    except ValueError as error:
        raise BadRequestError(str(error)) from error
    photo_id = str(uuid4())
    logger.info("presigned", photo_id=photo_id)  # what comes of it is followed by the photo's id
    return Response(
        status_code=201,
        content_type="application/json",
        body=json.dumps(
            {
                "photo_id": photo_id,
                "url": store.presign_upload(photo_id, upload),
                "headers": {"Content-Type": upload.content_type},
                "expires_seconds": photos.EXPIRES_SECONDS,
            }
        ),
    )


@app.get("/photos/<photo_id>")
def show(photo_id: str) -> dict[str, Any]:
    record = store.find_record(photo_id) if photos.is_photo_id(photo_id) else None
    if record is None:
        raise NotFoundError("There is no such photo, or not yet.")
    return photos.as_seen_by_clients(record)


@app.get("/photos")
def list_newest() -> dict[str, Any]:
    asked = app.current_event.query_string_parameters or {}
    try:
        limit, after = photos.parse_limit(asked.get("limit")), photos.parse_page_token(asked.get("next"))
    except photos.BadRequest as error:
        raise BadRequestError(str(error)) from error
    records, end = store.newest_records(limit, after)
    return {"photos": [photos.as_seen_by_clients(record) for record in records], "next": photos.page_token(end)}
