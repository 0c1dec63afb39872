"""Logic in API Gateway's mapping templates: a program that nobody tests, deploys apart or sees in a log.

A direct integration is fine while its template only passes on (literals, `$context`, `$input`). Directives that decide,
repeat or compute belong into a function or a state machine. The language is Apache Velocity's ("API Gateway mapping
template and access logging variable reference", "Velocity User Guide").
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

# `#if(…)`, `#{else}`, `#foreach …`, `#@macro`; not `##comment` and not `\#if`.
DIRECTIVE = re.compile(
    r"(?<![#\\])#(?:@?\{?(if|elseif|else|foreach|set|macro|define|parse|include|evaluate|break|stop)\b)"
)
# What Velocity passes over, and what it hands on unread.
SILENT = re.compile(r"#\*.*?\*#|#\[\[.*?\]\]#|##[^\n]*", re.DOTALL)
TEMPLATES: Mapping[str, str] = {
    "aws_api_gateway_integration": "request_templates",
    "aws_api_gateway_integration_response": "response_templates",
    "aws_api_gateway_gateway_response": "response_templates",
    "aws_apigatewayv2_integration": "request_templates",
    "aws_apigatewayv2_integration_response": "response_templates",
}
DOCUMENTS = frozenset({"aws_api_gateway_rest_api", "aws_apigatewayv2_api"})
"""APIs that may be written as OpenAPI in `body`, with AWS's extensions."""


@dataclass(frozen=True)
class TemplateLogic:
    """A template that does more than pass on.

    Attributes:
        content_type: the template's key; directives: in their order, without repetitions.
    """

    where: str
    content_type: str
    directives: tuple[str, ...]

    def __str__(self) -> str:
        words = ", ".join(f"#{directive}" for directive in self.directives)
        return f"{self.where}: the mapping template for {self.content_type} has logic ({words})"


def directives_in(template: str) -> tuple[str, ...]:
    """The directives of a template that decide, repeat or compute, in their order, each once."""
    read = SILENT.sub("", template)
    return tuple(dict.fromkeys(match[1] for match in DIRECTIVE.finditer(read)))


def template_logic(document: Mapping[str, Any]) -> tuple[TemplateLogic, ...]:
    """Templates with logic of all APIs of a plan (`terraform show -json PLAN`), by address."""
    return tuple(
        TemplateLogic(where, content_type, found)
        for where, content_type, template in sorted(
            _templates(document.get("planned_values", {}).get("root_module", {}))
        )
        if (found := directives_in(template))
    )


def _templates(module: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for resource in module.get("resources", ()):
        values = resource.get("values", {})
        if resource["type"] in TEMPLATES:
            yield from _entries(resource["address"], values.get(TEMPLATES[resource["type"]]))
        elif resource["type"] in DOCUMENTS:
            yield from _in_document(resource["address"], _parsed(values.get("body")))
    for child in module.get("child_modules", ()):
        yield from _templates(child)


def _in_document(where: str, part: Any) -> Iterator[tuple[str, str, str]]:
    if isinstance(part, Mapping):
        for name, value in part.items():
            if name in ("requestTemplates", "responseTemplates"):
                yield from _entries(where, value)
            else:
                yield from _in_document(where, value)
    elif isinstance(part, list):
        for value in part:
            yield from _in_document(where, value)


def _entries(where: str, templates: Any) -> Iterator[tuple[str, str, str]]:
    if isinstance(templates, Mapping):
        for content_type, template in templates.items():
            if isinstance(template, str):
                yield where, content_type, template


def _parsed(body: Any) -> Any:
    try:
        return json.loads(body) if isinstance(body, str) else None
    except ValueError:
        return None
