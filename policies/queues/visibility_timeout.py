from __future__ import annotations

from collections.abc import Iterator

from opsctl.findings import Finding, Rule, Severity
from opsctl.hcl import Resource
from opsctl.policy.rule import Stack, look, number

RULE = Rule(
    id="queues/visibility-timeout",
    title="A queue's visibility timeout is too short for the function that reads it",
    severity=Severity.HIGH,
    why=(
        "Messages come back while the function still works on them, or waits to be retried after a throttle, and "
        "are processed twice. Below the function's timeout Lambda refuses the mapping; AWS asks for six times it "
        "(plus the batching window)."
    ),
    mend=(
        "Set visibility_timeout_seconds to at least six times the function's timeout plus "
        "maximum_batching_window_in_seconds."
    ),
    links=("https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html",),
    tags=(
        "S1",
        "S4",
        "timeouts",
    ),
)


TIMES = 6
QUEUE_DEFAULT_SECONDS, FUNCTION_DEFAULT_SECONDS = 30, 3


def find(stack: Stack) -> Iterator[Finding]:
    for mapping in stack.of_type("aws_lambda_event_source_mapping"):
        window = number(look(mapping, "maximum_batching_window_in_seconds", 0))
        for queue in stack.named(look(mapping, "event_source_arn"), "aws_sqs_queue"):
            visible = number(look(queue, "visibility_timeout_seconds", QUEUE_DEFAULT_SECONDS))
            for function in _functions(stack, mapping):
                timeout = number(look(function, "timeout", FUNCTION_DEFAULT_SECONDS))
                if visible is None or timeout is None or window is None or visible >= TIMES * timeout + window:
                    continue
                yield stack.finding(
                    RULE,
                    queue,
                    f"{queue.address} hides a message for {visible:g} s; {function.address} may take {timeout:g} s: "
                    f"AWS asks for {TIMES * timeout + window:g} s.",
                    at="visibility_timeout_seconds",
                    severity=Severity.HIGH if visible < timeout else Severity.MEDIUM,
                )


def _functions(stack: Stack, mapping: Resource) -> Iterator[Resource]:
    """The function, also by way of an alias."""
    for named in stack.named(look(mapping, "function_name"), "aws_lambda_function", "aws_lambda_alias"):
        if named.type == "aws_lambda_alias":
            yield from stack.named(look(named, "function_name"), "aws_lambda_function")
        else:
            yield named
