"""The rules of the list pipeline and of the approvals: what passes, and what is said of what doesn't."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

FUNCTIONS = Path(__file__).parents[3] / "terraform/modules/workflows/functions"


def rules(function: str, module: str) -> ModuleType:
    """A function's rules. They import nothing of the function's, so that its folder need not be on the path."""
    spec = importlib.util.spec_from_file_location(f"{function}.{module}", FUNCTIONS / function / f"{module}.py")
    assert spec
    assert spec.loader
    made = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


lists = rules("list-validate", "lists")
transformation = rules("list-transform", "transformation")
announcements = rules("list-notify", "announcements")
entries = rules("approval-check", "entries")
decisions = rules("approval-answer", "decisions")

RIGHT = {"sku": "print-20x30", "title": "Print 20 x 30", "price_cents": 1250}
ENTRY = st.fixed_dictionaries(
    {
        "sku": st.from_regex(r"[a-z0-9][a-z0-9-]{1,39}", fullmatch=True),
        "title": st.text(min_size=1, max_size=200).filter(str.strip),
        "price_cents": st.integers(0, 100_000_000),
    }
)
LIST = st.lists(ENTRY, min_size=1, max_size=20, unique_by=lambda entry: entry["sku"])


def problem(content: Any) -> dict[str, Any]:
    """What is wrong with a list, as the state machine reads it from the error."""
    with pytest.raises(lists.InvalidList) as caught:
        lists.parse(content if isinstance(content, bytes) else json.dumps(content).encode())
    found: dict[str, Any] = json.loads(str(caught.value))
    return found


@given(LIST)
def test_a_right_list_passes_and_becomes_its_result(entries: list[dict[str, Any]]) -> None:
    parsed = lists.parse(json.dumps(entries).encode())
    result = transformation.transform("a-list", parsed)
    assert [entry["sku"] for entry in result["entries"]] == sorted(entry["sku"] for entry in entries)
    assert result["summary"]["total_cents"] == sum(entry["price_cents"] for entry in entries)
    assert all(float(entry["price"]) * 100 == pytest.approx(entry["price_cents"]) for entry in result["entries"])


@given(LIST, st.randoms())
def test_the_order_of_a_list_changes_nothing(entries: list[dict[str, Any]], chance: Any) -> None:
    shuffled = chance.sample(entries, len(entries))
    once, again = (transformation.to_bytes(transformation.transform("a-list", each)) for each in (entries, shuffled))
    assert once == again


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"sku": "UPPER"}, "sku"), ({"sku": 5}, "sku"), ({"title": "  "}, "title"), ({"title": "x" * 201}, "title"),
        ({"price_cents": -1}, "price_cents"), ({"price_cents": 1.5}, "price_cents"),
        ({"price_cents": True}, "price_cents"), ({"price_cents": "1"}, "price_cents"),
    ],
)  # fmt: skip
def test_the_first_wrong_entry_is_named_with_its_field(wrong: dict[str, Any], field: str) -> None:
    found = problem([RIGHT, {**RIGHT, "sku": "another", **wrong}, "also wrong"])
    assert (found["index"], found["field"]) == (1, field)
    assert found["reason"].startswith("must be")


def test_a_missing_field_an_alien_and_a_duplicate_are_named() -> None:
    assert problem([RIGHT, {"sku": "a-b"}]) == {"index": 1, "field": "title", "reason": "is missing"}
    assert problem([None]) == {"index": 0, "reason": "must be a JSON object"}
    assert problem([RIGHT, RIGHT]) == {"index": 1, "field": "sku", "reason": "is that of entry 0, too"}


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"a": 1}', b"[]", b"null"])
def test_what_is_no_list_is_refused_as_a_whole(content: bytes) -> None:
    assert "index" not in problem(content)


def test_a_list_has_limits() -> None:
    many = [{**RIGHT, "sku": f"s-{number}"} for number in range(10_001)]
    assert len(lists.parse(json.dumps(many[:-1]).encode())) == 10_000
    assert "10001 entries" in problem(many)["reason"]
    lists.check_size(1024 * 1024)
    for size in (0, 1024 * 1024 + 1):
        with pytest.raises(lists.InvalidList):
            lists.check_size(size)


@pytest.mark.parametrize(
    "key", ["lists/incoming/.json", "lists/incoming/a/b.json", "lists/incoming/a.csv", "other/a.json"]
)
def test_only_a_json_file_among_the_incoming_is_a_list(key: str) -> None:
    assert lists.list_id_in("lists/incoming/week-47.json") == "week-47"
    with pytest.raises(lists.InvalidList):
        lists.list_id_in(key)


@given(st.binary(max_size=200))
def test_whatever_arrives_is_a_list_or_refused(content: bytes) -> None:
    try:
        assert lists.parse(content)
    except lists.InvalidList as refusal:
        assert json.loads(str(refusal))["reason"]  # noqa: PT017 - either way is right


def test_an_announcement_says_what_became_of_the_list() -> None:
    source = {"bucket": "b", "key": "k", "etag": "e"}
    ready = announcements.of({**source, "outcome": "ready", "result": {"key": "r"}})
    rejected = announcements.of({**source, "outcome": "rejected", "problem": {"index": 3}})
    assert (ready["event"], ready["result"]) == ("list.ready", {"key": "r"})
    assert (rejected["event"], rejected["problem"], rejected["key"]) == ("list.rejected", {"index": 3}, "k")
    with pytest.raises(ValueError):
        announcements.of({**source, "outcome": "lost"})


@pytest.mark.parametrize("wrong", [
    None, {}, {"photo_id": ""}, {"photo_id": "a/b"}, {"photo_id": "a", "caption": "<b>"},
    {"photo_id": "a", "caption": "x" * 201}, {"photo_id": "a", "caption": 5},
])  # fmt: skip
def test_an_entry_that_cannot_be_released_is_refused(wrong: Any) -> None:
    assert entries.check({"photo_id": "a", "caption": " b  c "}) == {
        "photo_id": "a",
        "accepted": True,
        "caption": "b c",
    }
    with pytest.raises(entries.InvalidEntry):
        entries.check(wrong)


APPROVE, REJECT = decisions.Decision("approve", ""), decisions.Decision("reject", "")


@pytest.mark.parametrize(
    ("changes", "decision", "status"),
    [
        ({}, APPROVE, None),
        ({"decision": "approve"}, APPROVE, None),  # a worker died before it was delivered
        ({"decision": "approve"}, REJECT, 409),
        ({"decision": "approve", "delivered": True}, APPROVE, 409),
        ({"status": "approved", "decision": "approve", "delivered": True}, APPROVE, 409),
        ({"status": "rejected"}, APPROVE, 409),
        ({"status": "expired"}, APPROVE, 410),
        ({"answer_by": 100}, APPROVE, 410),
        ({"answer_by": 101}, APPROVE, None),
    ],
)
def test_an_answer_counts_once_and_in_time(changes: dict[str, Any], decision: Any, status: int | None) -> None:
    approval = {"status": "waiting", "answer_by": 200, **changes}
    refusal = decisions.refusal(approval, decision, now=100)
    assert (refusal and refusal[0]) == status


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"status": "approved"}, 409),
        ({"delivered": True}, 409),
        ({"status": "expired"}, 410),
        ({"answer_by": 99}, 410),
        ({}, 410),
    ],
)
def test_a_token_that_nobody_waits_for_is_answered_by_why(changes: dict[str, Any], status: int) -> None:
    assert decisions.closed({"status": "waiting", "answer_by": 200, **changes}, now=100)[0] == status


@pytest.mark.parametrize("body", [None, [], {"decision": "maybe"}, {"decision": "approve", "comment": 5},
                                  {"decision": "approve", "comment": "x" * 501}])  # fmt: skip
def test_an_answer_must_be_one(body: Any) -> None:
    assert decisions.parse({"decision": "reject", "comment": "no"}) == decisions.Decision("reject", "no")
    with pytest.raises(ValueError):
        decisions.parse(body)


def test_an_approval_is_named_by_its_execution() -> None:
    assert decisions.is_approval_id("release-2026_11")
    assert not any(map(decisions.is_approval_id, ("", "a b", "a/b", "x" * 81)))
    assert decisions.who({"sub": "ada"}) == "ada"
    assert decisions.who({}) == "unknown"
