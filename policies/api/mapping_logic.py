from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from opsctl.findings import Finding, Rule, Severity
from opsctl.hcl import Resource
from opsctl.policy.rule import Stack, json_in, look
from opsctl.terraform.mapping_templates import TEMPLATES, directives_in

RULE = Rule(
    id="api/mapping-logic",
    title="A mapping template has logic",
    severity=Severity.MEDIUM,
    why=(
        "Templates that decide, loop or compute are a program that nobody tests, that deploys apart from the rest, "
        "and whose errors no log shows."
    ),
    mend="Pass the request on as it is, and put the logic into a function or a state machine.",
    links=(
        "https://docs.aws.amazon.com/apigateway/latest/developerguide/models-mappings.html",
        "https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html",
    ),
    tags=("S5",),
)


def find(stack: Stack) -> Iterator[Finding]:
    for kind, attribute in TEMPLATES.items():
        for integration in stack.of_type(kind):
            templates = look(integration, attribute, {})
            for content_type, template in templates.items() if isinstance(templates, Mapping) else ():
                yield from _judge(stack, integration, template, f"for {content_type}", attribute)
    for api in stack.of_type("aws_api_gateway_rest_api", "aws_apigatewayv2_api"):
        for template in _in_document(json_in(look(api, "body"))):
            yield from _judge(stack, api, template, "in its body", "body")


def _judge(stack: Stack, resource: Resource, template: Any, which: str, at: str) -> Iterator[Finding]:
    found = directives_in(template) if isinstance(template, str) else ()
    if found:
        words = ", ".join(f"#{directive}" for directive in found)
        yield stack.finding(RULE, resource, f"{resource.address} has logic ({words}) in its template {which}.", at=at)


def _in_document(part: Any) -> Iterator[Any]:
    if isinstance(part, Mapping):
        for name, value in part.items():
            if name in ("requestTemplates", "responseTemplates") and isinstance(value, Mapping):
                yield from value.values()
            else:
                yield from _in_document(value)
    elif isinstance(part, list):
        for value in part:
            yield from _in_document(value)
