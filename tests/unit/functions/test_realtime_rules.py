"""The rules of realtime's functions: what is offered, asked for, announced, and who is swept away."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
)


@dataclass
class Aged:
    connected_at: int
    expires_at: int


@pytest.mark.parametrize(
    ("header", "token"),
    [
        ("opsctl.v1, bearer.a.b.c", "a.b.c"),
        ("bearer.a.b.c,opsctl.v1", "a.b.c"),
        ("opsctl.v1", ""),
        ("bearer.a.b.c", ""),
        ("opsctl.v1, bearer.a, bearer.b", ""),
        ("", ""),
    ],
)
def test_a_token_is_taken_only_beside_our_protocol_and_only_one(offers: ModuleType, header: str, token: str) -> None:
    assert offers.token_in({"Sec-WebSocket-Protocol": header}) == token


def test_each_action_is_read(actions: ModuleType) -> None:
    assert actions.read('{"action": "ping"}') == actions.Ping()
    assert actions.read('{"action": "subscribe", "topic": "photos"}') == actions.Subscribe("photos")
    assert actions.read('{"action": "unsubscribe", "topic": "room-a"}') == actions.Unsubscribe("room-a")
    assert actions.read('{"action": "send", "topic": "room-a", "message": "x"}') == actions.Send("room-a", "x")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("", "not_json"), ("[]", "not_json"), ("[" * 100_000, "not_json"), ("{}", "unknown_action"),
        ('{"action": "dance"}', "unknown_action"), ('{"action": {}}', "unknown_action"),
        ('{"action": "subscribe"}', "bad_topic"), ('{"action": "subscribe", "topic": "idempotency"}', "bad_topic"),
        ('{"action": "subscribe", "topic": "told#x"}', "bad_topic"),
        ('{"action": "send", "topic": "photos", "message": "x"}', "bad_topic"),
        ('{"action": "send", "topic": "room-a", "message": ""}', "bad_message"),
        (json.dumps({"action": "send", "topic": "room-a", "message": "x" * 4097}), "bad_message"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_message_has_a_code(actions: ModuleType, body: str, code: str) -> None:
    with pytest.raises(actions.BadMessage) as problem:
        actions.read(body)
    assert problem.value.code == code


def test_an_unknown_action_is_answered_with_those_that_there_are(actions: ModuleType) -> None:
    with pytest.raises(actions.BadMessage, match="'dance'; there are ping, send, subscribe, unsubscribe"):
        actions.read('{"action": "dance"}')


@given(ANYTHING, ANYTHING, ANYTHING)
def test_no_message_does_more_than_be_refused(actions: ModuleType, action: Any, topic: Any, message: Any) -> None:
    body = json.dumps({"action": action, "topic": topic, "message": message, "id": message})
    with contextlib.suppress(actions.BadMessage):
        actions.read(body)
    assert len(actions.id_of(body)) <= actions.LONGEST_ID


def test_an_announcement_has_the_same_id_however_often_it_comes(announcements: ModuleType) -> None:
    message = json.dumps({"event": "photo.ready", "photo_id": "p", "width": 1, "secret": "x"})
    first, second = announcements.read(message), announcements.read(message)
    assert first == second
    assert first.message() == {
        "type": "announcement", "topic": "photos", "id": "photo.ready/p", "photo": {"photo_id": "p", "width": 1},
    }  # fmt: skip


@pytest.mark.parametrize(
    "message", ["", "[]", "{}", '{"event": "photo.gone", "photo_id": "p"}', '{"event": "photo.ready"}']
)
def test_what_is_no_announcement_is_refused(announcements: ModuleType, message: str) -> None:
    with pytest.raises(announcements.NotAnAnnouncement):
        announcements.read(message)


@pytest.mark.parametrize(
    ("connected", "expires", "duty"),
    [(0, 1000, "ASK"), (99, 1000, "NOTHING"), (0, 100, "HANG_UP"), (99, 99, "HANG_UP"), (70, 1000, "ASK")],
)
def test_who_is_asked_about_and_who_is_hung_up(staleness: ModuleType, connected: int, expires: int, duty: str) -> None:
    assert staleness.duty(Aged(connected, expires), now=100) is staleness.Duty[duty]


def a_push(**reference: Any) -> dict[str, Any]:
    """Lambda developer guide, "Using Lambda with AWS CodeCommit"."""
    return {
        "Records": [
            {
                "awsRegion": "us-east-2", "eventId": "31ade2c7", "eventName": "ReferenceChanges", "eventPartNumber": 1,
                "codecommit": {"references": [{"commit": "5e493c6f", "ref": "refs/heads/feature/a", **reference}]},
                "eventSource": "aws:codecommit", "eventVersion": "1.0", "eventTotalParts": 1,
                "eventSourceARN": "arn:aws:codecommit:us-east-2:111122223333:notes",
                "eventTime": "2019-03-12T20:58:25.400+0000", "eventTriggerName": "t",
                "eventTriggerConfigId": "0d17d6a4",
                "userIdentityARN": "arn:aws:iam::111122223333:user/intern",
            }
        ]
    }  # fmt: skip


@pytest.mark.parametrize(
    ("reference", "what"), [({}, "updated"), ({"created": True}, "created"), ({"deleted": True}, "deleted")]
)
def test_a_push_says_branch_commit_and_who(pushes: ModuleType, reference: dict[str, Any], what: str) -> None:
    [push] = pushes.pushes_in(a_push(**reference))
    assert (push.repository, push.branch, push.commit_id, push.what) == ("notes", "feature/a", "5e493c6f", what)
    assert push.who.endswith("user/intern")


def test_a_triggers_test_is_no_push_and_another_event_is_refused(pushes: ModuleType) -> None:
    event = a_push()
    event["Records"][0]["eventName"] = "TriggerEventTest"
    assert list(pushes.pushes_in(event)) == []
    with pytest.raises(pushes.NotAPush):
        list(pushes.pushes_in({"Records": [{"eventSource": "aws:s3"}]}))
