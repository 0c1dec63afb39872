from __future__ import annotations

import json
from types import ModuleType
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from conftest import CONTEXT, Pipeline


def ask(
    api: ModuleType, method: str, path: str, body: object = None, query: dict[str, str] | None = None
) -> tuple[int, Any]:
    answer = api.handler(
        {
            "httpMethod": method,
            "path": path,
            "resource": path,
            "headers": {"Content-Type": "application/json"},
            "multiValueHeaders": {},
            "queryStringParameters": query,
            "multiValueQueryStringParameters": {name: [value] for name, value in (query or {}).items()},
            "requestContext": {"requestId": "a-request", "stage": "v1"},
            "body": body if isinstance(body, str) else json.dumps(body),
            "isBase64Encoded": False,
        },
        CONTEXT,
    )
    return answer["statusCode"], json.loads(answer["body"])


def a_record(pipeline: Pipeline, photo_id: str, created_at: str) -> None:
    pipeline.table.put_item(
        Item={
            "photo_id": photo_id,
            "album": "all",
            "status": "ready",
            "created_at": created_at,
            "width": 640,
            "height": 480,
            "thumbnail": {"key": f"thumbnails/{photo_id}.jpg", "width": 256, "height": 192},
            "announcement": "made",
        }
    )


def test_a_photo_is_shown(photos_api: ModuleType, pipeline: Pipeline) -> None:
    a_record(pipeline, "p-1", "2026-11-21T10:00:00")
    status, shown = ask(photos_api, "GET", "/photos/p-1")
    assert status == 200
    assert (shown["photo_id"], shown["status"], shown["width"]) == ("p-1", "ready", 640)
    assert shown["thumbnail"]["url"] == "/thumbnails/p-1.jpg"


def test_a_photo_that_is_not_there_is_not_found(photos_api: ModuleType) -> None:
    assert ask(photos_api, "GET", "/photos/nobody")[0] == 404


def test_photos_are_listed_newest_first_page_by_page(photos_api: ModuleType, pipeline: Pipeline) -> None:
    for number in range(5):
        a_record(pipeline, f"p-{number}", f"2026-11-21T10:00:0{number}")
    seen, following = [], None
    for _ in range(3):
        query = {"limit": "2"} | ({"next": following} if following else {})
        status, page = ask(photos_api, "GET", "/photos", query=query)
        assert status == 200
        seen += [photo["photo_id"] for photo in page["photos"]]
        following = page["next"]
    assert seen == ["p-4", "p-3", "p-2", "p-1", "p-0"]
    assert following is None


@pytest.mark.parametrize("query", [{"limit": "0"}, {"limit": "many"}, {"next": "made-up"}])
def test_a_list_that_can_not_be_is_refused(photos_api: ModuleType, query: dict[str, str]) -> None:
    assert ask(photos_api, "GET", "/photos", query=query)[0] == 400


def test_a_presigned_upload_is_for_one_photo_of_one_type_and_length(photos_api: ModuleType) -> None:
    status, given = ask(photos_api, "POST", "/photos/presign", {"content_type": "image/png", "content_length": 1234})
    assert status == 201
    url = urlsplit(given["url"])
    assert url.hostname == "photos.s3.eu-central-1.amazonaws.com"
    assert url.path == f"/uploads/{given['photo_id']}"
    signed = parse_qs(url.query)
    assert signed["X-Amz-SignedHeaders"] == ["content-length;content-type;host"]
    assert signed["X-Amz-Expires"] == ["300"]
    assert given["headers"] == {"Content-Type": "image/png"}
    assert given["expires_seconds"] == 300


@pytest.mark.parametrize("body", ["not json", {}, {"content_type": "text/html", "content_length": 9}])
def test_a_presigned_upload_of_something_else_is_refused(photos_api: ModuleType, body: object) -> None:
    assert ask(photos_api, "POST", "/photos/presign", body)[0] == 400
