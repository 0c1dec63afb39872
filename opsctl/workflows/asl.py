"""What is wrong with a state machine's definition: by the States Language itself, and by our rules.

The language's rules (fields, targets that exist, states that can be reached) are statelint's
(https://states-language.net/spec.html); ours follow the Step Functions developer guide, "Best practices".
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

LAMBDA_SERVICE_ERRORS = frozenset(
    {
        "Lambda.ServiceException", "Lambda.AWSLambdaException", "Lambda.SdkClientException",
        "Lambda.TooManyRequestsException",
    }
)  # fmt: skip
"""Errors of the service, not of the function, that the developer guide asks to retry."""

NUMBERS = ("TimeoutSeconds", "HeartbeatSeconds", "MaxConcurrency", "Seconds", "ToleratedFailureCount")
"""Fields that JSONata may compute; statelint knows only that of a literal number."""

# A function that does but this has an integration that does it without code.
GLUE = re.compile(r"(?:^|[-_])(?:publish|send|notify|announce|enqueue|put[-_]?item|put[-_]?event|start[-_]?execution)")
OPEN = re.compile(r"""(?:"(\w+)"\s*:\s*|([\[,]\s*))\$\{[^}]*\}""")
"""What a template leaves open outside of text, with the field that it is for."""
FILLED = {"Retry": '[{"ErrorEquals": ["States.ALL"]}]', "Assign": "{}", "Output": "{}"}

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        rule: which rule says so; `language` for the States Language itself.
        where: path of the state, from the top: `States.Ship.ItemProcessor.States.Pack`.
        what: one sentence.
    """

    rule: str
    where: str
    what: str


@dataclass(frozen=True)
class State:
    """A state with where it is.

    Attributes:
        shielded: a Map or Parallel around it has a Catch.
        after_catch: only a Catch leads to it, so that it handles an error itself.
    """

    name: str
    where: str
    body: Json
    shielded: bool
    after_catch: bool

    @property
    def resource(self) -> str:
        return str(self.body.get("Resource", ""))

    @property
    def is_task(self) -> bool:
        return self.body.get("Type") == "Task"

    @property
    def works(self) -> bool:
        """Whether it is more than one call of an API: it runs a function, or waits for somebody."""
        return self.is_task and bool(self.function or re.search(r"\.sync|\.waitForTaskToken|:activity:", self.resource))

    @property
    def given(self) -> Json:
        """What the task hands over."""
        found = self.body.get("Arguments") or self.body.get("Parameters") or {}
        return found if isinstance(found, dict) else {}

    @property
    def function(self) -> str:
        """The function that a task runs, as it is named there; empty for any other task."""
        if ":lambda:" in self.resource and ":function:" in self.resource:
            return self.resource
        if ":::lambda:invoke" in self.resource:
            return str(self.given.get("FunctionName") or self.given.get("FunctionName.$") or "")
        return ""


@dataclass(frozen=True)
class Rule:
    """One of our rules. `finds` gets a state and its machine's type; gives a sentence when the state breaks it."""

    name: str
    asks: str
    finds: Callable[[State, str], str | None]


def problems(definition: str) -> tuple[Problem, ...]:
    """What the States Language itself refuses. Empty when nothing."""
    from statelint.config import Config
    from statelint.linter import Linter
    from statelint.problem import ProblemType

    try:
        machine = json.loads(definition)
    except ValueError as error:
        return (Problem("language", "", f"no JSON: {error}"),)
    if not isinstance(machine, dict):
        return (Problem("language", "", "must be a JSON object"),)
    # Float: AWS takes a BackoffRate of 2; statelint asks for 2.0.
    try:
        said = Linter.validate(_with_numbers(machine), Config({ProblemType.FLOAT, ProblemType.URI}))
    except (TypeError, AttributeError, KeyError, ValueError) as error:  # it trips over fields of wrong types
        return (Problem("language", "", f"a field has a wrong type: {error}"),)
    return tuple(_from_statelint(line.strip()) for line in said)


def lint(definition: str, machine_type: str = "STANDARD") -> tuple[Problem, ...]:
    """What is wrong with a definition, rendered or still a template of Terraform: our rules once the language has none.

    Args:
        machine_type: STANDARD or EXPRESS.
    """
    text = literal(definition)
    if found := problems(text):
        return found
    machine = json.loads(text)
    ours = [] if "TimeoutSeconds" in machine else [
        Problem("machine-timeout", "", "has no TimeoutSeconds: an execution that hangs would hang for a year")
    ]  # fmt: skip
    ours += [
        Problem(rule.name, state.where, f"{state.name} {sentence}")
        for state in states(machine)
        for rule in RULES
        if (sentence := rule.finds(state, machine_type)) is not None
    ]
    return tuple(ours)


def literal(template: str) -> str:
    """A template of Terraform as JSON. What it leaves open can be judged only once it is rendered: here it passes."""
    try:
        json.loads(template)
        return template
    except ValueError:
        return OPEN.sub(
            lambda found: f'"{found[1]}": {FILLED.get(found[1], 60)}' if found[1] else f"{found[2]}60", template
        )


def _filled(left_open: re.Match[str]) -> str:
    field, before = left_open.groups()
    return f'"{field}": {FILLED.get(field, "60")}' if field else f"{before}60"


