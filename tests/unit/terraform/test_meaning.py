"""When two plans mean the same."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from opsctl.terraform.meaning import canonical, difference, differences
from opsctl.terraform.plan import Binding, Origin, Plan, plan_from_json

DOCUMENTS = Path(__file__).with_name("plans")
KEY = b"lies in the state bucket"

scalars = st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False, width=16) | st.text(max_size=3)
values = st.recursive(
    scalars,
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.sampled_from("abcd"), inside, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(st.sampled_from(["name", "tags", "size", "rules"]), values, max_size=4)
actions = st.sampled_from([["create"], ["update"], ["delete", "create"], ["create", "delete"], ["delete"]])


def document(resources: list[dict[str, Any]], outputs: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"terraform_version": "1.11.4", "resource_changes": resources, "output_changes": outputs or {}}


def resource(number: int, action: list[str], before: Any, after: Any, unknown: Any = None) -> dict[str, Any]:
    name = f"q{number}"
    change = {
        "actions": action, "before": None if action == ["create"] else before,
        "after": None if action == ["delete"] else after, "after_unknown": unknown or {},
    }  # fmt: skip
    return {
        "address": f"aws_sqs_queue.{name}",
        "type": "aws_sqs_queue",
        "name": name,
        "mode": "managed",
        "change": change,
    }


def plan_of(found: dict[str, Any], *, destroy: bool = False, serial: int = 1, key: bytes = KEY, at: str = "") -> Plan:
    binding = Binding(
        "local", Path("/stack"), Path("/work"), "", "1.11.4", "5.100.0", "l", serial, destroy,
        origin=Origin(made_at=at),
    )  # fmt: skip
    changes = plan_from_json(found, key)
    return Plan(
        Path("/plan"), "", binding, "1.11.4", changes.changes,
        output_changes=changes.output_changes, outputs=changes.outputs,
    )  # fmt: skip


def meaning(found: dict[str, Any], **how: Any) -> str:
    return plan_of(found, **how).meaning


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    made = [resource(n, *draw(st.tuples(actions, objects, objects))) for n in range(draw(st.integers(1, 4)))]
    outputs = {
        name: {"actions": ["update"], "before": None, "after": draw(values), "after_unknown": False}
        for name in draw(st.sets(st.sampled_from(["url", "ids"])))
    }
    return document(made, outputs)


def shuffled(value: Any, draw: Any) -> Any:
    """The same JSON with the keys of its objects in another order."""
    if isinstance(value, dict):
        return {name: shuffled(value[name], draw) for name in draw(st.permutations(list(value)))}
    return [shuffled(item, draw) for item in value] if isinstance(value, list) else value


@settings(max_examples=60, deadline=None)
@given(documents(), st.data())
def test_order_time_and_serial_mean_nothing(found: dict[str, Any], data: Any) -> None:
    other = shuffled(found, data.draw)
    other["resource_changes"] = data.draw(st.permutations(other["resource_changes"]))
    other |= {"timestamp": "2026-11-21T12:00:00Z", "format_version": "1.2"}
    assert meaning(other, serial=9, at="2026-11-21T12:00:00") == meaning(found)
    assert differences(plan_of(found), plan_of(other)) == ()


def paths(value: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where the leaves of a JSON value are."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    below = [path for key, item in inside for path in paths(item, (*here, key))]
    return below if isinstance(value, dict | list) and below else [here]


def replaced(value: Any, path: tuple[Any, ...], leaf: Any) -> Any:
    if not path:
        return leaf
    made = copy.copy(value)
    made[path[0]] = replaced(value[path[0]], path[1:], leaf)
    return made


@settings(max_examples=60, deadline=None)
@given(objects, objects, st.sampled_from([["create"], ["update"], ["delete", "create"]]), scalars, st.data())
def test_a_value_that_becomes_another_at_any_depth_means_another_plan(
    before: Any, after: Any, action: list[str], leaf: Any, data: Any
) -> None:
    assume(after)
    path = data.draw(st.sampled_from(paths(after)))
    other = replaced(after, path, leaf)
    assume(difference(after, other, None) is not None)
    one, two = (document([resource(1, action, before, value)]) for value in (after, other))
    assert meaning(one) != meaning(two)
    [line] = differences(plan_of(one), plan_of(two))
    assert "aws_sqs_queue.q1: would be " in line
    assert f"({path[0]})" in line


@settings(max_examples=60, deadline=None)
@given(objects, objects, st.data())
def test_what_is_unknown_until_the_apply_may_have_been_anything_before(before: Any, after: Any, data: Any) -> None:
    unknown = {"arn": True}
    found = [
        document([resource(1, ["update"], before | {"arn": was}, after, unknown)]) for was in data.draw(two_of(values))
    ]
    assert meaning(found[0]) == meaning(found[1])
    known = document([resource(1, ["update"], before | {"arn": "a"}, after | {"arn": "b"})])
    assert meaning(known) != meaning(found[0])


def two_of(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, Any]]:
    return st.tuples(strategy, strategy)


@settings(max_examples=60, deadline=None)
@given(objects, two_of(values))
def test_an_attribute_that_stays_as_it_is_may_be_anything(after: Any, same: tuple[Any, Any]) -> None:
    one, two = (
        document([resource(1, ["update"], {"size": 1, "aside": value}, after | {"size": 2, "aside": value})])
        for value in same
    )
    assert meaning(one) == meaning(two)


@settings(max_examples=60, deadline=None)
@given(values)
def test_a_value_never_differs_from_itself_and_null_is_as_good_as_missing(value: Any) -> None:
    assert difference(value, copy.deepcopy(value), None) is None
    assert difference({"a": 1}, {"a": 1, "b": None}, None) is None


@pytest.mark.parametrize(
    ("one", "other"),
    [(1, True), (0, False), (1, "1"), (None, ""), (None, {}), (None, []), ({}, []), ([], [None]), ([1, 2], [2, 1]),
     ({"a": {"b": 1}}, {"a": {"b": 2}}), (["unknown"], "unknown"), ([[]], [{}])],
)  # fmt: skip
def test_values_that_only_look_alike_differ(one: Any, other: Any) -> None:
    assert difference(one, other, None) is not None
    outputs = [
        {"url": {"actions": ["create"], "before": None, "after": v, "after_unknown": False}} for v in (one, other)
    ]
    assert meaning(document([], outputs[0])) != meaning(document([], outputs[1]))


def recorded() -> dict[str, Any]:
    return dict(json.loads((DOCUMENTS / "aws.json").read_text()))


@pytest.mark.parametrize(
    "edit",
    [
        {"address": "aws_sqs_queue.other"},
        {"deposed": "0123abcd"},
        {"previous_address": "aws_sqs_queue.old"},
        {"action_reason": "replace_because_tainted"},
        {"change": {"actions": ["create", "delete"]}},
        {"change": {"actions": ["update"]}},
        {"change": {"replace_paths": [["name"]]}},
        {"change": {"importing": {"id": "q"}}},
        {"change": {"before": {"id": "another", "name": "a"}}},
    ],
    ids=lambda edit: canonical(edit)[:40],
)
def test_each_part_of_what_is_done_to_a_resource_counts(edit: dict[str, Any]) -> None:
    one = resource(1, ["delete", "create"], {"id": "q", "name": "a"}, {"name": "b"})
    two = copy.deepcopy(one)
    two |= {key: value for key, value in edit.items() if key != "change"}
    two["change"] |= edit.get("change", {})
    assert meaning(document([one])) != meaning(document([two]))


def test_whether_all_is_destroyed_and_which_key_was_used_count() -> None:
    found = recorded()
    assert meaning(found) == meaning(found)
    assert meaning(found, destroy=True) != meaning(found)
    assert meaning(found, key=b"another environment's") != meaning(found)


def test_what_is_deleted_is_known_by_its_id_and_not_by_values_that_move_by_themselves() -> None:
    one, two, three = (
        document([resource(1, ["delete"], {"id": name, "latest_restorable_time": time}, None)])
        for name, time in (("db", "12:00"), ("db", "12:05"), ("db2", "12:00"))
    )
    assert meaning(one) == meaning(two)
    assert meaning(one) != meaning(three)


def test_differences_are_told_by_address_in_peoples_words_and_without_a_value() -> None:
    saved = document([
        resource(1, ["create"], None, {"name": "a"}), resource(2, ["update"], {"size": 1}, {"size": 2}),
        resource(3, ["update"], {"pin": "1111"}, {"pin": "2222"}),
    ], {"url": {"actions": ["create"], "before": None, "after": "a"}})  # fmt: skip
    fresh = document([
        resource(2, ["delete", "create"], {"size": 1}, {"size": 2}),
        resource(3, ["update"], {"pin": "1111"}, {"pin": "3333"}), resource(4, ["delete"], {}, None),
    ], {"url": {"actions": ["create"], "before": None, "after": "b"}})  # fmt: skip
    lines = differences(plan_of(saved), plan_of(fresh))
    assert lines == (
        "aws_sqs_queue.q1: would no longer be created",
        "aws_sqs_queue.q2: would now be replaced, not changed",
        "aws_sqs_queue.q3: would be changed otherwise (pin)",
        "aws_sqs_queue.q4: would now be destroyed; the saved plan leaves it alone",
        "output url: would get another value",
    )
    assert not {"1111", "2222", "3333"} & {*" ".join(lines).split()}


def test_hashes_are_neither_printed_nor_stored_with_a_plan() -> None:
    plan = plan_of(recorded())
    for digest in [digest for change in plan.changes for digest in change.hashes.values()]:
        assert digest not in repr(plan)
        assert digest not in plan.binding.to_json()
