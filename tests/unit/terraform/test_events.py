"""Each line of Terraform's output as a value."""

import json

import pytest

from opsctl.terraform import events
from opsctl.terraform.events import module_name, parse_event

RESOURCE = {
    "addr": 'module.photos.module.queue["a"].aws_sqs_queue.this[0]', "module": 'module.photos.module.queue["a"]',
    "resource": "aws_sqs_queue.this[0]", "implied_provider": "aws", "resource_type": "aws_sqs_queue",
    "resource_name": "this", "resource_key": 0,
}  # fmt: skip
PLACE = (RESOURCE["addr"], 'photos.queue["a"]', "aws_sqs_queue", "this")


def line(kind, **fields):
    return json.dumps({"@level": "info", "@message": "said", "@module": "terraform.ui", "type": kind} | fields)


@pytest.mark.parametrize(
    ("kind", "fields", "event"),
    [
        ("version", {"terraform": "1.11.4", "ui": "1.2"}, events.Version("said", "1.11.4")),
        ("planned_change", {"change": {"resource": RESOURCE, "action": "replace", "reason": "tainted"}},
         events.PlannedChange("said", *PLACE, "replace", "tainted")),
        ("resource_drift", {"change": {"resource": RESOURCE, "action": "update"}},
         events.ResourceDrift("said", *PLACE, "update")),
        ("apply_start", {"hook": {"resource": RESOURCE, "action": "create"}},
         events.ApplyStart("said", *PLACE, "create")),
        ("apply_progress", {"hook": {"resource": RESOURCE, "action": "create", "elapsed_seconds": 10}},
         events.ApplyProgress("said", *PLACE, "create", 10.0)),
        ("apply_complete",
         {"hook": {"resource": RESOURCE, "action": "create", "id_key": "id", "id_value": "q", "elapsed_seconds": 3}},
         events.ApplyComplete("said", *PLACE, "create", 3.0, "q")),
        ("apply_errored", {"hook": {"resource": RESOURCE, "action": "delete", "elapsed_seconds": 3}},
         events.ApplyErrored("said", *PLACE, "delete", 3.0)),
        ("refresh_start", {"hook": {"resource": RESOURCE, "id_key": "id", "id_value": "q"}},
         events.RefreshStart("said", *PLACE, "read")),
        ("refresh_complete", {"hook": {"resource": RESOURCE}}, events.RefreshComplete("said", *PLACE, "read")),
        ("change_summary", {"changes": {"add": 1, "change": 2, "import": 3, "remove": 4, "operation": "plan"}},
         events.ChangeSummary("said", "plan", 1, 2, 4, 3)),
        ("outputs", {"outputs": {"b": {"sensitive": False, "value": "secret?"}, "a": {"sensitive": True}}},
         events.Outputs("said", ("a", "b"))),
        ("log", {}, events.Log("said")),
        ("type_of_the_future", {"what": 1}, events.Log("said")),
    ],
)  # fmt: skip
def test_every_type_of_event_is_understood(kind, fields, event):
    assert parse_event(line(kind, **fields)) == event


def test_a_diagnostic_says_where():
    document = {
        "severity": "error", "summary": "Invalid value", "detail": "must be 1 or more", "address": "aws_sqs_queue.this",
        "range": {"filename": "main.tf", "start": {"line": 7, "column": 1, "byte": 0}, "end": {"line": 7}},
        "snippet": {"context": "x", "code": "  days = 0", "start_line": 7},
    }  # fmt: skip
    event = parse_event(line("diagnostic", diagnostic=document))
    assert event.is_error
    assert (event.file, event.line, event.snippet) == ("main.tf", 7, "days = 0")
    assert event.where == "aws_sqs_queue.this, main.tf:7"


def test_a_diagnostic_without_a_place_is_one_too():
    event = parse_event(line("diagnostic", diagnostic={"severity": "warning", "summary": "Old", "detail": ""}))
    assert not event.is_error
    assert event.where == ""


@pytest.mark.parametrize(
    "text", ["panic: runtime error", '{"half": ', "[]", "1", "null", '{"no": "message"}', "", "\x00"]
)
def test_what_is_no_event_is_kept_as_it_is(text):
    assert parse_event(text + "\n") == events.Log(text)


def test_an_event_that_lacks_a_field_is_kept_as_it_is():
    text = line("apply_start", hook={})
    assert parse_event(text) == events.Log(text)


def test_module_names_read_well():
    assert module_name("") == ""
    assert module_name("module.photos") == "photos"
    assert module_name('module.a["x"].module.b[0]') == 'a["x"].b[0]'