def states(machine: Json, where: str = "", shielded: bool = False) -> Iterator[State]:
    """Every state of a machine, those inside of Map and Parallel, too."""
    named = {name: body for name, body in machine.get("States", {}).items() if isinstance(body, dict)}
    usual = _reached(machine.get("StartAt"), named)
    for name, body in named.items():
        path = f"{where}States.{name}"
        yield State(name, path, body, shielded, name not in usual)
        inside = shielded or bool(body.get("Catch"))
        for field in ("ItemProcessor", "Iterator"):
            if isinstance(body.get(field), dict):
                yield from states(body[field], f"{path}.{field}.", inside)
        for number, branch in enumerate(body.get("Branches", [])):
            yield from states(branch, f"{path}.Branches[{number}].", inside)


def _reached(start: Any, named: Mapping[str, Json]) -> set[str]:
    """States that an execution gets to without an error."""
    found: set[str] = set()
    ahead = [start]
    while ahead:
        name = ahead.pop()
        if name in found or name not in named:
            continue
        found.add(name)
        body = named[name]
        ahead += [body.get("Next"), body.get("Default"), *(choice.get("Next") for choice in body.get("Choices", []))]
    return found


def _task_has_a_timeout(state: State, machine_type: str) -> str | None:
    if machine_type == "EXPRESS" or not state.works or {"TimeoutSeconds", "TimeoutSecondsPath"} & state.body.keys():
        return None
    return "has no TimeoutSeconds: it could wait for ever"


def _task_is_retried(state: State, machine_type: str) -> str | None:
    return "has no Retry" if state.is_task and not state.body.get("Retry") else None


def _task_is_caught(state: State, machine_type: str) -> str | None:
    if not state.works or state.body.get("Catch") or state.shielded or state.after_catch:
        return None
    return "has no Catch, nor has a Map or Parallel around it, and it handles no error itself"


def _service_errors_are_retried(state: State, machine_type: str) -> str | None:
    if not state.function:
        return None
    retried = _errors_of(state.body.get("Retry", []))
    if "States.ALL" in retried or "States.TaskFailed" in retried or retried >= LAMBDA_SERVICE_ERRORS:
        return None
    return f"does not retry {', '.join(sorted(LAMBDA_SERVICE_ERRORS - retried))}"


def _glue_says_why(state: State, machine_type: str) -> str | None:
    name = re.split(r":function:|/", state.function)[-1].lower().strip("${} ")
    if state.function and GLUE.search(name.partition(":")[0]) and not state.body.get("Comment"):
        return f"runs {state.function}, which sounds like one service's call: integrate it, or say why in Comment"
    return None


def _callback_ends(state: State, machine_type: str) -> str | None:
    if ".waitForTaskToken" not in state.resource:
        return None
    if not {"TimeoutSeconds", "TimeoutSecondsPath", "HeartbeatSeconds", "HeartbeatSecondsPath"} & state.body.keys():
        return "waits for a task token without a timeout"
    if "Task.Token" not in json.dumps(state.given):
        return "waits for a task token that it hands to nobody"
    return None


def _express_waits_for_nobody(state: State, machine_type: str) -> str | None:
    if machine_type == "EXPRESS" and re.search(r"\.sync|\.waitForTaskToken|:activity:", state.resource):
        return f"uses {state.resource.rpartition(':')[2]}, which an Express machine can't"
    return None


def _function_is_qualified(state: State, machine_type: str) -> str | None:
    arn = state.function
    if ":function:" in arn and not re.search(r":function:[^:]+:[^:]+$|\$\{", arn):
        return f"runs {arn} without an alias: a deploy would change executions under way"
    return None


def _map_is_bounded(state: State, machine_type: str) -> str | None:
    most = state.body.get("MaxConcurrency")
    if state.body.get("Type") != "Map" or "MaxConcurrencyPath" in state.body or most:
        return None
    return "has no MaxConcurrency: all its items would be worked off at once"


RULES: tuple[Rule, ...] = (
    Rule(
        "task-timeout",
        "What runs a function or waits ends by itself; Express does after 5 minutes.",
        _task_has_a_timeout,
    ),
    Rule("task-retry", "Every task is tried again.", _task_is_retried),
    Rule("task-catch", "What runs a function or waits has somewhere to go when it fails for good.", _task_is_caught),
    Rule("service-errors", "Errors of the Lambda service are tried again.", _service_errors_are_retried),
    Rule("glue", "A service's own integration instead of a function, or a Comment that says why.", _glue_says_why),
    Rule("callback-timeout", "Who waits for a token hands it over, and not for ever.", _callback_ends),
    Rule("express", "An Express machine waits for no job and no token.", _express_waits_for_nobody),
    Rule("qualified-function", "Functions are run by alias or version.", _function_is_qualified),
    Rule("map-concurrency", "A Map says how many at once.", _map_is_bounded),
)


def _errors_of(retriers: Iterable[Json]) -> frozenset[str]:
    return frozenset(
        error for retrier in retriers if retrier.get("MaxAttempts", 3) for error in retrier.get("ErrorEquals", [])
    )


def _from_statelint(line: str) -> Problem:
    """statelint says `State Machine.States.A.Next is …`, where and then what; or a sentence about all of it."""
    if not line.startswith("State Machine"):
        return Problem("language", "", line.replace("State Machine.", ""))
    where, _, what = line.removeprefix("State Machine").partition(" ")
    return Problem("language", where.removeprefix("."), what)


def _with_numbers(value: Any, field: str = "") -> Any:
    if isinstance(value, dict):
        return {name: _with_numbers(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [_with_numbers(item) for item in value]
    if field in NUMBERS and isinstance(value, str) and value.startswith("{%"):
        return 1
    return value
