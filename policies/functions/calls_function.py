"""A function calls another function. What is written decides. Either the function's role, which only Lambda may
assume, may invoke functions by name; or it may by a wildcard, or by a role made elsewhere, and the function is
told another one's name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from opsctl.findings import Finding, Rule, Severity
from opsctl.hcl import Resource
from opsctl.policy.rule import Stack, listed, look, statements

RULE = Rule(
    id="functions/calls-function",
    title="A function calls another function",
    severity=Severity.MEDIUM,
    why=(
        "The caller pays while it waits, its timeout covers both, a failure of one is retried by the other, and "
        "nobody sees the flow: it is the anti-pattern that AWS names first."
    ),
    mend="Put a queue, a topic or an event between them, or let Step Functions call both.",
    links=("https://docs.aws.amazon.com/lambda/latest/dg/concepts-event-driven-architectures.html",),
    tags=("S5",),
)


INVOKES = re.compile(r"^lambda:(?:invoke(?:function|async|\*)?|invokefunction\*)$", re.IGNORECASE)
WILDCARD = re.compile(r"^(?:\*|lambda:\*)$", re.IGNORECASE)
MANAGED = "policy/service-role/AWSLambdaRole"


def find(stack: Stack) -> Iterator[Finding]:
    for function in stack.of_type("aws_lambda_function"):
        told = _told(stack, function)
        roles = list(stack.named(look(function, "role"), "aws_iam_role"))
        if told and not roles:
            at = f"environment[0].variables.{_variable(stack, function)}"
            yield stack.finding(RULE, function, f"{function.address} is told the name of {told}.", at=at)
        for role in roles:
            actions = [
                action
                for statement in stack.role_statements(role)
                if statement.get("Effect") == "Allow" and not _is_of_its_own(stack, statement, function)
                for action in listed(statement.get("Action"))
                if isinstance(action, str)
            ]
            managed = [
                arn
                for each in stack.naming(role, "aws_iam_role_policy_attachment", "role")
                if isinstance(arn := look(each, "policy_arn"), str) and arn.endswith(MANAGED)
            ]
            by_name = managed or any(INVOKES.match(action) for action in actions)
            if (by_name and (told or _is_lambdas_alone(role))) or (told and any(map(WILDCARD.match, actions))):
                which = f" {told}" if told else " others"
                yield stack.finding(
                    RULE,
                    function,
                    f"{function.address} may call{which} by its role {role.address}.",
                    at=f"environment[0].variables.{_variable(stack, function)}" if told else "role",
                )


def _others(stack: Stack, function: Resource) -> Iterator[tuple[str, str]]:
    variables = look(function, "environment.variables", {})
    for name, value in variables.items() if isinstance(variables, Mapping) else ():
        for other in stack.functions(value):
            if other.address != function.address:
                yield name, other.address


def _told(stack: Stack, function: Resource) -> str:
    return next((address for _, address in _others(stack, function)), "")


def _variable(stack: Stack, function: Resource) -> str:
    return next((name for name, _ in _others(stack, function)), "")


def _is_of_its_own(stack: Stack, statement: Mapping[str, Any], function: Resource) -> bool:
    """A statement about the function itself: work that it splits into more of its own calls."""
    resources = listed(statement.get("Resource"))
    return bool(resources) and all(
        [each.address for each in stack.functions(resource)] == [function.address] for resource in resources
    )


def _is_lambdas_alone(role: Resource) -> bool:
    trusted = statements(look(role, "assume_role_policy")) or []
    services = {
        str(service)
        for each in trusted
        if isinstance(each.get("Principal"), Mapping)
        for service in listed(each["Principal"].get("Service"))
    }
    return services == {"lambda.amazonaws.com"}
