"""The linter of state machines: what each rule lets pass, what it catches, and that all of ours pass."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsctl.workflows import RULES, lint
from opsctl.workflows.files import find_definitions

MODULES = Path(__file__).parents[2] / "terraform" / "modules"
DEFINITIONS = list(find_definitions(MODULES))
FUNCTION = "arn:aws:lambda:eu-central-1:111122223333:function:ship:live"
RETRY = [{"ErrorEquals": ["States.TaskFailed"], "IntervalSeconds": 1}]


def machine(**states: dict[str, Any]) -> str:
    """A machine of these states, the first one first, and an end for all of them."""
    named = {**states, "Done": {"Type": "Succeed"}, "Failed": {"Type": "Fail"}}
    named = {name: state for name, state in named.items() if name in states or f'"{name}"' in json.dumps(states)}
    return json.dumps({"StartAt": next(iter(states)), "TimeoutSeconds": 60, "States": named})


def task(**changes: Any) -> dict[str, Any]:
    """A task that all rules let pass; a change to None leaves the field out."""
    right = {
        "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "TimeoutSeconds": 5,
        "Parameters": {"FunctionName": FUNCTION}, "Retry": RETRY,
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Failed"}], "Next": "Done",
    }  # fmt: skip
    return {name: value for name, value in (right | changes).items() if value is not None}


def each(**changes: Any) -> dict[str, Any]:
    """A Map of that task."""
    inner = {"StartAt": "One", "States": {"One": {**task(Catch=None, Next=None), "End": True}}}
    caught = [{"ErrorEquals": ["States.ALL"], "Next": "Failed"}]
    right = {"Type": "Map", "MaxConcurrency": 5, "ItemProcessor": inner, "Catch": caught, "Next": "Done"}
    return {name: value for name, value in (right | changes).items() if value is not None}


WAITS = "arn:aws:states:::sqs:sendMessage.waitForTaskToken"
TOKEN = {"MessageBody": {"token.$": "$$.Task.Token"}, "QueueUrl": "q"}
UNQUALIFIED = FUNCTION.removesuffix(":live")
PUBLISHER = FUNCTION.replace("ship", "order-publish")

# rule → what it lets pass, what it catches (a state), and the machine's type
CASES: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "task-timeout": (task(), task(TimeoutSeconds=None), "STANDARD"),
    "task-retry": (task(), task(Retry=None), "STANDARD"),
    "task-catch": (each(), each(Catch=None), "STANDARD"),
    "service-errors": (
        task(),
        task(Retry=[{"ErrorEquals": ["Lambda.ServiceException", "Broken"]}]),
        "STANDARD",
    ),
    "glue": (
        task(Parameters={"FunctionName": PUBLISHER}, Comment="Once for each order."),
        task(Parameters={"FunctionName": PUBLISHER}),
        "STANDARD",
    ),
    "callback-timeout": (task(Resource=WAITS, Parameters=TOKEN), task(Resource=WAITS, Parameters={"a": 1}), "STANDARD"),
    "express": (task(), task(Resource=WAITS, Parameters=TOKEN), "EXPRESS"),
    "qualified-function": (task(), task(Parameters={"FunctionName": UNQUALIFIED}), "STANDARD"),
    "map-concurrency": (each(), each(MaxConcurrency=None), "STANDARD"),
}  # fmt: skip


@pytest.mark.parametrize("rule", sorted(CASES))
def test_a_rule_lets_right_ones_pass_and_catches_a_wrong_one(rule: str) -> None:
    right, wrong, kind = CASES[rule]
    assert lint(machine(Work=right), kind) == ()
    assert rule in {problem.rule for problem in lint(machine(Work=wrong), kind)}


def test_every_rule_has_its_case() -> None:
    assert sorted(CASES) == sorted(rule.name for rule in RULES)


def test_a_machine_without_a_timeout_is_caught() -> None:
    endless = json.loads(machine(Work=task()))
    del endless["TimeoutSeconds"]
    assert [problem.rule for problem in lint(json.dumps(endless))] == ["machine-timeout"]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (machine(Work=task(Next="Nowhere")), "Nowhere"),
        (machine(Work=task(Next=None)), "Next"),
        (machine(Work=task(), Lonely={"Type": "Pass", "Next": "Done"}), "Lonely"),
        (machine(Work=task(Retries=3)), "Retries"),
        ("[]", "object"),
        ("{", "JSON"),
    ],
)
def test_what_the_language_refuses_is_caught(wrong: str, words: str) -> None:
    assert any(words in f"{problem.where} {problem.what}" for problem in lint(wrong))


def test_a_problem_inside_a_map_says_where_it_is() -> None:
    wrong = each()
    del wrong["ItemProcessor"]["States"]["One"]["Retry"]
    [where] = {problem.where for problem in lint(machine(All=wrong))}
    assert where == "States.All.ItemProcessor.States.One"


def test_who_handles_an_error_itself_needs_no_catch() -> None:
    caught = task(Catch=[{"ErrorEquals": ["States.ALL"], "Next": "Mend"}])
    assert lint(machine(Work=caught, Mend=task(Catch=None, Next="Failed"))) == ()


def test_computed_numbers_are_no_problem() -> None:
    computed = task(TimeoutSeconds="{% $min([5, $states.input.limit]) %}", QueryLanguage="JSONata", Parameters=None,
                    Arguments={"FunctionName": FUNCTION})  # fmt: skip
    assert lint(machine(Work=computed)) == ()


@pytest.mark.parametrize(
    ("file", "machine_type"), DEFINITIONS, ids=[file.relative_to(MODULES).as_posix() for file, _ in DEFINITIONS]
)
def test_all_our_definitions_are_right(file: Path, machine_type: str) -> None:
    assert lint(file.read_text(), machine_type) == ()


def test_there_are_definitions_to_lint() -> None:
    assert {"lists.asl.json", "release.asl.json"} <= {file.name for file, _ in DEFINITIONS}


def test_a_machine_is_of_the_type_that_its_module_says() -> None:
    types = {file.name: machine_type for file, machine_type in DEFINITIONS}
    assert (types["image-processing.asl.json"], types["release.asl.json"]) == ("EXPRESS", "STANDARD")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["States", "StartAt", "Type", "Next", "Retry", "Choices", "x"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_whatever_it_is_given_it_answers(document: Any) -> None:
    assert lint(json.dumps(document))
