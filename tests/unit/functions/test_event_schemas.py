"""The events on the bus: schemas, examples, what is published and by whom."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
LAYER = ROOT / "terraform/modules/function_layer/layers/shared"
SCHEMAS = LAYER / "events/schemas"
EXAMPLES = ROOT / "tests/data/events"
DETAIL_TYPES = sorted(file.stem for file in SCHEMAS.glob("*.json"))


@pytest.fixture(scope="module")
def events() -> Iterator[ModuleType]:
    sys.path.insert(0, str(LAYER))
    import events

    yield events
    sys.path.remove(str(LAYER))


def examples(detail_type: str) -> dict[str, list[Any]]:
    given: dict[str, list[Any]] = json.loads((EXAMPLES / f"{detail_type}.json").read_text())
    return given


class Bus:
    """EventBridge's PutEvents, as far as `publish` uses it."""

    def __init__(self, *, takes: bool = True) -> None:
        self.takes = takes
        self.entries: list[dict[str, str]] = []

    def put_events(self, Entries: list[dict[str, str]]) -> dict[str, Any]:  # noqa: N803
        if not self.takes:
            return {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "ThrottlingException", "ErrorMessage": "later"}]}
        self.entries += Entries
        return {"FailedEntryCount": 0, "Entries": [{"EventId": "an-id"}]}


@pytest.mark.parametrize("detail_type", DETAIL_TYPES)
def test_every_schema_is_draft_07_says_what_happened_and_asks_for_a_correlation_id(detail_type: str) -> None:
    schema = json.loads((SCHEMAS / f"{detail_type}.json").read_text())
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
    assert schema["description"].endswith(".")
    assert "correlation_id" in schema["required"]
    assert re.fullmatch(r"[a-z]+\.[a-z-]+", detail_type)


@pytest.mark.parametrize("detail_type", DETAIL_TYPES)
def test_every_schema_takes_its_valid_examples_and_refuses_the_invalid_ones_by_the_field(
    events: ModuleType, detail_type: str
) -> None:
    given = examples(detail_type)
    assert given["valid"]
    assert given["invalid"]
    for detail in given["valid"]:
        events.check(detail_type, detail)
    for case in given["invalid"]:
        with pytest.raises(events.Invalid, match=re.escape(case["why"])):
            events.check(detail_type, case["detail"])


@pytest.mark.parametrize("detail", [None, [], "text", 7])
def test_a_detail_that_is_no_object_is_refused(events: ModuleType, detail: object) -> None:
    with pytest.raises(events.Invalid, match="object"):
        events.check("order.placed", detail)


def test_an_event_that_nobody_described_is_refused_and_the_known_ones_are_named(events: ModuleType) -> None:
    for unknown in ("order.teleported", "../events/schemas/order.placed", ""):
        with pytest.raises(events.Invalid, match=r"no such event; there are .*order\.placed"):
            events.check(unknown, {})


def test_what_is_published_is_what_was_given(events: ModuleType) -> None:
    bus, [detail, *_] = Bus(), examples("order.confirmed")["valid"]
    assert events.publish(bus, "shop-local-events", "orders", "order.confirmed", detail) == "an-id"
    [entry] = bus.entries
    assert (entry["EventBusName"], entry["Source"], entry["DetailType"]) == (
        "shop-local-events",
        "orders",
        "order.confirmed",
    )
    assert json.loads(entry["Detail"]) == detail


def test_an_event_that_breaks_its_schema_never_reaches_the_bus(events: ModuleType) -> None:
    bus = Bus()
    with pytest.raises(events.Invalid):
        events.publish(bus, "bus", "orders", "order.confirmed", {"transaction_id": "t0000001"})
    assert bus.entries == []


def test_an_event_larger_than_eventbridge_takes_is_refused_before_it_is_sent(events: ModuleType) -> None:
    bus, [detail, *_] = Bus(), examples("order.confirmed")["valid"]
    events.publish(bus, "bus", "orders", "order.confirmed", {**detail, "note": "x" * 200_000})
    with pytest.raises(events.Invalid, match="262144"):
        events.publish(bus, "bus", "orders", "order.confirmed", {**detail, "note": "x" * 262_144})
    assert len(bus.entries) == 1


def test_an_entry_that_eventbridge_did_not_take_is_an_error(events: ModuleType) -> None:
    [detail, *_] = examples("order.confirmed")["valid"]
    with pytest.raises(events.NotPublished, match="ThrottlingException"):
        events.publish(Bus(takes=False), "bus", "orders", "order.confirmed", detail)


def published_detail_types() -> set[str]:
    """Every detail-type that a function or a state machine of ours publishes."""
    modules = ROOT / "terraform/modules"
    in_code = r"events\.publish\([^)]*?\"([a-z]+\.[a-z-]+)\""
    in_machines = r"\"DetailType\"\s*:\s*\"([^\"$]+)\""
    found = {name for file in modules.glob("*/functions/*/*.py") for name in re.findall(in_code, file.read_text())}
    return found | {name for file in modules.rglob("*.asl.json*") for name in re.findall(in_machines, file.read_text())}


def test_every_event_that_our_functions_and_state_machines_publish_has_a_schema() -> None:
    assert published_detail_types() <= set(DETAIL_TYPES)


def test_every_schema_has_examples_and_every_example_has_a_schema() -> None:
    assert {file.stem for file in EXAMPLES.glob("*.json")} == set(DETAIL_TYPES)
