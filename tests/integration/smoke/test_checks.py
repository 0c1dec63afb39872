"""Every check passes on a healthy stack, fails on the break that it claims to catch, and leaves nothing behind."""

from dataclasses import replace

import pytest

from opsctl import smoke
from opsctl.exit_codes import ExitCode
from opsctl.smoke.burst import send_burst
from opsctl.smoke.check import CheckFailed
from opsctl.smoke.checks import CHECKS

NOTHING = {"objects": [], "records": [], "queues": [], "subscriptions": [], "users": [], "orders": []}


# What the stand-in has of the inside; the others are run on the real stack, by tests/e2e.
INNER_HERE = {
    "photo-path",
    "presigned-path",
    "corrupt-photo",
    "order-path",
    "token-missing",
    "scope-missing",
    "api-key",
}
EDGE_HERE = {"edge-health", "site-page", "sql-injection", "geography", "private-api", "throttle"}
HERE = [check.name for check in CHECKS if check.name in INNER_HERE | EDGE_HERE]


def failure_of(stack, name, *, budget_seconds=4.0, **target):
    """The message with which the check fails; it must fail."""
    checks = [replace(check, budget_seconds=budget_seconds) for check in CHECKS]
    report = smoke.run(stack.target(**target), only=[name], checks=checks)
    assert report.exit_code is ExitCode.SMOKE_FAILED
    return report.results[0].message


def test_a_healthy_stack_passes_every_check_and_keeps_nothing_of_them(stack):
    report = smoke.run(stack.target(), only=HERE)
    assert {result.name: result.message for result in report.results} == dict.fromkeys(HERE, "")
    assert report.exit_code is ExitCode.DONE
    assert stack.left() == NOTHING


def test_the_evidence_says_what_was_seen(stack):
    [result] = smoke.run(stack.target(), only=["photo-path"]).results
    assert result.evidence["thumbnail"]["height"] == 256
    assert result.evidence["announcement"] == {"event": "photo.ready", "photo_id": result.evidence["photo_ids"][0]}
    assert result.evidence["seconds_from_upload_to_ready"] > 0


@pytest.mark.parametrize(
    ("broken", "check", "message"),
    [
        ("unhealthy", "edge-health", "GET /v1/health answered 502"),
        ("upload refused", "photo-path", "POST /v1/photos answered 413"),
        ("no id", "photo-path", "no photo_id"),
        ("never ready", "photo-path", "was not seen within"),
        ("no thumbnail", "photo-path", "answered 403"),
        ("another format", "photo-path", "is not a JPEG"),
        ("orientation ignored", "photo-path", "403 x 301 pixels for a photo that people see as 301 x 403"),
        ("aspect lost", "photo-path", "the thumbnail is 256 x 256 pixels; 191 x 256 keep"),
        ("too large", "photo-path", "the thumbnail is 224 x 300 pixels"),
        ("no record", "photo-path", "there is no record of"),
        ("not announced", "photo-path", "the announcement of"),
        ("announced twice", "photo-path", "was announced 2 times"),
        ("bad signature", "presigned-path", "answered 403: {\"message\": \"SignatureDoesNotMatch\"}"),
        ("no thumbnail", "presigned-path", "answered 403"),
        ("not buried", "corrupt-photo", "in the dead-letter queue was not seen within"),
        ("no reason", "corrupt-photo", "says no reason"),
        ("a corrupt photo stops the others", "corrupt-photo", "as ready at /v1/photos/"),
        ("no service", "order-path", "POST /v1/orders answered 504"),
        ("free of charge", "order-path", "the order's total is None, not 6400"),
        ("forgetful", "order-path", "the order was read back as"),
        ("placed again", "order-path", "the same order again: POST"),
        ("undying", "order-path", "a deleted order: GET"),
        ("no config", "site-page", "GET /site.json answered 404"),
        ("no firewall", "sql-injection", "SQL in the query was not stopped: GET /v1/orders answered 401"),
        ("any token", "token-missing", "no token: GET /v1/orders answered 200"),
        ("no challenge", "token-missing", "401 came without WWW-Authenticate"),
        ("any key", "api-key", "no API key: GET /v1/orders answered 200"),
        ("any scope", "scope-missing", "a token without the scope: POST /v1/orders answered"),
        ("the API answers everybody", "private-api", "the API answered somebody who came round CloudFront"),
        ("every country", "geography", "a viewer from another country was not stopped: GET /v1/health answered 200"),
        ("no throttle", "throttle", "40 sign-ins at once were answered with [400], and none with 429"),
        ("no hint", "throttle", "429 came without Retry-After"),
    ],
)  # fmt: skip
def test_each_break_is_caught_by_the_check_that_claims_it_and_is_cleaned_up(stack, broken, check, message):
    stack.broken.add(broken)
    assert message in failure_of(stack, check)
    left = stack.left()
    if broken in (
        "no id",
        "no service",
        "undying",
        "any scope",
        "placed again",
    ):  # nobody can know what to remove, or can remove it
        left |= {"objects": [], "records": [], "orders": []}
    assert left == NOTHING


def test_a_wrong_api_key_is_caught_and_not_shown(stack):
    message = failure_of(stack, "photo-path", api_key="another-key")
    assert message == 'POST /v1/photos answered 403: {"message": "Forbidden"}'
    assert "another-key" not in repr(stack.target(api_key="another-key"))


def test_an_edge_that_is_gone_fails_the_check_and_names_it(stack):
    target = replace(stack.target(), base_url="http://127.0.0.1:9")
    [result] = smoke.run(target, only=["edge-health"]).results
    assert result.message.startswith("photos.example.test does not answer. GET /v1/health at http://127.0.0.1:9")


def test_dead_letters_of_others_stay_where_they_are(stack):
    for number in range(25):
        stack.bury(f"of-others-{number}", "old")
    report = smoke.run(stack.target(), only=["corrupt-photo"])
    assert report.results[0].message == ""
    found = set()
    while messages := stack.aws.call(
        "sqs", "receive_message", QueueUrl=stack.dead_letters, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
    ).get("Messages"):
        found |= {message["MessageAttributes"]["photo_id"]["StringValue"] for message in messages}
    assert found == {f"of-others-{number}" for number in range(25)}


def test_a_burst_is_counted_photo_by_photo_and_leaves_nothing(stack):
    burst = send_burst(stack.target(), 12, concurrency=4, budget_seconds=30)
    assert burst.photos == 12
    assert burst.complete
    assert 0 < burst.upload.median <= burst.upload.longest <= burst.upload_seconds <= burst.seconds
    assert stack.left() == NOTHING


@pytest.mark.parametrize(
    ("broken", "part"),
    [("announced twice", "announced_twice"), ("no record", "without_record"), ("no thumbnail", "without_thumbnail")],
)
def test_a_burst_tells_what_is_missing_or_double(stack, broken, part):
    stack.broken.add(broken)
    burst = send_burst(stack.target(), 3, concurrency=2, budget_seconds=30)
    assert len(getattr(burst, part)) == 3
    assert not burst.complete


def test_a_burst_that_is_never_announced_ends_with_its_budget(stack):
    stack.broken.add("not announced")
    with pytest.raises(CheckFailed, match="3 of 3 were sent, 0 announced"):
        send_burst(stack.target(), 3, concurrency=3, budget_seconds=3)
    assert stack.left() == NOTHING


def test_a_burst_whose_uploads_are_refused_ends_at_once(stack):
    stack.broken.add("upload refused")
    with pytest.raises(CheckFailed, match="answered 413"):
        send_burst(stack.target(), 3, budget_seconds=30)
