"""One function serves several purposes. Judged by what triggers it. Requests (an API, a load balancer, a URL)
together with events (queues, streams, topics, buckets, schedules) are two purposes; so are three services'
events, and paths of four or more collections of an API."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from opsctl.findings import Finding, Rule, Severity
from opsctl.hcl import Resource
from opsctl.policy.rule import Stack, look

RULE = Rule(
    id="functions/single-purpose",
    title="One function serves several purposes",
    severity=Severity.LOW,
    why=(
        "Requests that somebody waits for and events that come in bulk need different timeouts, memory, retries and "
        "permissions; a function that takes both has the widest of each, and a failure in one stops the other."
    ),
    mend="Split it: one function for each kind of event, with the shared code in a module or layer.",
    links=("https://docs.aws.amazon.com/lambda/latest/dg/concepts-event-driven-architectures.html",),
    tags=("S5",),
)


REQUESTS = frozenset({"apigateway", "elasticloadbalancing", "function URL"})
EVENTS = frozenset({"sqs", "kinesis", "dynamodb", "s3", "sns", "events", "scheduler", "kafka", "codecommit"})
MOST_SERVICES, MOST_COLLECTIONS = 2, 3


def find(stack: Stack) -> Iterator[Finding]:
    services = _services(stack)
    collections = _collections(stack)
    for function in stack.of_type("aws_lambda_function"):
        found = services.get(function.address, set())
        requests, events = found & REQUESTS, found & EVENTS
        if (requests and events) or len(events) > MOST_SERVICES:
            what = ", ".join(sorted(requests | events))
            yield stack.finding(RULE, function, f"{function.address} is triggered by {what}.")
        elif len(paths := collections.get(function.address, set())) > MOST_COLLECTIONS:
            yield stack.finding(RULE, function, f"{function.address} answers for /{', /'.join(sorted(paths))}.")


def _services(stack: Stack) -> Mapping[str, set[str]]:
    """Address of a function → services that trigger it."""
    found: dict[str, set[str]] = {}

    def add(value: Any, service: str) -> None:
        for function in stack.functions(value):
            found.setdefault(function.address, set()).add(service)

    for permission in stack.of_type("aws_lambda_permission"):
        principal = look(permission, "principal")
        if isinstance(principal, str) and principal.endswith(".amazonaws.com"):
            add(look(permission, "function_name"), principal.removesuffix(".amazonaws.com"))
    for mapping in stack.of_type("aws_lambda_event_source_mapping"):
        source = look(mapping, "event_source_arn")
        for kind, service in (
            ("aws_sqs_queue", "sqs"),
            ("aws_kinesis_stream", "kinesis"),
            ("aws_dynamodb_table", "dynamodb"),
        ):
            if any(stack.named(source, kind)) or (isinstance(source, str) and f":{service}:" in source):
                add(look(mapping, "function_name"), service)
    for url in stack.of_type("aws_lambda_function_url"):
        add(look(url, "function_name"), "function URL")
    for schedule in stack.of_type("aws_scheduler_schedule"):
        add(look(schedule, "target.arn"), "scheduler")
    return found


def _collections(stack: Stack) -> Mapping[str, set[str]]:
    """Address of a function → the first parts of the paths that it answers for."""
    found: dict[str, set[str]] = {}

    def add(uri: Any, first: str) -> None:
        for function in stack.functions(uri) if first and not first.startswith("{") else ():
            found.setdefault(function.address, set()).add(first)

    for integration in stack.of_type("aws_api_gateway_integration"):
        for resource in stack.named(look(integration, "resource_id"), "aws_api_gateway_resource"):
            add(look(integration, "uri"), _first_part(stack, resource))
    for route in stack.of_type("aws_apigatewayv2_route"):
        key = look(route, "route_key")
        if isinstance(key, str) and " /" in key:
            for integration in stack.named(look(route, "target"), "aws_apigatewayv2_integration"):
                add(look(integration, "integration_uri"), key.partition(" /")[2].split("/")[0])
    return found


def _first_part(stack: Stack, resource: Resource) -> str:
    for _ in range(30):  # API Gateway's deepest path
        above = next(stack.named(look(resource, "parent_id"), "aws_api_gateway_resource"), None)
        if above is None:
            break
        resource = above
    part = look(resource, "path_part")
    return part if isinstance(part, str) else ""
